/**
 * Start, stop and restart of one process, judged by what is observed and never by the reply alone.
 *
 * What makes this more than two calls (all seen on supervisord 4.2.5 and 4.3.0):
 * - a start while the process is STOPPING answers `true` and starts nothing, so a restart must observe the stop first;
 * - ALREADY_STARTED covers STARTING and BACKOFF too, so it does not mean that the program runs;
 * - a call whose reply was lost may have acted.
 *
 * How long each takes at most follows from the program's own startsecs, startretries and stopwaitsecs.
 */
import { Clock, Effect, Schema } from "effect"
import type { NodeError } from "../domain/NodeError.ts"
import { ProcessInfo } from "../domain/Process.ts"
import type { ProcessId } from "../domain/Process.ts"
import { isRunning, isStopped } from "../domain/ProcessState.ts"
import type { NodeDriver, ProgramTiming } from "./NodeDriver.ts"

export const OperationKind = Schema.Literals(["start", "stop", "restart"])
export type OperationKind = typeof OperationKind.Type

/**
 * - `done`: the state that was asked for was observed.
 * - `unchanged`: it was in that state already; nothing was asked of the node.
 * - `failed`: another final state was observed: the program could not be started.
 * - `timeout`: neither was observed within the deadline; the node may still get there.
 */
export const Outcome = Schema.Literals(["done", "unchanged", "failed", "timeout"])

export const OperationResult = Schema.Struct({
  outcome: Outcome,
  /** The state observed last. */
  state: ProcessInfo.fields.state,
  /** What happened, in words. */
  detail: Schema.String,
  took_ms: Schema.Int,
  process: ProcessInfo
})
export type OperationResult = typeof OperationResult.Type

export interface OperationOptions {
  /** Between two looks at the process. */
  readonly observeIntervalMs: number
  /** No operation takes longer, whatever the program's own times are. */
  readonly deadlineMs: Record<OperationKind, number>
}

/** supervisord keeps times in whole seconds and looks at its children about once a second. */
const slackMs = 3_000

type Step = Pick<OperationResult, "outcome" | "detail"> & { readonly process: ProcessInfo }

/** Runs an operation to its observed end. Fails when the node refuses it or cannot be asked. */
export const run = Effect.fn("Operation.run")(function* (
  kind: OperationKind,
  driver: NodeDriver,
  id: ProcessId,
  options: OperationOptions
) {
  const startedMs = yield* Clock.currentTimeMillis
  const timing = yield* driver.timing(id)
  const context: Context = { driver, id, timing, options, endsMs: startedMs + options.deadlineMs[kind] }
  const before = yield* driver.process(id)
  const step = yield* kind === "start"
    ? start(context, before)
    : kind === "stop"
      ? stop(context, before)
      : restart(context, before)
  const tookMs = (yield* Clock.currentTimeMillis) - startedMs
  return { ...step, state: step.process.state, took_ms: Math.round(tookMs) }
})

interface Context {
  readonly driver: NodeDriver
  readonly id: ProcessId
  readonly timing: ProgramTiming
  readonly options: OperationOptions
  /** Deadline of the whole operation, console time. */
  readonly endsMs: number
}

type Operation = (context: Context, before: ProcessInfo) => Effect.Effect<Step, NodeError>

const stop: Operation = Effect.fnUntraced(function* (context, before) {
  if (isStopped(before.state)) return { outcome: "unchanged", detail: `was ${before.state} already`, process: before }
  const { driver, id, timing } = context
  // A stop while it is STOPPING is refused with NOT_RUNNING; it is under way, which is all that was asked.
  if (isRunning(before.state)) yield* requested(driver.stop(id), "NOT_RUNNING")
  const budgetMs = timing.stopWaitSecs * 1_000 + slackMs
  const { process, reached } = yield* observe(context, before, budgetMs, (now) => isStopped(now.state))
  return reached
    ? { outcome: "done", detail: `is ${process.state}`, process }
    : { outcome: "timeout", detail: `is still ${process.state} after the time it has to stop`, process }
})

