/**
 * One attempt at a transaction.
 *
 * Its time ends its statements, not its COMMIT: whoever gives up at the COMMIT cannot say any more whether it was done.
 * What begins, commits and rolls back cannot be interrupted; the SQL client ends each of these by itself in time.
 */
import { Context, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { own, type Own, type SqlFailure, sorted } from "./Attempts.ts"
import { late, troubleOf } from "./Trouble.ts"
import type { Trouble } from "./Trouble.ts"

/** What the surroundings are called that run inside of a transaction; undefined outside. */
export const InTransaction = Context.Reference<string | undefined>("core/storage/InTransaction", {
  defaultValue: () => undefined
})

export interface TransactionTime {
  readonly leftMs: number
  /** For the words. */
  readonly timeoutMs: number
}

/** Rolled back and its connection returned when this ends, unless it went well. */
export const transactionOnce = <A, E>(
  sql: SqlClient.SqlClient,
  { leftMs, timeoutMs }: TransactionTime,
  operation: string,
  use: Effect.Effect<A, E>
): Effect.Effect<A, Own<Exclude<E, SqlFailure>> | Trouble> =>
  Effect.gen(function* () {
    const startMs = yield* monotonicMs
    let phase: "runs" | "commits" = "runs"
    const body = Effect.gen(function* () {
      const passedMs = (yield* monotonicMs) - startMs
      const value = yield* Effect.timeoutOrElse(
        Effect.provideService(own(use, { isAnswered: true }), InTransaction, operation),
        {
          duration: Math.max(0, leftMs - passedMs),
          orElse: () => {
            Marks.reached("a transaction ran out of time")
            return Effect.fail(late(timeoutMs, { isTransient: false }))
          }
        }
      )
      phase = "commits"
      return value
    })
    return yield* sorted(sql.withTransaction(body), (error) =>
      troubleOf(error, phase === "commits" ? "commit" : "statement")
    )
  })
