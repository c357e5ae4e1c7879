/**
 * The database of the console: every statement of it goes through here, and ends in bounded time.
 *
 * Transient failures are retried with delays that grow, jitter and end; permanent ones are not. A breaker keeps a
 * database that is away from being asked by everybody. Its health is probed, and shown as the component `database`.
 *
 * `run` ends within `statementTimeoutMs` of its call, `transaction` within `transactionTimeoutMs`, retries and pauses
 * included; on top of that comes at most what the SQL client takes to hand out a connection, and to commit or roll back
 * and return it. Neither may be used inside of a transaction, where a retry would be of a part: that is a defect; pass
 * on the `sql` instead. Whoever uses `sql.withTransaction` inside of `run` or of a transaction gets what it does by
 * itself, which in a transaction is a savepoint.
 *
 * A database that is away at the start does not keep the layer from being built: it is tried again in the background,
 * and until then every call fails with `Unavailable` at once.
 */
import { Context, Deferred, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Components } from "../health/Components.ts"
import * as Marks from "../Marks.ts"
import { attempts, type Call, own, type Own, sorted } from "./Attempts.ts"
import { DatabaseGate } from "./DatabaseGate.ts"
import type { DatabaseError } from "./DatabaseError.ts"
import type { DatabaseOptions } from "./DatabaseOptions.ts"
import * as HealthProbe from "./HealthProbe.ts"
import type { MigrationSet, SchemaTooNew } from "./Migrate.ts"
import { migrations } from "./Migrations.ts"
import * as Startup from "./Startup.ts"
import { InTransaction, transactionOnce } from "./Transaction.ts"
import { late, type Trouble, troubleOf } from "./Trouble.ts"

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
     * is retried; of one that timed out it is not known whether its last write was done.
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
    /** For the metrics: how often it was asked, retried, and failed, by reason. */
    readonly counts: Effect.Effect<DatabaseCounts>
  }
>()("core/storage/Database") {}

type SqlFailure = SqlError.SqlError

export interface DatabaseCounts {
  /** Calls of `run` and `transaction`. */
  readonly asked: number
  /** Attempts after the first, those of the health probe included. */
  readonly retried: number
  /** Calls that failed as a DatabaseError. */
  readonly failed: Readonly<Record<string, number>>
  readonly breaker: "closed" | "open" | "half-open"
}

/** The name of its component. */
export const component = "database"

/** Migrates the tables first; see `Startup`. `set` is for tests that have tables of their own. */
export const layer = (
  options: DatabaseOptions,
  set: MigrationSet = migrations
): Layer.Layer<Database, SchemaTooNew | DatabaseError, SqlClient.SqlClient | Components> =>
  Layer.effect(
    Database,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const components = yield* Components
      const gate = new DatabaseGate(options)
      const ready = yield* Deferred.make<void>()
      yield* components.register(
        component,
        Effect.sync(() => {
          const { breaker, retried } = gate.counts
          return { status: gate.status, breaker, retried }
        })
      )
      const report = {
        well: components.succeeded(component),
        bad: (message: string) => components.errored(component, message),
        back: components.assessed(component, "healthy", "it can be reached"),
        away: (message: string) => components.assessed(component, "failing", message),
        final: (message: string) => components.failed(component, message)
      }
      const watched = { gate, options, report, sql }
      const first = yield* Deferred.make<void, SchemaTooNew | DatabaseError>()
      yield* Effect.gen(function* () {
        if (!(yield* Startup.start({ ...watched, set, first }))) return
        yield* Deferred.succeed(ready, undefined)
        return yield* HealthProbe.watch(watched)
      }).pipe(Effect.withSpan("Database.health"), Effect.forkScoped)
      // One that takes longer to answer, or to be migrated, goes on in the background.
      yield* Effect.timeoutOption(Deferred.await(first), options.transactionTimeoutMs)
      return Database.of({
        ...operations(watched),
        status: Effect.sync(() => gate.status),
        ready: Deferred.await(ready),
        counts: Effect.sync(() => gate.counts)
      })
    })
  )

const operations = ({
  gate,
  options,
  report,
  sql
}: HealthProbe.Watched): Pick<Database["Service"], "run" | "transaction"> => {
  const { statementTimeoutMs, transactionTimeoutMs } = options
  const policy = HealthProbe.policyOf(options)
  const onTrouble = ({ detail, verdict }: Trouble) => (verdict === "bad" ? report.bad(detail) : Effect.void)

  const ask = <A, F>(
    operation: string,
    { attempt, timeoutMs }: Pick<Call<A, F>, "attempt" | "timeoutMs">
  ): Effect.Effect<A, DatabaseError | F> =>
    Effect.gen(function* () {
      const outer = yield* InTransaction
      if (outer !== undefined) {
        return yield* Effect.die(
          new Error(`${operation} asks the database inside of the transaction of ${outer}: pass on its sql instead`)
        )
      }
      gate.countAsked()
      const enter = (nowMs: number) => gate.enter(nowMs)
      const value = yield* attempts(gate, { attempt, enter, onTrouble, policy, timeoutMs })
      yield* report.well
      return value
    }).pipe(
      Effect.catch((failure: Own<F> | Trouble): Effect.Effect<never, DatabaseError | F> => {
        if (failure._tag === "Own") return Effect.fail(failure.error)
        gate.countFailed(failure.reason)
        return Effect.fail(failure.toError(operation))
      }),
      Effect.withSpan(operation, { attributes: { component } }, { captureStackTrace: false })
    )

  return {
    run: <A, E>(operation: string, use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
      ask(operation, {
        timeoutMs: statementTimeoutMs,
        attempt: (leftMs) =>
          sorted(
            Effect.timeoutOrElse(
              own(
                Effect.suspend(() => use(sql)),
                { isAnswered: false }
              ),
              {
                duration: Math.max(0, leftMs),
                orElse: () => {
                  Marks.reached("a statement ran out of time")
                  return Effect.fail(late(statementTimeoutMs, { isTransient: false }))
                }
              }
            ),
            (error) => troubleOf(error, "statement")
          )
      }),
    transaction: <A, E>(operation: string, use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
      ask(operation, {
        timeoutMs: transactionTimeoutMs,
        attempt: (leftMs) =>
          transactionOnce(
            sql,
            { leftMs, timeoutMs: transactionTimeoutMs },
            operation,
            Effect.suspend(() => use(sql))
          )
      })
  }
}
