/**
 * Results as Markdown, for the summary of a job (`$GITHUB_STEP_SUMMARY`) or a comment: what holds, what failed and how
 * to see it again, which requirements that is about, and what has changed. Text of the program under test stays text,
 * whatever is in it.
 */
import { replayLine } from "./CheckReport.ts"
import type { CheckReport, FailureReport, PropertyReport } from "./CheckReport.ts"
import type { Comparison } from "./Comparison.ts"
import { cell, code, fenced, table } from "./MarkdownText.ts"
import type { MutantsReport } from "./MutantsReport.ts"
import { areas, requirements } from "./Requirements.ts"

export interface MarkdownExtra {
  readonly comparison?: Comparison
  readonly mutants?: MutantsReport
}

export const markdown = (report: CheckReport, { comparison, mutants }: MarkdownExtra = {}): string =>
  [
    headOf(report),
    propertiesOf(report),
    ...report.properties.flatMap(({ failure, id }) => (failure === undefined ? [] : [failureOf(id, failure)])),
    ...(comparison === undefined ? [] : [comparisonOf(comparison)]),
    requirementsOf(report),
    ...(mutants === undefined ? [] : [mutantsOf(mutants)])
  ]
    .join("\n\n")
    .concat("\n")

const headOf = (report: CheckReport): string => {
  const { properties, seed, seeds, shard, shards, strategy, uncontrolled, version, world } = report
  const count = (of: PropertyReport["status"]) => properties.filter(({ status }) => status === of).length
  const others = (["failed", "interrupted", "skipped"] as const).flatMap((status) =>
    count(status) === 0 ? [] : [`${count(status)} ${status}`]
  )
  const facts = [
    `muster ${cell(version)}`,
    world === "sim" ? "in the simulator" : "in the real world",
    `seed ${seed}`,
    ...(seeds === undefined ? [] : [`${seeds} seeds`]),
    `strategy ${cell(strategy)}`,
    ...(shard === undefined ? [] : [`shard ${cell(shard)}`]),
    ...(shards === undefined ? [] : [`${shards} shards merged`])
  ]
  const hold = properties.length === 1 ? "property holds" : "properties hold"
  return [
    `## ${[`${count("holds")} of ${properties.length} ${hold}`, ...others].join(", ")}`,
    facts.join(", "),
    ...(uncontrolled.length === 0 ? [] : [`Not controlled: ${uncontrolled.map(cell).join("; ")}`])
  ].join("\n\n")
}

const statuses = { holds: "holds", failed: "**FAILED**", interrupted: "ended early", skipped: "skipped" } as const

const propertiesOf = ({ properties, shards }: CheckReport): string => {
  const traces = shards === undefined ? "distinct traces" : "distinct traces, at least"
  return table(
    ["property", "status", "runs", "steps", "virtual s", traces, "faults", "marks", "time"],
    properties.map((property) => [
      `${cell(property.id)} ${cell(property.title)}`,
      property.reason === undefined
        ? statuses[property.status]
        : `${statuses[property.status]}: ${cell(property.reason)}`,
      property.runs,
      property.steps,
      Math.round(property.virtualMs / millisecondsPerSecond),
      property.distinctTraces,
      Object.values(property.faults).reduce((total, count) => total + count, 0),
      marksOf(property),
      `${(property.wallMs / millisecondsPerSecond).toFixed(1)} s`
    ])
  )
}

const millisecondsPerSecond = 1_000

/** How many were reached of those that there are as far as is known, and the names of the others. */
const marksOf = ({ sometimes, unreached }: PropertyReport): string => {
  const reached = Object.keys(sometimes).length
  const missing = unreached.length === 0 ? "" : `, not ${unreached.map(cell).join(", ")}`
  return `${reached} of ${reached + unreached.length}${missing}`
}

