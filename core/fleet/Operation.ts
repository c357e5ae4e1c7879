/**
 * Operations on one process, judged by what is observed and never by the reply alone.
 *
 * What makes this more than a call or two (all seen on supervisord 4.2.5 and 4.3.0):
 * - a start while the process is STOPPING answers `true` and starts nothing, so a restart must observe the stop first;
 * - ALREADY_STARTED covers STARTING and BACKOFF too, so it does not mean that the program runs;
 * - clearing the log of a stopped process answers `true` and clears nothing;
 * - a call whose reply was lost may have acted.
 *
 * How long each takes at most follows from the program's own startsecs, startretries and stopwaitsecs. Around that is
 * the time of the operation, and around that the time of its batch: at the first of these two everything of it is
 * interrupted, a call that hangs and the wait for its turn included. A signal or text whose reply was lost cannot be
 * observed, so that is an error and not an outcome.
 */
import { Effect, Ref } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { NodeError, TimedOut } from "../domain/NodeError.ts"
import type { OperationKind, OperationRequest, OperationResult } from "../domain/Operation.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import { isRunning, isStopped } from "../domain/ProcessState.ts"
import { clearLog } from "./ClearLog.ts"
import type { NodeDriver, ProgramTiming } from "./NodeDriver.ts"
import { observe, requested } from "./Observation.ts"
import type { Observed, OperationContext, Progress, Step } from "./Observation.ts"
import { cutOffMs, firstUp } from "./TimeLimits.ts"

export interface OperationOptions {
  /** Between two looks at the process. */
  readonly observeIntervalMs: number
  /** No operation takes longer, the wait for its turn included, whatever the program's own times are. */
  readonly deadlineMs: Readonly<Record<OperationKind, number>>
}

/** Times around that of the operation. */
export interface OperationLimits {
  /** When the batch it belongs to ends. Monotonic milliseconds. */
  readonly batchEndsMs?: number
}

