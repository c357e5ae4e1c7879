/**
 * How a run picks among the fibers that could go on, and how a sweep plans its runs. Two small interfaces; one file for
 * each that follows them.
 */
import type { Prng } from "./Prng.ts"

/** A point at which two or more fibers could go on. The kernel reuses one object: read it, do not keep it. */
export interface Decision {
  /** Number of the fiber that is running and could go on, or -1 when it cannot (it waits, yielded or ended). */
  readonly current: number
  /** Number of a fiber that was resumed on the stack of the current one; -1 at all other points. */
  readonly resumed: number
  /** How many others could go on: the fiber below the current one on the stack, if any, and the waiting tasks. */
  readonly runnable: number
  /** Number of the k-th of those (from 0): the one on the stack first, then by the age of their tasks. */
  readonly fiberAt: (k: number) => number
  /** The fiber that it befalls: the current or resumed one, or else the one that ran last. */
  readonly subject: () => number
  /** Steps that the subject has taken itself so far. */
  readonly ownSteps: () => number
  /** How many choices of the same kind had befallen the subject at this step before. */
  readonly nth: () => number
  /** Path of a fiber in the tree of forks. */
  readonly pathOf: (fiber: number) => string
}

/**
 * Answers with the number of the option taken; 0 is always the dullest.
 * - With a resumed fiber: 0 lets it go on at once, on the stack of the current one, as Effect's own runtime does; 1
 *   lets it wait for its turn among the tasks.
 * - With a current fiber: 0 goes on with it, k with the k-th of the others (from 1).
 * - Without: k runs the (k + 1)-th oldest task.
 */
export type Chooser = (decision: Decision) => number

export interface Strategy {
  /** With its parameters, as it stands in tokens: letters, digits, `-` and `_`. */
  readonly name: string
  /** Prepares a run. All randomness must come from `prng`. */
  readonly begin: (prng: Prng) => Chooser
  /** What the run that was begun last could have done otherwise, for strategies that learn from it. */
  readonly branches?: () => Branches
}

/** The decisions of one run, in their order. */
export interface Branches {
  /** For each: twice the number of its options, plus 1 when any but the first counts as a preemption. */
  readonly points: ReadonlyArray<number>
  /** There were more than are listed. */
  readonly cut: boolean
}

/** A run to do. */
export interface PlannedRun {
  readonly strategy: Strategy
  readonly seed: number
}

/** What a plan gets to know of a run. */
export interface RunSummary {
  readonly decisions: number
  /** No earlier run of the sweep had this trace. */
  readonly isNew: boolean
  readonly branches: Branches | undefined
  /** The run drew values beside its schedule: another seed is another run. */
  readonly draws: boolean
}

/**
 * The runs of one sweep, in rounds. A round depends only on the results of earlier rounds, so that its runs may be done
 * in any order and on any number of threads.
 */
export interface Plan {
  /** The next round, of at most `runsMax` runs; empty when nothing is left to explore. */
  readonly next: (runsMax: number) => ReadonlyArray<PlannedRun>
  /** Results of the round before, in the order of its runs. */
  readonly learn: (results: ReadonlyArray<RunSummary>) => void
}

export interface Planner {
  /** As it stands on the command line. */
  readonly name: string
  /** `seedOf` gives the seed of the i-th run of the sweep. */
  readonly begin: (seedOf: (index: number) => number) => Plan
}
