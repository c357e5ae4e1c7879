/** The results of one property in the shards of a sweep as one. */
import { missedAtMost } from "../sim/PctBounds.ts"
import { TraceHash } from "../sim/TraceHash.ts"
import type { DepthBound, FailureReport, PropertyReport } from "./CheckReport.ts"

/** What a shard has of the property; its index is from 0. */
export interface ShardResult {
  readonly index: number
  readonly property: PropertyReport
}

type Counts = Readonly<Record<string, number>>

/** At least one result, in the order of the shards, of so many shards. */
export const mergedProperty = (results: ReadonlyArray<ShardResult>, shardCount: number): PropertyReport => {
  const [first, ...others] = results
  if (first === undefined) throw new Error("MergedProperty: there is nothing to merge")
  const all = results.map(({ property }) => property)
  const sum = (of: (property: PropertyReport) => number) => all.reduce((total, property) => total + of(property), 0)
  const max = (of: (property: PropertyReport) => number) => Math.max(...all.map(of))
  const { id, reason, requirements, title } = first.property
  const status = statusOf(all, shardCount)
  const bounds = boundsOf(all)
  const failure = failureOf(results, shardCount)
  return {
    id,
    title,
    requirements,
    status,
    ...(status === "skipped" && reason !== undefined ? { reason } : {}),
    runs: sum(({ runs }) => runs),
    ...programsOf(all),
    steps: sum(({ steps }) => steps),
    virtualMs: sum(({ virtualMs }) => virtualMs),
    wallMs: max(({ wallMs }) => wallMs),
    distinctTraces: max(({ distinctTraces }) => distinctTraces),
    traceHash: traceHashOf(all),
    faults: countsOf(all.map(({ faults }) => faults)),
    sometimes: countsOf(all.map(({ sometimes }) => sometimes)),
    unreached: first.property.unreached.filter((mark) =>
      others.every(({ property }) => property.unreached.includes(mark))
    ),
    ...(bounds.length === 0 ? {} : { bounds }),
    ...(failure === undefined ? {} : { failure })
  }
}

/** It holds only if every shard has said so: one that did not get to it was interrupted. */
const statusOf = (all: ReadonlyArray<PropertyReport>, shardCount: number): PropertyReport["status"] => {
  if (all.some(({ status }) => status === "failed")) return "failed"
  if (all.every(({ status }) => status === "skipped")) return "skipped"
  return all.length === shardCount && all.every(({ status }) => status === "holds") ? "holds" : "interrupted"
}

const traceHashOf = (all: ReadonlyArray<PropertyReport>): string => {
  const hash = new TraceHash()
  for (const { traceHash } of all) hash.fold(parseInt(traceHash.slice(0, 8), 16), parseInt(traceHash.slice(8), 16))
  return hash.digest
}

const countsOf = (all: ReadonlyArray<Counts>): Counts => {
  const total = new Map<string, number>()
  for (const [name, count] of all.flatMap(Object.entries<number>)) total.set(name, (total.get(name) ?? 0) + count)
  return Object.fromEntries(total)
}

/** Of the failures the one whose run comes first in the sweep as a whole, where the shards take turns. */
const failureOf = (results: ReadonlyArray<ShardResult>, shardCount: number): FailureReport | undefined =>
  results
    .flatMap(({ index, property: { failure } }) =>
      failure === undefined ? [] : [{ ...failure, run: (failure.run - 1) * shardCount + index + 1 }]
    )
    .toSorted((a, b) => a.run - b.run)[0]

const programsOf = (all: ReadonlyArray<PropertyReport>): Pick<PropertyReport, "programs"> => {
  const programs = all.flatMap((property) => (property.programs === undefined ? [] : [property.programs]))
  return programs.length === 0 ? {} : { programs: countsOf(programs) }
}

const boundsOf = (all: ReadonlyArray<PropertyReport>): ReadonlyArray<DepthBound> => {
  const alike = Map.groupBy(
    all.flatMap(({ bounds = [] }) => bounds),
    ({ depth, program = "" }) => `${program} ${depth}`
  )
  return Array.from(alike.entries())
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, bounds]) => bounds.reduce(together))
}

const together = (a: DepthBound, b: DepthBound): DepthBound => {
  const { depth, program } = a
  const runs = a.runs + b.runs
  const fibers = Math.max(a.fibers, b.fibers)
  const points = Math.max(a.points, b.points)
  const size = { depth, runs, fibers, points }
  return { ...size, ...(program === undefined ? {} : { program }), missedAtMost: missedAtMost(size) }
}
