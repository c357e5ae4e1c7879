/**
 * The simulator as a library: run an Effect program on a virtual clock under a seeded scheduler, check it over many
 * schedules, shrink what fails to a short story, and replay a run from its token.
 *
 * Guarantees: the same program, seed and strategy give the same run, step by step, on every machine; nothing in a run
 * waits for real time. It does not look into code between two Effect operations (that is atomic in JavaScript anyway),
 * and it cannot simulate what leaves Effect: promises, timers and other globals are named as escapes.
 *
 * @example
 * const lostUpdate = Effect.gen(function*() {
 *   const counter = yield* Ref.make(0)
 *   const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
 *   yield* Effect.all([increment, increment], { concurrency: 2 })
 *   if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
 * })
 * Sim.check(lostUpdate, { runs: 100 }).failure?.story
 */
import type { Effect } from "effect"
import type { RunContext } from "./RunContext.ts"
import { execute } from "./Run.ts"
import type { RunOptions, RunResult } from "./Run.ts"

export { check } from "./Check.ts"
export type { CheckOptions, CheckResult, Failure } from "./Check.ts"
export { draw } from "./Draw.ts"
export { explore } from "./Explore.ts"
export type { ExploreOptions, ExploreResult } from "./Explore.ts"
export * as Host from "./Host.ts"
export { linearizable } from "./Linearizability.ts"
export { describeVerdict } from "./LinearizabilityReport.ts"
export type { Model, Operation, Verdict } from "./Linearizability.ts"
export type { Deviation, DrawnStream, Stream } from "./Choices.ts"
export {
  always,
  chance,
  choose,
  eventually,
  fault,
  interruptSometime,
  NotInTime,
  slowCode,
  sometimes,
  tell
} from "./Program.ts"
export { pictureOf } from "./PictureOf.ts"
export type { PictureOptions } from "./PictureOf.ts"
export type { Picture } from "./Picture.ts"
export type { DepthBound } from "./PctBounds.ts"
export { replay, retrace } from "./Replay.ts"
export type { ReplayOptions } from "./Replay.ts"
export * as Rules from "./Rules.ts"
export type { Ratio, Rule, Verdict as RuleVerdict } from "./Rules.ts"
export { RunContext } from "./RunContext.ts"
export type { Outcome, RunOptions, RunResult } from "./Run.ts"
export { story } from "./Story.ts"
export type { Chooser, Decision, Plan, Planner, Strategy } from "./Strategy.ts"
export { plannerNamed, planners, strategyNamed } from "./strategies/Strategies.ts"
export { swarm } from "./Swarm.ts"
export { parseToken, TokenError } from "./Token.ts"
export type { StepRecord, SwitchRecord, Told, Topic } from "./Trace.ts"

/**
 * One run, synchronous. The program may draw from the run through `RunContext` (see `choose`, `sometimes`); a plain
 * program needs nothing. Throws only on wrong options.
 */
export const run = <A, E>(program: Effect.Effect<A, E, RunContext>, options: RunOptions = {}): RunResult<A, E> => {
  const { record = false, ...rest } = options
  const result = execute(program, { ...rest, record: record ? "story" : "nothing" })
  // Who waits, and where it was started, is only known of a recorded run.
  const isDetailed = record || (result.outcome !== "deadlock" && result.leaks.length === 0)
  if (isDetailed) return result
  const { leaks, message, outcome } = execute(program, { ...rest, record: "story" })
  return outcome === result.outcome ? { ...result, leaks, message } : result
}
