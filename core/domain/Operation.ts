/** What can be asked of processes, how it ends, and batches of it. The words of the API and of events. */
import { Schema } from "effect"
import { ProcessInfo } from "./Process.ts"

export const OperationKind = Schema.Literals(["start", "stop", "restart", "signal", "stdin", "clear_log"])
export type OperationKind = typeof OperationKind.Type

/** What a signal can be called: a name with or without `SIG`, or a number. */
export const SignalName = Schema.String.check(
  Schema.isPattern(/^(?:SIG)?[A-Z][A-Z0-9+-]{1,14}$|^[0-9]{1,2}$/, {
    message: 'expected a signal, such as "HUP", "SIGUSR1" or "10"'
  })
)

/** Characters that `stdin` sends at once, at most. */
export const stdinCharactersMax = 65_536

/** An operation with what it needs. */
export const OperationRequest = Schema.Union([
  Schema.Struct({ kind: Schema.Literals(["start", "stop", "restart", "clear_log"]) }),
  Schema.Struct({ kind: Schema.Literal("signal"), signal: SignalName }),
  Schema.Struct({
    kind: Schema.Literal("stdin"),
    chars: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(stdinCharactersMax))
  })
])
export type OperationRequest = typeof OperationRequest.Type

/**
 * - `done`: the state that was asked for was observed; for a signal, stdin and a log, the node took it.
 * - `unchanged`: it was in that state already; nothing was asked of the node.
 * - `failed`: another final state was observed: the program could not be started.
 * - `timeout`: neither was observed in time; the node may still get there. `limit` says which time.
 */
export const Outcome = Schema.Literals(["done", "unchanged", "failed", "timeout"])
export type Outcome = typeof Outcome.Type

/**
 * Which time was up: the `program`'s own (startsecs, startretries, stopwaitsecs), that of the kind of `operation`, or
 * that of the `batch` it belongs to.
 */
export const TimeLimit = Schema.Literals(["program", "operation", "batch"])
export type TimeLimit = typeof TimeLimit.Type

export const OperationResult = Schema.Struct({
  outcome: Outcome,
  /** Which time was up; only with `timeout`. */
  limit: Schema.optionalKey(TimeLimit),
  /** The state observed last. */
  state: ProcessInfo.fields.state,
  /** What happened, in words. */
  detail: Schema.String,
  took_ms: Schema.Int,
  process: ProcessInfo
})
export type OperationResult = typeof OperationResult.Type

/**
 * How a batch goes over its processes.
 *
 * - `parallel`: all of them, `concurrency` at a time.
 * - `rolling`: groups of `concurrency`, one group after another; the next begins when the one before has ended well.
 * - `canary`: the first alone; the rest, `concurrency` at a time, when it has ended well.
 */
export const BatchMode = Schema.Literals(["parallel", "rolling", "canary"])
export type BatchMode = typeof BatchMode.Type

/**
 * - `pending`: not begun; `running`: under way.
 * - `done`, `unchanged`, `failed`, `timeout`: the outcome of the operation.
 * - `error`: the node refused it or could not be asked.
 * - `skipped`: never begun, because too many before it failed, or the batch ran out of time.
 * - `cancelled`: never begun, or given up under way, because somebody cancelled the batch.
 */
export const BatchItemState = Schema.Literals([
  "pending",
  "running",
  "done",
  "unchanged",
  "failed",
  "timeout",
  "error",
  "skipped",
  "cancelled"
])
export type BatchItemState = typeof BatchItemState.Type

export const BatchItem = Schema.Struct({
  node: Schema.String,
  group: Schema.String,
  name: Schema.String,
  state: BatchItemState,
  limit: Schema.optionalKey(TimeLimit),
  detail: Schema.String,
  took_ms: Schema.optionalKey(Schema.Int)
})
export type BatchItem = typeof BatchItem.Type

/**
 * - `planned`: a dry run. Nothing has begun, and nothing will.
 * - `running`: items are under way, or the batch waits for its turn behind other batches.
 * - `done`: every item ended `done` or `unchanged`.
 * - `failed`: some did not; `stopped_early` says whether that kept others from beginning.
 * - `timeout`: the time of the batch was up. `cancelled`: somebody cancelled it.
 */
export const BatchStatus = Schema.Literals(["planned", "running", "done", "failed", "timeout", "cancelled"])
export type BatchStatus = typeof BatchStatus.Type

export const BatchSummary = Schema.Struct({
  /** Number of the batch since the console started; 0 of a dry run. */
  id: Schema.Int,
  kind: OperationKind,
  mode: BatchMode,
  status: BatchStatus,
  stopped_early: Schema.Boolean,
  /** Who asked for it; absent when the console did. */
  by: Schema.optionalKey(Schema.String),
  /** Items by state, states without any left out. */
  counts: Schema.Record(Schema.String, Schema.Int),
  /** ISO 8601. */
  started: Schema.String,
  ended: Schema.optionalKey(Schema.String)
})
export type BatchSummary = typeof BatchSummary.Type

export const BatchView = Schema.Struct({ ...BatchSummary.fields, items: Schema.Array(BatchItem) })
export type BatchView = typeof BatchView.Type

const Pattern = Schema.String.check(
  Schema.isMinLength(1, { message: "expected a name or a pattern, got nothing" }),
  Schema.isMaxLength(200, { message: "expected a pattern of at most 200 characters" })
)

/**
 * Which processes: all that match every field that is given. `*` in a field stands for any characters, so `{}` is the
 * whole fleet and `{ node: "web-1", group: "app" }` is a group.
 */
export const Selector = Schema.Struct({
  node: Schema.optionalKey(Pattern),
  environment: Schema.optionalKey(Pattern),
  group: Schema.optionalKey(Pattern),
  name: Schema.optionalKey(Pattern)
})
export type Selector = typeof Selector.Type

const count = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

export const batchLimits = {
  selectorsMax: 100,
  concurrencyMax: 256,
  itemsMax: 10_000,
  timeoutMsMax: 86_400_000
} as const

/** What a batch is asked for. */
export const BatchRequest = Schema.Struct({
  operation: OperationRequest,
  /** Processes that match one of these, in the order of the fleet. */
  select: Schema.NonEmptyArray(Selector).check(Schema.isMaxLength(batchLimits.selectorsMax)),
  mode: Schema.optionalKey(BatchMode),
  concurrency: Schema.optionalKey(count(1, batchLimits.concurrencyMax)),
  /** No further item begins after so many that did not end `done` or `unchanged`. Default 1, except for `parallel`. */
  stop_after_failures: Schema.optionalKey(count(1, batchLimits.itemsMax)),
  /** Of the whole batch, counted from the asking; default as configured. */
  timeout_ms: Schema.optionalKey(count(1, batchLimits.timeoutMsMax)),
  /** Only says what it would act on. */
  dry_run: Schema.optionalKey(Schema.Boolean),
  /** Answers when the batch is over instead of when it has begun. */
  wait: Schema.optionalKey(Schema.Boolean)
})
export type BatchRequest = typeof BatchRequest.Type
