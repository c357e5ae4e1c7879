/** Every schedule of a program up to a number of preemptions. */
import type { Effect } from "effect"
import { check } from "./Check.ts"
import type { CheckOptions, CheckResult } from "./Check.ts"
import { positiveInteger } from "./Run.ts"
import type { RunContext } from "./RunContext.ts"
import { systematic } from "./strategies/Systematic.ts"
import type { Search } from "./strategies/Systematic.ts"

export interface ExploreOptions extends Omit<CheckOptions, "planner" | "strategy" | "runs" | "shard"> {
  /** Preemptions in one run at most. */
  readonly preemptions: number
  /** Runs at most. Default 100,000. */
  readonly maxRuns?: number
}

export interface ExploreResult<A, E> extends CheckResult<A, E> {
  /** Every schedule up to the bound was run, and none failed. */
  readonly complete: boolean
  /** The largest number of preemptions of which every schedule was run; -1 when not even those without. */
  readonly completeTo: number
}

const maxRunsDefault = 100_000

/**
 * Runs the schedules without a preemption, then those with one, up to the bound, until one fails. A program that draws
 * values is explored for the values of one seed.
 */
export const explore = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  options: ExploreOptions
): ExploreResult<A, E> => {
  const { maxRuns = maxRunsDefault, preemptions, ...rest } = options
  if (!Number.isSafeInteger(preemptions) || preemptions < 0) {
    throw new RangeError(`Sim: preemptions is ${preemptions}, expected an integer of at least 0`)
  }
  let search: Search | undefined
  const result = check(program, {
    ...rest,
    runs: positiveInteger("maxRuns", maxRuns),
    planner: { name: "systematic", begin: (seedOf) => (search = systematic(seedOf(0), preemptions)) }
  })
  const completeTo = result.failure === undefined ? (search?.completeTo() ?? -1) : -1
  return { ...result, complete: completeTo === preemptions, completeTo }
}
