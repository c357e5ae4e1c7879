/** Tells of an operation on a process: that it began and how it ended, as events of the fleet and in the log. */
import { Cause, Effect, Exit } from "effect"
import { monotonicMs } from "../MonotonicMs.ts"
import type { FleetChange } from "../domain/FleetEvent.ts"
import type { OperationKind, OperationResult } from "../domain/Operation.ts"
import { formatId } from "../domain/Process.ts"
import type { ProcessId } from "../domain/Process.ts"
import type { Registry } from "./Registry.ts"

/** An operation under way. */
export interface Activity extends ProcessId {
  /** Its number since the console started. */
  readonly operation: number
  readonly kind: OperationKind
  readonly node: string
}

interface Ending {
  readonly outcome: OperationResult["outcome"] | "error" | "cancelled"
  readonly detail: string
}

/**
 * Runs the operation between `operation.started` and `operation.finished`. The second is told however it ends: with an
 * outcome, an error, a defect (`error`) or an interruption (`cancelled`).
 */
export const announced =
  (registry: Registry["Service"], activity: Activity) =>
  <E extends { readonly message: string }>(
    work: Effect.Effect<OperationResult, E>
  ): Effect.Effect<OperationResult, E> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const startedMs = yield* monotonicMs
        yield* restore(told(registry, { type: "operation.started", ...activity }))
        const exit = yield* Effect.exit(restore(work))
        const ending = endingOf(exit)
        const tookMs = Math.round((yield* monotonicMs) - startedMs)
        yield* told(registry, { type: "operation.finished", ...activity, ...ending, took_ms: tookMs })
        yield* Effect.annotateLogs(log(activity, ending), { operation_id: activity.operation, took_ms: tookMs })
        return yield* exit
      })
    )

/** A bus that makes its publishers wait must not keep an operation from its end. */
const tellMsMax = 1_000

const told = (registry: Registry["Service"], change: FleetChange): Effect.Effect<void> =>
  Effect.asVoid(Effect.timeoutOption(Effect.interruptible(registry.tell(change)), tellMsMax))

const endingOf = <E extends { readonly message: string }>(exit: Exit.Exit<OperationResult, E>): Ending => {
  if (Exit.isSuccess(exit)) return { outcome: exit.value.outcome, detail: exit.value.detail }
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "Some") return { outcome: "error", detail: error.value.message }
  return Cause.hasInterruptsOnly(exit.cause)
    ? { outcome: "cancelled", detail: "given up under way; what the node was asked before may still happen" }
    : { outcome: "error", detail: "the console failed at it; its log tells more" }
}

const log = (activity: Activity, { detail, outcome }: Ending): Effect.Effect<void> => {
  const line = `${activity.kind} of ${activity.node} ${formatId(activity)}: ${outcome}, ${detail}`
  return outcome === "done" || outcome === "unchanged" ? Effect.logInfo(line) : Effect.logWarning(line)
}
