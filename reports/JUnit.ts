/**
 * Results as JUnit XML, as GitHub's reporters, GitLab and Jenkins read it: one suite, a test case for each property, in
 * the class of the requirements that it is about. One that was ended early is skipped, not passed. Nothing in it
 * depends on the time of day or the machine, but for the times that the work took.
 */
import { failureLines } from "./CheckReport.ts"
import type { CheckReport, PropertyReport } from "./CheckReport.ts"

export const junit = (report: CheckReport): string => {
  const { properties, wallMs } = report
  const count = (of: PropertyReport["status"]) => properties.filter(({ status }) => status === of).length
  const counts = { tests: properties.length, failures: count("failed"), errors: 0 }
  const time = seconds(wallMs)
  const suite = { name: "muster check", ...counts, skipped: count("skipped") + count("interrupted"), time }
  const facts = Object.entries(factsOf(report)).map(([name, value]) => element("property", { name, value }))
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: "muster", ...counts, time })}>`,
    `<testsuite${attributes(suite)}>`,
    element("properties", {}, `\n${facts.join("\n")}\n`),
    ...properties.map((property) => testCase(property, report)),
    "</testsuite>",
    "</testsuites>",
    ""
  ].join("\n")
}

type Attributes = Readonly<Record<string, string | number>>

const factsOf = ({
  properties,
  seed,
  seeds,
  shard,
  shards,
  strategy,
  uncontrolled,
  version,
  world
}: CheckReport): Attributes => ({
  version,
  world,
  seed,
  ...(seeds === undefined ? {} : { seeds }),
  strategy,
  ...(shard === undefined ? {} : { shard }),
  ...(shards === undefined ? {} : { shards }),
  runs: properties.reduce((total, { runs }) => total + runs, 0),
  ...(uncontrolled.length === 0 ? {} : { uncontrolled: uncontrolled.join("; ") })
})

const testCase = (property: PropertyReport, report: CheckReport): string => {
  const { id, requirements, title, wallMs } = property
  const [requirement = "other"] = requirements
  const [area = requirement] = requirement.split(".")
  // Jenkins takes what is before the last dot for a folder, so that a whole `R1.1` would be a class called 1.
  const names = { classname: `muster.${area}`, name: `${id} ${title}`, time: seconds(wallMs) }
  const parts = [...outcome(property), element("system-out", {}, escape(toldOf(property, report)))]
  return element("testcase", names, `\n${parts.join("\n")}\n`)
}

const outcome = (property: PropertyReport): ReadonlyArray<string> => {
  const { failure, reason = "", runs, status } = property
  if (status === "holds") return []
  if (status === "skipped") return [element("skipped", { message: reason })]
  if (status === "interrupted") {
    return [element("skipped", { message: `ended early; it held in all runs so far, which are ${runs}` })]
  }
  const { message } = failure ?? { message: "" }
  const told = failure === undefined ? "" : failureLines(failure)
  return [element("failure", { message, type: "property" }, escape(told))]
}

const toldOf = (property: PropertyReport, { shards }: CheckReport): string => {
  const { distinctTraces, requirements, runs, steps, unreached, virtualMs } = property
  const traces = `${shards === undefined ? "" : "at least "}${distinctTraces}`
  return [
    `requirements: ${requirements.join(", ")}`,
    `runs: ${runs}, steps: ${steps}, virtual ms: ${virtualMs}, distinct traces: ${traces}`,
    ...(unreached.length === 0 ? [] : [`marks not reached: ${unreached.join(", ")}`])
  ].join("\n")
}

const millisecondsPerSecond = 1_000

const seconds = (ms: number): string => (ms / millisecondsPerSecond).toFixed(3)

const element = (name: string, given: Attributes, content = ""): string =>
  content === "" ? `<${name}${attributes(given)}/>` : `<${name}${attributes(given)}>${content}</${name}>`

const attributes = (given: Attributes): string =>
  Object.entries(given)
    .map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`)
    .join("")

/** What XML 1.0 has no way to write, and halves of pairs. */
const forbidden = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;"
}

const escape = (text: string): string =>
  text.replace(forbidden, "\ufffd").replace(/[&<>"\r]/g, (char) => entities[char] ?? char)

/** A reader would make spaces of ends of lines. */
const escapeAttribute = (text: string): string => escape(text).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")
