/** Asking a node for a change, and watching the process until the change is seen. */
import { Effect, Ref } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import type { NodeError } from "../domain/NodeError.ts"
import type { OperationResult } from "../domain/Operation.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import type { NodeDriver } from "./NodeDriver.ts"

/** How far an operation has come: what is told of it when it is cut off. */
export interface Progress {
  /** It is its turn among the operations on the process. */
  readonly isInTurn: boolean
  /** The process as this operation saw it last. */
  readonly seen: ProcessInfo | undefined
  /** When the time that the program itself has for this is up. */
  readonly programEndsMs: number | undefined
  /** The node took what it was to be given; nothing that happens later makes it undone. */
  readonly taken: Step | undefined
}

export interface OperationContext {
  readonly driver: NodeDriver
  readonly id: ProcessId
  readonly intervalMs: number
  /** When the operation is cut off, monotonic. */
  readonly endsMs: number
  readonly progress: Ref.Ref<Progress>
}

/** The end of an operation but for its duration. */
export type Step = Pick<OperationResult, "outcome" | "detail" | "limit" | "process">

export interface Observed {
  readonly process: ProcessInfo
  readonly reached: boolean
}

/** The last look begins so long before the operation is cut off, for its reply to be in time. */
const lastLookMs = 200

/**
 * Makes a request. It counts as made when the node accepted it or says that things are as asked already (`agreeing`):
 * true. When its reply was lost it may have been: false, and what is observed next decides. Other errors are passed on.
 */
export const requested = (
  request: Effect.Effect<void, NodeError>,
  agreeing?: string
): Effect.Effect<boolean, NodeError> =>
  request.pipe(
    Effect.as(true),
    Effect.catch((error) => {
      const { reason } = error
      if (reason._tag === "ConnectionLost" || reason._tag === "TimedOut") {
        Marks.reached("the reply to a change was lost")
        return Effect.succeed(false)
      }
      return reason._tag === "Fault" && reason.name === agreeing ? Effect.succeed(true) : Effect.fail(error)
    })
  )

/**
 * Looks at the process until the condition holds or the program's time is up; a look that fails counts as none. The
 * condition is also told whether the process was seen in another state meanwhile.
 */
export const observe = Effect.fnUntraced(function* (
  context: OperationContext,
  last: ProcessInfo,
  budgetMs: number,
  holds: (process: ProcessInfo, hasMoved: boolean) => boolean
): Effect.fn.Return<Observed, NodeError> {
  const { driver, id, progress } = context
  const programEndsMs = (yield* monotonicMs) + budgetMs
  yield* Ref.update(progress, (before) => ({ ...before, programEndsMs }))
  let process = last
  let hasMoved = false
  for (;;) {
    const look = yield* Effect.result(driver.process(id))
    if (look._tag === "Success") {
      const seen = look.success
      process = seen
      hasMoved ||= seen.state !== last.state
      const reached = holds(process, hasMoved)
      const changes = reached ? { seen, programEndsMs: undefined } : { seen }
      yield* Ref.update(progress, (before) => ({ ...before, ...changes }))
      if (reached) return { process, reached }
    } else if (!isPassing(look.failure)) return yield* look.failure
    const nowMs = yield* monotonicMs
    if (nowMs >= programEndsMs) return { process, reached: false }
    yield* pause(context, nowMs, programEndsMs)
  }
})

/** Waits until the next look: an interval at most, and in time for a last one before each end. */
export const pause = (
  { endsMs, intervalMs }: OperationContext,
  nowMs: number,
  programEndsMs = Infinity
): Effect.Effect<void> => {
  const moments = [programEndsMs, endsMs - lastLookMs].filter((atMs) => atMs > nowMs)
  return Effect.sleep(Math.min(nowMs + intervalMs, ...moments) - nowMs)
}

/** Whether a later look may succeed where this one failed. */
export const isPassing = ({ reason }: NodeError): boolean => {
  switch (reason._tag) {
    case "Unreachable":
    case "ConnectionLost":
    case "TimedOut":
    case "HttpStatus":
    case "Malformed":
    case "CircuitOpen":
    case "Busy":
      return true
    case "Unauthorized":
    case "TooLarge":
    case "ShuttingDown":
    case "Fault":
    case "WrongIdentity":
    case "Unsupported":
      return false
  }
}