const failureOf = (id: string, failure: FailureReport): string => {
  const replay = replayLine(failure)
  const story = failure.story === "" ? failure.message : failure.story
  return [
    `### ${cell(id)} failed in run ${failure.run}`,
    fenced(failure.message),
    `<details><summary>How it came about</summary>\n\n${fenced(story)}\n\n</details>`,
    ...(replay === undefined ? [] : [fenced(replay.replace(/^replay: /, ""))])
  ].join("\n\n")
}

/** A row for each area that is checked here: the properties of its requirements. */
const requirementsOf = ({ properties }: CheckReport): string => {
  const checked = new Set(properties.flatMap((property) => property.requirements))
  const rows = areas.flatMap(({ id: area, text }) => {
    const ofArea = requirements.filter(({ id }) => id.startsWith(`${area}.`))
    return ofArea.some(({ id }) => checked.has(id))
      ? [[`${area} ${cell(text)}`, ...ofArea.map(({ id }) => heldBy(id, properties))]]
      : []
  })
  const others = requirements.filter(({ id }) => !checked.has(id)).length
  const heads = Array.from({ length: Math.max(0, ...rows.map((row) => row.length - 1)) }, (_, i) => `.${i + 1}`)
  return [
    "### Requirements",
    ...(rows.length === 0 ? [] : [table(["", ...heads], rows)]),
    ...(others === 0 ? [] : [`Not checked here: ${others} of ${requirements.length}`])
  ].join("\n\n")
}

const heldBy = (requirement: string, properties: ReadonlyArray<PropertyReport>): string => {
  const names = properties.flatMap((property) =>
    property.requirements.includes(requirement) ? [nameOf(property)] : []
  )
  return names.length === 0 ? "–" : names.join(", ")
}

const nameOf = ({ id, status }: PropertyReport): string =>
  status === "holds" ? cell(id) : `${cell(id)} ${statuses[status]}`

const comparisonOf = (comparison: Comparison): string => {
  const { added, against, gone, newlyFailing, newlyHolding, newlyReached, noLongerReached, slower } = comparison
  const line = (what: string, items: ReadonlyArray<string>) =>
    items.length === 0 ? [] : [`- ${what}: ${items.join(", ")}`]
  const ids = (of: ReadonlyArray<string>) => of.map(cell)
  const marks = (of: Comparison["newlyReached"]) => of.map(({ mark, property }) => `${cell(property)} ${code(mark)}`)
  const lines = [
    ...line("**newly failing**", ids(newlyFailing)),
    ...line("newly holding", ids(newlyHolding)),
    ...line("marks newly reached", marks(newlyReached)),
    ...line("marks no longer reached", marks(noLongerReached)),
    ...line(
      "slower",
      slower.map(
        ({ beforeMs, nowMs, property }) =>
          `${cell(property)} ${beforeMs.toFixed(1)} ms a run, now ${nowMs.toFixed(1)} ms`
      )
    ),
    ...line("added", ids(added)),
    ...line("gone", ids(gone))
  ]
  const seeds = against.seeds === undefined ? "" : `, ${against.seeds} seeds`
  return [
    `### Against muster ${cell(against.version)}, seed ${against.seed}${seeds}`,
    lines.length === 0 ? "Nothing has changed." : lines.join("\n")
  ].join("\n\n")
}

const mutantsOf = ({ mutants, seeds }: MutantsReport): string => {
  const missed = mutants.filter(({ caught }) => !caught)
  const rows = Array.from(
    Map.groupBy(mutants, ({ property }) => property),
    ([property, its]) => [
      cell(property),
      `${its.filter(({ caught }) => caught).length} of ${its.length}`,
      Math.max(...its.map(({ runs }) => runs))
    ]
  )
  return [
    `### Mutants: ${mutants.length - missed.length} of ${mutants.length} caught within ${seeds} runs`,
    ...missed.map(({ id, property, what }) => `- **missed** by ${cell(property)}: ${code(id)} ${cell(what)}`),
    table(["property", "caught", "runs at most"], rows)
  ].join("\n\n")
}
