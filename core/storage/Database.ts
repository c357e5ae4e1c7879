/**
 * The database of the console: every statement of it goes through here, and ends in bounded time.
 *
 * Transient failures are retried with delays that grow, jitter and end; permanent ones are not. A breaker keeps a
 * database that is away from being asked by everybody. Its health is probed, and shown as the component `database`.
 */
import { Context, type Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { DatabaseError } from "./DatabaseError.ts"

/**
 * - `starting`: it was not reached yet, or its tables are being made.
 * - `up`: usable. `down`: was usable, and is not reached now.
 * - `refused`: its tables are of a newer version than this console knows; it is left alone until a restart.
 */
export type DatabaseStatus = "starting" | "up" | "down" | "refused"

export class Database extends Context.Service<
  Database,
  {
    /**
     * Runs statements of which each is one by itself: reads, or single writes that may be repeated. A transient failure
     * is retried within `timeoutMs` of the options.
     */
    readonly run: <A, E>(
      operation: string,
      use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>
    ) => Effect.Effect<A, DatabaseError | Exclude<E, SqlFailure>>
    /**
     * Runs all of it in one transaction, or none. It is retried as a whole when the database could not do it for the
     * moment; what it fails with by itself, other than a failure of SQL, rolls back and is not retried. On a timeout or
     * an interruption it is rolled back and the connection returned before the caller is told.
     */
    readonly transaction: <A, E>(
      operation: string,
      use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>
    ) => Effect.Effect<A, DatabaseError | Exclude<E, SqlFailure>>
    readonly status: Effect.Effect<DatabaseStatus>
    /** Waits until it is usable for the first time since the start; never fails. */
    readonly ready: Effect.Effect<void>
    /** For the metrics: how often it was asked, retried, and failed, by reason; connections in use where known. */
    readonly counts: Effect.Effect<DatabaseCounts>
  }
>()("core/storage/Database") {}

type SqlFailure = import("effect/sql").SqlError.SqlError

export interface DatabaseCounts {
  readonly asked: number
  readonly retried: number
  readonly failed: Readonly<Record<string, number>>
  readonly breaker: "closed" | "open" | "half-open"
}