const start: Operation = Effect.fnUntraced(function* (context, before) {
  const { driver, id } = context
  if (before.state === "RUNNING") return { outcome: "unchanged", detail: "was RUNNING already", process: before }
  let from = before
  if (before.state === "STOPPING") {
    const stopped = yield* stop(context, before)
    if (stopped.outcome !== "done") return stopped
    from = stopped.process
  }
  if (isStopped(from.state)) yield* requested(driver.start(id), "ALREADY_STARTED")
  const settled = (now: ProcessInfo) =>
    now.state === "RUNNING" ||
    (now.state === "FATAL" && isOtherRun(from, now)) ||
    (now.state === "EXITED" && isOtherRun(from, now))
  const { process, reached } = yield* observe(context, from, startBudgetMs(context.timing), settled)
  if (!reached) return { outcome: "timeout", detail: `is ${process.state} after the time it has to start`, process }
  if (process.state === "FATAL")
    return { outcome: "failed", detail: process.spawnerr || "gave up starting it", process }
  // EXITED means that it stayed up for its startsecs and ended since: it was started.
  return { outcome: "done", detail: `is ${process.state}`, process }
})

const restart: Operation = Effect.fnUntraced(function* (context, before) {
  if (isStopped(before.state)) return yield* start(context, before)
  const stopped = yield* stop(context, before)
  return stopped.outcome === "done" ? yield* start(context, stopped.process) : stopped
})

/** All tries, each up to startsecs long and a second later than the one before. */
const startBudgetMs = ({ startRetries, startSecs }: ProgramTiming): number =>
  ((startRetries + 1) * startSecs + (startRetries * (startRetries + 1)) / 2) * 1_000 + slackMs

/** It was FATAL or EXITED before the start too: only a report of a later run counts. */
const isOtherRun = (before: ProcessInfo, now: ProcessInfo): boolean =>
  before.state !== now.state || now.start !== before.start || now.stop !== before.stop

/**
 * A request counts as made when the node accepted it, when it says that things are as asked already (`agreeing`), or
 * when its reply was lost: what is observed next decides.
 */
const requested = (request: Effect.Effect<void, NodeError>, agreeing: string): Effect.Effect<void, NodeError> =>
  Effect.catch(request, (error) => {
    const { reason } = error
    const acted =
      reason._tag === "ConnectionLost" ||
      reason._tag === "TimedOut" ||
      (reason._tag === "Fault" && reason.name === agreeing)
    return acted ? Effect.void : Effect.fail(error)
  })

/** Looks at the process until the condition holds or the time is up. A look that fails counts as none. */
const observe = Effect.fnUntraced(function* (
  { driver, endsMs, id, options }: Context,
  last: ProcessInfo,
  budgetMs: number,
  holds: (process: ProcessInfo) => boolean
) {
  const untilMs = Math.min(endsMs, (yield* Clock.currentTimeMillis) + budgetMs)
  let process = last
  for (;;) {
    const look = yield* Effect.result(driver.process(id))
    if (look._tag === "Success") {
      process = look.success
      if (holds(process)) return { process, reached: true }
    } else if (!isPassing(look.failure)) return yield* look.failure
    const nowMs = yield* Clock.currentTimeMillis
    if (nowMs >= untilMs) return { process, reached: false }
    yield* Effect.sleep(Math.min(options.observeIntervalMs, untilMs - nowMs))
  }
})

/** Whether a later look may succeed where this one failed. */
const isPassing = ({ reason }: NodeError): boolean => {
  switch (reason._tag) {
    case "Unreachable":
    case "ConnectionLost":
    case "TimedOut":
    case "HttpStatus":
    case "Malformed":
      return true
    case "Unauthorized":
    case "TooLarge":
    case "ShuttingDown":
    case "Fault":
      return false
  }
}
