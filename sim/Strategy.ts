/**
 * How a run picks among the fibers that could go on. One small interface, one file for each strategy.
 */
import type { Prng } from "./Prng.ts"

/** A point at which two or more fibers could go on. The kernel reuses one object: read it, do not keep it. */
export interface Decision {
  /** Number of the fiber that is running and could go on, or -1 when it cannot (it waits, yielded or ended). */
  readonly current: number
  /** Number of a fiber that was resumed on the stack of the current one; -1 at all other points. */
  readonly resumed: number
  /** How many tasks wait to run beside the current fiber. */
  readonly runnable: number
  /** Number of the fiber that put the k-th oldest waiting task there. */
  readonly fiberAt: (k: number) => number
}

export interface Strategy {
  /** As it stands in tokens and on the command line. */
  readonly name: string
  /** Prepares a run. All randomness must come from `prng`. */
  readonly begin: (prng: Prng) => Chooser
}

/**
 * Answers with the number of the option taken; 0 is always the dullest.
 * - With a resumed fiber: 0 lets it wait for its turn among the tasks, 1 lets it go on at once, on the stack of the
 *   current one, as Effect's own runtime does.
 * - With a current fiber: 0 goes on with it, k runs the k-th oldest waiting task (from 1).
 * - Without: k runs the (k + 1)-th oldest.
 */
export type Chooser = (decision: Decision) => number
