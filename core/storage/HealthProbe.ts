/**
 * Looks at the health of the database for as long as the console runs: one statement that means nothing, retried like
 * any other. It asks an open circuit too, and closes it when the database answers, so that a recovery shows within one
 * interval however long the circuit would stay open.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { attempts, sorted } from "./Attempts.ts"
import type { DatabaseGate, Entry } from "./DatabaseGate.ts"
import type { DatabaseOptions } from "./DatabaseOptions.ts"
import type { RetryPolicy } from "./RetryPolicy.ts"
import { late, type Trouble, troubleOf } from "./Trouble.ts"

/** Where the health of the component goes. Messages are for people and hold no secret. */
export interface HealthReport {
  readonly well: Effect.Effect<void>
  readonly bad: (message: string) => Effect.Effect<void>
  /** It is usable from here on, or not, as far as is known. */
  readonly back: Effect.Effect<void>
  readonly away: (message: string) => Effect.Effect<void>
  /** It is left alone for good. */
  readonly final: (message: string) => Effect.Effect<void>
}

export interface Watched {
  readonly gate: DatabaseGate
  readonly options: DatabaseOptions
  readonly report: HealthReport
  readonly sql: SqlClient.SqlClient
}

export const policyOf = ({ retriesMax, retryDelayMaxMs, retryDelayMs }: DatabaseOptions): RetryPolicy => ({
  retriesMax,
  delayMs: retryDelayMs,
  delayMaxMs: retryDelayMaxMs
})

/** A ticket that no attempt ever had: how it ends changes nothing by itself. */
const noTicket = -1

export const watch = (watched: Watched): Effect.Effect<never> =>
  Effect.forever(Effect.andThen(Effect.sleep(watched.options.healthIntervalMs), look(watched)))

const look = ({ gate, options, report, sql }: Watched): Effect.Effect<void> => {
  const { healthIntervalMs, statementTimeoutMs } = options
  const onceMs = Math.min(statementTimeoutMs, healthIntervalMs)
  const policy = { ...policyOf(options), delayMaxMs: Math.min(options.retryDelayMaxMs, healthIntervalMs) }
  const one = Effect.timeoutOrElse(sql`SELECT 1 AS one`, {
    duration: onceMs,
    orElse: () => Effect.fail(late(onceMs, { isTransient: true }))
  })
  const attempt = () => sorted(one, (error) => troubleOf(error, "statement"))
  const enter = (nowMs: number): Entry => {
    const entry = gate.admit(nowMs)
    return entry._tag === "Admitted" ? entry : { _tag: "Admitted", ticket: noTicket }
  }
  const onTrouble = ({ detail }: Trouble) => report.bad(detail)
  const timeoutMs = (policy.retriesMax + 1) * (onceMs + policy.delayMaxMs)
  return attempts(gate, { attempt, enter, onTrouble, policy, timeoutMs }).pipe(
    Effect.andThen(Effect.suspend(() => (gate.reached() ? report.back : report.well))),
    Effect.catch((failure) => {
      if (failure._tag === "Own" || failure.verdict !== "bad") return Effect.void
      gate.lost(failure.detail)
      return report.away(failure.detail)
    })
  )
}
