/**
 * The results of the shards of a sweep as one. What was counted is added up. Two things cannot be known of the whole
 * from its parts: `distinctTraces`, as two shards may have seen the same traces (it is at least that of the shard that
 * saw most, which is what is given), and `wallMs`, which is that of the slowest, as if all ran at the same time. The
 * result does not depend on the order in which the parts are given.
 */
import { Result, Schema } from "effect"
import type { Array } from "effect"
import type { CheckReport } from "./CheckReport.ts"
import { mergedProperty } from "./MergedProperty.ts"

/** These files do not make one sweep. */
export class MergeError extends Schema.TaggedError<MergeError>()("MergeError", {
  /** `not-together`: they are parts of different sweeps. */
  reason: Schema.Literals(["same-shard", "missing-shard", "not-together"]),
  message: Schema.String
}) {}

/** Results, and the file that they are from. */
export interface Part {
  readonly file: string
  readonly report: CheckReport
}

/** All shards of a sweep, or the whole of it, which stays as it is. */
export const merge = (parts: Array.NonEmptyReadonlyArray<Part>): Result.Result<CheckReport, MergeError> =>
  Result.gen(function* () {
    const placed: ReadonlyArray<Shard> = yield* Result.all(parts.map(placedOf))
    const shards = placed.toSorted((a, b) => a.index - b.index)
    yield* sameSettings(parts)
    yield* allThere(shards)
    const [first] = parts
    const { properties, shard: _, ...settings } = first.report
    if (shards.length === 1) return { ...settings, properties }
    const names = yield* namesOf(shards)
    return {
      ...settings,
      shards: shards.length,
      wallMs: Math.max(...parts.map(({ report }) => report.wallMs)),
      properties: names.map((id) => mergedProperty(resultsOf(id, shards), shards.length))
    }
  })

/** The results of a property, by shards; of some there may be none. */
const resultsOf = (wanted: string, shards: ReadonlyArray<Shard>) =>
  shards.flatMap(({ index, report }) =>
    report.properties.filter(({ id }) => id === wanted).map((property) => ({ index, property }))
  )

interface Shard extends Part {
  /** From 0. */
  readonly index: number
  readonly count: number
}

const fail = (reason: MergeError["reason"], message: string) => Result.fail(new MergeError({ reason, message }))

const placedOf = (part: Part): Result.Result<Shard, MergeError> => {
  const { shard } = part.report
  if (shard === undefined) return Result.succeed({ ...part, index: 0, count: 1 })
  const [, number = "", of = ""] = /^(\d{1,9})\/(\d{1,9})$/.exec(shard) ?? []
  const [index, count] = [Number(number) - 1, Number(of)]
  return number === "" || index < 0 || index >= count
    ? fail("not-together", `${part.file}: shard: it is ${JSON.stringify(shard)}, expected I/N with I from 1 to N`)
    : Result.succeed({ ...part, index, count })
}

/** What all shards of one sweep have in common. */
const settings = ["version", "world", "seed", "seeds", "strategy", "uncontrolled"] as const

const sameSettings = ([first, ...others]: Array.NonEmptyReadonlyArray<Part>): Result.Result<void, MergeError> => {
  for (const other of others) {
    const field = settings.find((name) => told(first.report[name]) !== told(other.report[name]))
    if (field === undefined) continue
    const [here, there] = [told(other.report[field]), told(first.report[field])]
    return fail("not-together", `${other.file}: ${field}: it is ${here}, and ${there} in ${first.file}`)
  }
  return Result.succeed(undefined)
}

const told = (value: unknown): string => JSON.stringify(value) ?? "not there"

const allThere = (shards: ReadonlyArray<Shard>): Result.Result<void, MergeError> => {
  const count = Math.max(...shards.map((shard) => shard.count))
  const other = shards.find((shard) => shard.count !== count)
  if (other !== undefined) {
    return fail("not-together", `${other.file}: shard: it is one of ${other.count}, and others are of ${count}`)
  }
  const twice = shards.find(({ index }, i) => shards[i - 1]?.index === index)
  if (twice !== undefined) {
    const files = shards.flatMap(({ file, index }) => (index === twice.index ? [file] : []))
    const what = count === 1 ? "all seeds" : `shard ${twice.index + 1}/${count}`
    return fail("same-shard", `${what} in more than one file: ${files.join(", ")}`)
  }
  const missing = shards.findIndex(({ index }, i) => index !== i)
  if (shards.length === count) return Result.succeed(undefined)
  const number = (missing === -1 ? shards.length : missing) + 1
  return fail("missing-shard", `shard ${number}/${count} is missing`)
}

/** Every shard has checked the same properties in the same order, though one that was ended early not all of them. */
const namesOf = (shards: ReadonlyArray<Shard>): Result.Result<ReadonlyArray<string>, MergeError> => {
  const lists = shards.map(({ file, report }) => ({ file, ids: report.properties.map(({ id }) => id) }))
  const longest = lists.reduce((a, b) => (b.ids.length > a.ids.length ? b : a))
  for (const { file, ids } of lists) {
    const at = ids.findIndex((id, i) => id !== longest.ids[i])
    if (at !== -1) {
      const [here, there] = [told(ids[at]), told(longest.ids[at])]
      return fail("not-together", `${file}: properties[${at}].id: it is ${here}, and ${there} in ${longest.file}`)
    }
  }
  return Result.succeed(longest.ids)
}
