/** The answer to "can I trust it?" in one look: what holds, what does not, and how hard it was tried. */
import type { CheckReport } from "../CheckReport.ts"
import { type Html, html, nothing } from "./Html.ts"
import { counted, duration, grouped } from "./Quantities.ts"
import { anchorOf, type Status } from "./Status.ts"

/** What was asked for decides how a result is to be read, so it stands first. */
export const headline = (report: CheckReport): Html =>
  html` <header class="head">
    <p class="eyebrow">${origin(report)}</p>
    <h1 class="${tone(report)}">${verdict(report)}</h1>
    ${failures(report)}
    <p class="lead">${meaning(report)}</p>
    ${facts(report)} ${outOfControl(report)}
  </header>`

const count = ({ properties }: CheckReport, status: Status): number =>
  properties.filter((property) => property.status === status).length

/** In few words, for the title of the page too. */
export const verdict = (report: CheckReport): string => {
  const all = report.properties.length
  if (all === 0) return "Nothing was checked"
  const [holds, failed] = [count(report, "holds"), count(report, "failed")]
  if (holds === all) return all === 1 ? "The property holds" : `All ${all} properties hold`
  const others = [
    ...(failed === 0 ? [] : [failed === 1 ? "1 fails" : `${failed} fail`]),
    ...leftOut(report, "interrupted", "ended early"),
    ...leftOut(report, "skipped", "not run")
  ]
  return `${holds} of ${counted(all, "property", "properties")} ${holds === 1 ? "holds" : "hold"}, ${others.join(", ")}`
}

const leftOut = (report: CheckReport, status: Status, words: string): ReadonlyArray<string> =>
  count(report, status) === 0 ? [] : [`${count(report, status)} ${words}`]

const tone = (report: CheckReport): string => {
  if (count(report, "failed") > 0) return "bad"
  return report.properties.length > 0 && count(report, "holds") === report.properties.length ? "good" : "warn"
}

const failures = ({ properties }: CheckReport): Html => {
  const failed = properties.filter(({ status }) => status === "failed")
  if (failed.length === 0) return nothing
  return html`<ul class="failures">
    ${failed.map(
      ({ failure, id, title }) =>
        html`<li><a href="#${anchorOf(id)}">${id} ${title}</a> ${firstLine(failure?.message)}</li> `
    )}
  </ul>`
}

const firstLine = (message = ""): string => message.split("\n")[0] ?? ""

const meaning = (report: CheckReport): string => {
  const { world } = report
  if (count(report, "failed") > 0) {
    return world === "sim"
      ? "Each failure below comes with a line that replays it, step by step, as often as you like."
      : "Each failure below says what was seen, and the seed of the workload."
  }
  if (report.properties.every(({ runs }) => runs === 0)) return "No run was made, so this says nothing."
  return world === "sim"
    ? "No schedule, fault or workload that was tried broke a property. That is evidence and not a proof: each " +
        "property below says how much was tried, what was not reached, and what a bug could still hide behind."
    : "Nothing that was tried broke a property. That is evidence and not a proof."
}

const facts = ({ properties, wallMs, world }: CheckReport): Html => {
  const total = (of: (property: CheckReport["properties"][number]) => number): number =>
    properties.reduce((sum, property) => sum + of(property), 0)
  const reached = total(({ sometimes }) => Object.keys(sometimes).length)
  const marks = reached + total(({ unreached }) => unreached.length)
  const all: ReadonlyArray<readonly [string, string]> = [
    [world === "sim" ? "runs" : "episodes", grouped(total(({ runs }) => runs))],
    ...(world === "sim"
      ? ([
          ["steps", grouped(total(({ steps }) => steps))],
          ["virtual time", duration(total(({ virtualMs }) => virtualMs))]
        ] as const)
      : []),
    ["faults injected", grouped(total(({ faults }) => Object.values(faults).reduce((sum, times) => sum + times, 0)))],
    ["marks reached", `${grouped(reached)} of ${grouped(marks)}`],
    ["took", duration(wallMs)]
  ]
  return html`<dl class="facts">
    ${all.map(
      ([what, value]) =>
        html`<div>
          <dt>${what}</dt>
          <dd>${value}</dd>
        </div>`
    )}
  </dl>`
}

const origin = ({ seed, seeds, shard, strategy, version, world }: CheckReport): string =>
  [
    `muster check ${version}`,
    world === "sim" ? "in the simulator" : "in the real world",
    seeds === undefined ? `from seed ${seed}` : `seed ${seed}, up to ${counted(seeds, "run")} each`,
    ...(strategy === "" ? [] : [`strategy ${strategy}`]),
    ...(shard === undefined ? [] : [`shard ${shard}, a part of the seeds`])
  ].join(" · ")

const outOfControl = ({ uncontrolled, world }: CheckReport): Html =>
  world === "sim" && uncontrolled.length === 0
    ? nothing
    : html`<div class="note">
        <p>Not under control here, so that a seed gives the workload and nothing else:</p>
        <ul>
          ${uncontrolled.map((what) => html`<li>${what}</li>`)}
        </ul>
      </div>`
