/** Many runs of a program until one does not end well, and that one examined: done again, shrunk, and told. */
import type { Effect } from "effect"
import { firstDifference } from "./Difference.ts"
import type { Picture } from "./Picture.ts"
import { pictureOf } from "./PictureOf.ts"
import type { RunContext } from "./RunContext.ts"
import { execute } from "./Run.ts"
import type { RunOptions, RunResult } from "./Run.ts"
import { shrink } from "./Shrink.ts"
import { story } from "./Story.ts"
import type { Strategy } from "./Strategy.ts"
import { always } from "./strategies/Portfolio.ts"
import { doRun, Sweep } from "./Sweep.ts"
import type { Found, SweepCounts, SweepOptions } from "./Sweep.ts"

export interface CheckOptions extends Omit<RunOptions, "record">, SweepOptions {
  /** One strategy for all runs, in place of a planner. */
  readonly strategy?: Strategy
  /** Whether a failure is shrunk. Default true. */
  readonly shrink?: boolean
  /** Called after each run with how many are done, for progress. */
  readonly onRun?: (done: number) => void
}

/** The failing run as it was found, recorded. */
export interface Failure<A, E> extends RunResult<A, E> {
  /** How many runs it took, this one included. */
  readonly run: number
  /** A run that fails in the same way with fewer deviations, recorded; undefined without shrinking. */
  readonly shrunk: RunResult<A, E> | undefined
  /** Candidates tried while shrinking. */
  readonly candidates: number
  /** No deviation of the shrunk run can be left out. */
  readonly minimal: boolean
  /** Numbered steps in the words of the program: of the shrunk run if there is one. */
  readonly story: string
  /** The same run to be drawn. */
  readonly picture: Picture
}

export interface CheckResult<A, E> extends SweepCounts {
  /** The first run that did not end well. */
  readonly failure: Failure<A, E> | undefined
}

/** Runs the program under different schedules and seeds until a run does not end well. Throws only on wrong options. */
export const check = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  options: CheckOptions = {}
): CheckResult<A, E> => {
  const { strategy, onRun, ...rest } = options
  const sweep = new Sweep(strategy === undefined ? rest : { ...rest, planner: always(strategy) })
  for (let round = sweep.next(); round.length > 0; round = sweep.next()) {
    for (const planned of round) {
      sweep.take(doRun(program, planned, sweep.done, runOptions(options)).report)
      onRun?.(sweep.done)
      if (sweep.found !== undefined) return summary(program, sweep, options)
    }
  }
  return summary(program, sweep, options)
}

/** The result of a sweep whose runs are all taken. */
const summary = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  sweep: Sweep,
  options: CheckOptions
): CheckResult<A, E> => ({
  ...sweep.counts,
  failure: sweep.found === undefined ? undefined : examine(program, sweep.found, options)
})

const runOptions = ({ leaks = "ignore", name = "program", stepsMax = 1_000_000 }: CheckOptions) => ({
  leaks,
  name,
  stepsMax
})

/** Does a failing run again with its story, shrinks it, and does the result twice. */
export const examine = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  { planned, report, run }: Found,
  options: CheckOptions
): Failure<A, E> => {
  const { seed, strategy } = planned
  const again = () => execute(program, { ...runOptions(options), seed, strategy, record: "story" })
  const first = again()
  if (report.unstable !== undefined || first.traceHash !== report.traceHash) {
    const found = unstable(report.message, first, again())
    const picture = pictureOf(found)
    return { ...found, run, shrunk: undefined, candidates: 0, minimal: false, story: `=> ${found.message}`, picture }
  }
  const shrunk = options.shrink === false ? undefined : shrink(program, first, runOptions(options))
  return {
    ...first,
    // They were for the search; a replay has none.
    branches: undefined,
    run,
    shrunk: shrunk?.run,
    candidates: shrunk?.candidates ?? 0,
    minimal: shrunk?.minimal ?? false,
    story: story(shrunk?.run ?? first),
    picture: pictureOf(shrunk?.run ?? first)
  }
}

/** The same seed and schedule gave two different runs: that is the failure, whatever else went wrong. */
const unstable = <A, E>(message: string, first: RunResult<A, E>, second: RunResult<A, E>): RunResult<A, E> => ({
  ...first,
  outcome: first.outcome === "escaped" ? "escaped" : "failed",
  message: [
    ...(message === "" ? [] : [message]),
    "the same seed and schedule gave another run the second time: the program depends on something outside the " +
      "simulation",
    firstDifference(first, second)
  ].join("\n")
})