/** What is operated on. */
export interface OperationTarget {
  readonly driver: NodeDriver
  readonly id: ProcessId
  /** As last reported: what a timeout tells when the operation has not come to see the process itself. */
  readonly lastKnown?: ProcessInfo | undefined
  /** When it was asked for, monotonic; without it, now. Its time counts from then. */
  readonly askedMs?: number
  /** Waits for the turn of this operation among those on the process. */
  readonly inTurn?: <A, E>(operation: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/** supervisord keeps times in whole seconds and looks at its children about once a second. */
const slackMs = 3_000

/** A node's clock shows another second within this time. */
const secondMs = 1_500

/**
 * Runs an operation to its observed end. Fails when the node refuses it or cannot be asked; with `TimedOut` when its
 * time was up before anything was known of the process.
 */
export const run = Effect.fn("Operation.run")(function* (
  request: OperationRequest,
  { askedMs, driver, id, inTurn = (operation) => operation, lastKnown }: OperationTarget,
  options: OperationOptions,
  limits: OperationLimits = {}
): Effect.fn.Return<OperationResult, NodeError> {
  const nowMs = yield* monotonicMs
  const startedMs = askedMs ?? nowMs
  const ends = { operation: startedMs + options.deadlineMs[request.kind], batch: limits.batchEndsMs }
  const progress = yield* Ref.make<Progress>({
    isInTurn: false,
    seen: undefined,
    programEndsMs: undefined,
    taken: undefined
  })
  const endsMs = cutOffMs(ends)
  const context: OperationContext = { driver, id, intervalMs: options.observeIntervalMs, endsMs, progress }
  const cutOff = Effect.flatMap(Ref.get(progress), (reached) => {
    if (reached.taken !== undefined) return Effect.succeed(reached.taken)
    const process = reached.seen ?? lastKnown
    if (process === undefined) {
      const reason = new TimedOut({ afterMs: Math.max(0, endsMs - startedMs) })
      return Effect.fail(new NodeError({ operation: request.kind, reason }))
    }
    const limit = firstUp({ ...ends, program: reached.programEndsMs })
    const detail = `${describeProgress(reached, process)} when the time of the ${limit} was up`
    return Effect.succeed<Step>({ outcome: "timeout", limit, detail, process })
  })
  const working = inTurn(Effect.andThen(note(context, { isInTurn: true }), perform(request, context)))
  const step = yield* endsMs <= nowMs
    ? cutOff
    : Effect.timeoutOrElse(working, { duration: endsMs - nowMs, orElse: () => cutOff })
  const tookMs = (yield* monotonicMs) - startedMs
  return { ...step, state: step.process.state, took_ms: Math.round(tookMs) }
})

const describeProgress = ({ isInTurn, seen }: Progress, process: ProcessInfo): string => {
  if (!isInTurn) return `was ${process.state} and waited for its turn behind other operations`
  return seen === undefined ? `was ${process.state} last and not seen since` : `is ${process.state}`
}

const note = ({ progress }: OperationContext, change: Partial<Progress>): Effect.Effect<void> =>
  Ref.update(progress, (before) => ({ ...before, ...change }))

const perform = Effect.fnUntraced(function* (
  request: OperationRequest,
  context: OperationContext
): Effect.fn.Return<Step, NodeError> {
  const { driver, id } = context
  const before = yield* driver.process(id)
  yield* note(context, { seen: before })
  switch (request.kind) {
    case "signal":
      return yield* hand(context, before, driver.signal(id, request.signal), `signal ${request.signal}`)
    case "stdin":
      return yield* hand(context, before, driver.sendStdin(id, request.chars), `${request.chars.length} characters`)
    case "clear_log":
      return yield* clearLog(context, before)
    case "start":
    case "stop":
    case "restart": {
      const timed: Timed = { ...context, timing: yield* driver.timing(id) }
      return yield* transitions[request.kind](timed, before)
    }
  }
})

interface Timed extends OperationContext {
  readonly timing: ProgramTiming
}

type Transition = (context: Timed, before: ProcessInfo) => Effect.Effect<Step, NodeError>

/** Hands the program something: done when the node took it. What the process does with it is its own affair. */
const hand = Effect.fnUntraced(function* (
  context: OperationContext,
  before: ProcessInfo,
  request: Effect.Effect<void, NodeError>,
  what: string
) {
  yield* request
  const took = (process: ProcessInfo): Step => ({ outcome: "done", detail: `took ${what}`, process })
  // From here on it is done, also when the look that follows hangs until the time is up.
  yield* note(context, { taken: took(before) })
  const look = yield* Effect.result(context.driver.process(context.id))
  return took(look._tag === "Success" ? look.success : before)
})

const stop: Transition = Effect.fnUntraced(function* (context, before) {
  if (isStopped(before.state)) return { outcome: "unchanged", detail: `was ${before.state} already`, process: before }
  const { driver, id, timing } = context
  // A stop while it is STOPPING is refused with NOT_RUNNING; it is under way, which is all that was asked.
  const isAnswered = !isRunning(before.state) || (yield* requested(driver.stop(id), "NOT_RUNNING"))
  const budgetMs = timing.stopWaitSecs * 1_000 + slackMs
  const observed = yield* observe(context, before, budgetMs, (now) => isStopped(now.state))
  const { process, reached } = observed
  if (reached && !isAnswered) Marks.reached("a change whose reply was lost had been made")
  return reached
    ? { outcome: "done", detail: `is ${process.state}`, process }
    : programTimeout(observed, `is still ${process.state} after the time it has to stop`)
})

const start: Transition = Effect.fnUntraced(function* (context, before) {
  const { driver, id } = context
  if (before.state === "RUNNING") return { outcome: "unchanged", detail: "was RUNNING already", process: before }
  let from = before
  if (before.state === "STOPPING") {
    Marks.reached("a start met a process that was stopping")
    const stopped = yield* stop(context, before)
    if (stopped.outcome !== "done") return stopped
    from = stopped.process
  }
  from = yield* anotherSecond(context, from)
  const isAnswered = !isStopped(from.state) || (yield* requested(driver.start(id), "ALREADY_STARTED"))
  const settled = (now: ProcessInfo, hasMoved: boolean) =>
    now.state === "RUNNING" || (hasEnded(now) && (hasMoved || isOtherRun(from, now)))
  const observed = yield* observe(context, from, startBudgetMs(context.timing), settled)
  const { process, reached } = observed
  if (!reached) return programTimeout(observed, `is ${process.state} after the time it has to start`)
  if (!isAnswered) Marks.reached("a change whose reply was lost had been made")
  if (process.state === "FATAL") {
    Marks.reached("a start was accepted, and failed")
    return { outcome: "failed", detail: process.spawnerr || "gave up starting it", process }
  }
  // EXITED means that it stayed up for its startsecs and ended since: it was started.
  return { outcome: "done", detail: `is ${process.state}`, process }
})

const restart: Transition = Effect.fnUntraced(function* (context, before) {
  if (isStopped(before.state)) return yield* start(context, before)
  const stopped = yield* stop(context, before)
  return stopped.outcome === "done" ? yield* start(context, stopped.process) : stopped
})

const transitions = { start, stop, restart }

const programTimeout = ({ process }: Observed, detail: string): Step => ({
  outcome: "timeout",
  limit: "program",
  detail,
  process
})

/** All tries, each up to startsecs long and a second later than the one before. Milliseconds. */
export const startBudgetMs = ({ startRetries, startSecs }: ProgramTiming): number =>
  ((startRetries + 1) * startSecs + (startRetries * (startRetries + 1)) / 2) * 1_000 + slackMs

const hasEnded = ({ state }: ProcessInfo): boolean => state === "FATAL" || state === "EXITED"

/** It was FATAL or EXITED before the start too: only a report of a later run counts. */
const isOtherRun = (before: ProcessInfo, now: ProcessInfo): boolean =>
  before.state !== now.state || now.start !== before.start || now.stop !== before.stop

/**
 * Nodes tell times in whole seconds. A program that fails within the second in which its last run began or ended
 * would leave a report that cannot be told from the last one, so its start waits until the node's clock has moved on.
 */
const anotherSecond = Effect.fnUntraced(function* (context: OperationContext, before: ProcessInfo) {
  const isPast = ({ now }: ProcessInfo) => now !== before.start && now !== before.stop
  if (!hasEnded(before) || isPast(before)) return before
  const { process } = yield* observe(context, before, secondMs, (now) => !isStopped(now.state) || isPast(now))
  return process
})
