/** What has changed between two results of `muster check`, for people who look at one sweep after the other. */
import type { CheckReport, PropertyReport } from "./CheckReport.ts"

export interface MarkOfProperty {
  readonly property: string
  readonly mark: string
}

/** Milliseconds of wall time that a run of the property took. */
export interface Slower {
  readonly property: string
  readonly beforeMs: number
  readonly nowMs: number
}

/** Properties by their ids, each list in the order of the results. */
export interface Comparison {
  /** What it is compared with. */
  readonly against: { readonly version: string; readonly seed: number; readonly seeds?: number }
  /** Failed now, and did not before, if it was checked. */
  readonly newlyFailing: ReadonlyArray<string>
  readonly newlyHolding: ReadonlyArray<string>
  readonly newlyReached: ReadonlyArray<MarkOfProperty>
  readonly noLongerReached: ReadonlyArray<MarkOfProperty>
  /** A run takes at least one and a half times as long, and at least a millisecond more. */
  readonly slower: ReadonlyArray<Slower>
  /** Checked now, and not before. */
  readonly added: ReadonlyArray<string>
  /** Checked before, and not now. */
  readonly gone: ReadonlyArray<string>
}

/** Less is noise: other machines, and other work on the same one. */
const slowerBy = { times: 1.5, ms: 1 } as const

/** Marks and times are compared for properties that did not fail: a failure ends a sweep early. */
export const compare = (now: CheckReport, before: CheckReport): Comparison => {
  const ran = now.properties.filter(wasRun)
  const ranBefore = before.properties.filter(wasRun)
  const beforeOf = new Map(ranBefore.map((property) => [property.id, property]))
  const ids = new Set(ran.map(({ id }) => id))
  const pairs = ran.flatMap((property) => {
    const old = beforeOf.get(property.id)
    return old === undefined ? [] : [{ now: property, before: old }]
  })
  const whole = pairs.filter((pair) => !fails(pair.now) && !fails(pair.before))
  const failedBefore = new Set(ranBefore.filter(fails).map(({ id }) => id))
  const { seed, seeds, version } = before
  return {
    against: { version, seed, ...(seeds === undefined ? {} : { seeds }) },
    newlyFailing: ran.flatMap((property) => (fails(property) && !failedBefore.has(property.id) ? [property.id] : [])),
    newlyHolding: ran.flatMap(({ id, status }) => (status === "holds" && failedBefore.has(id) ? [id] : [])),
    newlyReached: whole.flatMap((pair) => onlyReachedBy(pair.now, pair.before)),
    noLongerReached: whole.flatMap((pair) => onlyReachedBy(pair.before, pair.now)),
    slower: whole.flatMap((pair) => slowerOf(pair.now.id, msARun(pair.now, now), msARun(pair.before, before))),
    added: ran.flatMap(({ id }) => (beforeOf.has(id) ? [] : [id])),
    gone: ranBefore.flatMap(({ id }) => (ids.has(id) ? [] : [id]))
  }
}

const wasRun = ({ runs }: PropertyReport): boolean => runs > 0

const fails = ({ status }: PropertyReport): boolean => status === "failed"

const onlyReachedBy = (one: PropertyReport, other: PropertyReport): ReadonlyArray<MarkOfProperty> =>
  Object.keys(one.sometimes)
    .filter((mark) => !Object.hasOwn(other.sometimes, mark))
    .map((mark) => ({ property: one.id, mark }))

/** The wall time of merged shards is that of one of them. */
const msARun = ({ runs, wallMs }: PropertyReport, { shards = 1 }: CheckReport): number => (wallMs * shards) / runs

const slowerOf = (property: string, nowMs: number, beforeMs: number): ReadonlyArray<Slower> =>
  nowMs >= beforeMs * slowerBy.times && nowMs - beforeMs >= slowerBy.ms ? [{ property, beforeMs, nowMs }] : []
