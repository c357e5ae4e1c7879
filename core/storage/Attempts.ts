/**
 * One call of the database as attempts: each is let through by the gate, and what fails for the moment is tried again
 * after a pause, as often and as long as the policy allows.
 */
import { Cause, Effect, Exit, Random, Result } from "effect"
import { SqlError } from "effect/sql"
import type { Verdict } from "../fleet/Breaker.ts"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import type { DatabaseGate } from "./DatabaseGate.ts"
import * as RetryPolicy from "./RetryPolicy.ts"
import type { Trouble } from "./Trouble.ts"

export type SqlFailure = SqlError.SqlError

/** What the caller failed with by himself. It is handed through. */
export interface Own<E> {
  readonly _tag: "Own"
  readonly error: E
  /** Whether the database had answered by then. */
  readonly isAnswered: boolean
}

const isOwn = <E>(error: E): error is Exclude<E, SqlFailure> => !(error instanceof SqlError.SqlError)

/** Sets apart what the caller fails with by himself. */
export const own = <A, E>(
  use: Effect.Effect<A, E>,
  { isAnswered }: { readonly isAnswered: boolean }
): Effect.Effect<A, SqlFailure | Own<Exclude<E, SqlFailure>>> =>
  Effect.catch(use, (error): Effect.Effect<never, SqlFailure | Own<Exclude<E, SqlFailure>>> => {
    if (error instanceof SqlError.SqlError) return Effect.fail(error)
    return isOwn(error) ? Effect.fail({ _tag: "Own", error, isAnswered }) : Effect.die(error)
  })

/** Sorts failures of SQL; one that became a defect on the way, as of a ROLLBACK, too. */
export const sorted = <A, F>(
  attempt: Effect.Effect<A, SqlFailure | Own<F> | Trouble>,
  trouble: (error: SqlFailure) => Trouble
): Effect.Effect<A, Own<F> | Trouble> =>
  Effect.catchCause(attempt, (cause): Effect.Effect<never, Own<F> | Trouble> => {
    const defect = cause.reasons.filter(Cause.isDieReason).find((reason) => reason.defect instanceof SqlError.SqlError)
    if (defect?.defect instanceof SqlError.SqlError) return Effect.fail(trouble(defect.defect))
    const found = Cause.findError(cause)
    if (Result.isFailure(found)) return Effect.failCause(found.failure)
    return Effect.fail(found.success instanceof SqlError.SqlError ? trouble(found.success) : found.success)
  })

export interface Call<A, E> {
  /** For all attempts and pauses together. */
  readonly timeoutMs: number
  readonly policy: RetryPolicy.RetryPolicy
  readonly enter: (nowMs: number) => ReturnType<DatabaseGate["enter"]>
  /** Ends about within `leftMs`. */
  readonly attempt: (leftMs: number) => Effect.Effect<A, Own<E> | Trouble>
  readonly onTrouble: (trouble: Trouble) => Effect.Effect<void>
}

/** Makes attempts until one goes well or there is nothing more to try. */
export const attempts = Effect.fnUntraced(function* <A, E>(
  gate: DatabaseGate,
  { attempt, enter, onTrouble, policy, timeoutMs }: Call<A, E>
): Effect.fn.Return<A, Own<E> | Trouble> {
  const deadlineMs = (yield* monotonicMs) + timeoutMs
  for (let retries = 0; ; retries++) {
    const result = yield* Effect.result(
      guarded(
        gate,
        enter,
        Effect.suspend(() => Effect.flatMap(monotonicMs, (now) => attempt(deadlineMs - now)))
      )
    )
    if (Result.isSuccess(result)) return result.success
    const failure = result.failure
    if (failure._tag === "Own") return yield* Effect.fail(failure)
    yield* onTrouble(failure)
    const spread = yield* Random.next
    const leftMs = deadlineMs - (yield* monotonicMs)
    const pauseMs = failure.isTransient ? RetryPolicy.pauseMs(policy, { retries, leftMs, spread }) : undefined
    if (pauseMs === undefined) {
      if (failure.isTransient) Marks.reached("the retries of a statement were used up")
      return yield* Effect.fail(failure)
    }
    Marks.reached("a statement was tried again")
    gate.countRetried()
    yield* Effect.sleep(pauseMs)
  }
})

/** An attempt that the gate lets through, and hears of however it ends. */
const guarded = <A, E>(
  gate: DatabaseGate,
  enter: Call<A, E>["enter"],
  attempt: Effect.Effect<A, Own<E> | Trouble>
): Effect.Effect<A, Own<E> | Trouble> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const entry = enter(yield* monotonicMs)
      if (entry._tag === "Refused") return yield* Effect.fail(entry.trouble)
      const exit = yield* Effect.exit(restore(attempt))
      if (Exit.hasInterrupts(exit)) Marks.reached("a statement was given up half way")
      const failure = Exit.isFailure(exit) ? Cause.findError(exit.cause) : undefined
      const error = failure !== undefined && Result.isSuccess(failure) ? failure.success : undefined
      const spread = yield* Random.next
      const nowMs = yield* monotonicMs
      const verdict = Exit.isSuccess(exit) ? "well" : verdictOf(error)
      gate.leave({ ticket: entry.ticket, verdict, nowMs, spread }, error?._tag === "Trouble" ? error : undefined)
      return yield* exit
    })
  )

/** An attempt that was interrupted or died says nothing. */
const verdictOf = <E>(error: Own<E> | Trouble | undefined): Verdict => {
  if (error === undefined) return "nothing"
  if (error._tag === "Trouble") return error.verdict
  return error.isAnswered ? "well" : "nothing"
}
