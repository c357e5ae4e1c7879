/** What one call of the database tried, attempt by attempt, and whether that follows the rules of retries. */
import { Cause, Effect, Exit, Result } from "effect"
import { SqlError } from "effect/sql"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import type { DatabaseOptions } from "../../core/storage/DatabaseOptions.ts"
import { holds, type Violation } from "../Property.ts"

export interface Attempt {
  readonly startedMs: number
  endedMs: number
  /** `done`, the reason of its failure of SQL, `acquire` when no connection was free, `given up`. */
  outcome: string
}

/** Failures after which the same may go well in a moment, and nothing was done that must not be done twice. */
const transient: ReadonlySet<string> = new Set([
  "ConnectionError",
  "DeadlockError",
  "SerializationError",
  "LockTimeoutError"
])

/** Adds an attempt to the list each time that the effect runs. */
export const watched = <A, E>(attempts: Array<Attempt>, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const startedMs = yield* monotonicMs
    const attempt: Attempt = { startedMs, endedMs: Number.POSITIVE_INFINITY, outcome: "given up" }
    attempts.push(attempt)
    return yield* Effect.onExit(effect, (exit) =>
      Effect.map(monotonicMs, (nowMs) => {
        attempt.endedMs = nowMs
        attempt.outcome = outcomeOf(exit)
      })
    )
  })

const outcomeOf = <A, E>(exit: Exit.Exit<A, E>): string => {
  if (Exit.isSuccess(exit)) return "done"
  const found = Cause.findError(exit.cause)
  if (Result.isFailure(found)) return "given up"
  const error = found.success
  if (!(error instanceof SqlError.SqlError)) return "own"
  return error.reason._tag === "ConnectionError" && error.reason.operation === "acquire" ? "acquire" : error.reason._tag
}

/** Of a pause, how much of what it may be at most. */
export interface Pause {
  readonly share: number
}

/** Clocks are in fractions of milliseconds. */
const toleranceMs = 1

/** Checks the attempts of one call, and gives its pauses. */
export const checkAttempts = Effect.fnUntraced(function* (
  what: string,
  attempts: ReadonlyArray<Attempt>,
  { retriesMax, retryDelayMaxMs, retryDelayMs }: DatabaseOptions
): Effect.fn.Return<ReadonlyArray<Pause>, Violation> {
  yield* holds(
    attempts.length <= retriesMax + 1,
    () => `${what} was tried ${attempts.length} times, and ${retriesMax} retries are allowed`
  )
  const pauses: Array<Pause> = []
  for (const [retry, next] of attempts.slice(1).entries()) {
    const before = attempts[retry]
    if (before === undefined) continue
    yield* holds(transient.has(before.outcome), () => `${what} was tried again after ${before.outcome}`)
    const longestMs = Math.min(retryDelayMs * 2 ** retry, retryDelayMaxMs)
    const pausedMs = next.startedMs - before.endedMs
    yield* holds(
      pausedMs >= longestMs / 2 - toleranceMs && pausedMs <= longestMs + toleranceMs,
      () => `the pause before retry ${retry + 1} of ${what} was ${pausedMs} ms, not from half of ${longestMs} to that`
    )
    pauses.push({ share: pausedMs / longestMs })
  }
  return pauses
})

/** Whether a call that ended with this attempt should have been tried once more, time and circuit permitting. */
export const isTriable = ({ outcome }: Attempt): boolean => transient.has(outcome)
