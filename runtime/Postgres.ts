/**
 * Effect's `SqlClient` over PostgreSQL: `@effect/sql-pg` with an end to every wait, and a lost connection that is a
 * `ConnectionError` and no defect. Integers of 8 bytes are bigints, `numeric` is text.
 *
 * Errors: `ConnectionError` for a server that cannot be reached, has no room or broke off, and when no connection of
 * the pool is free in time (its operation is `acquire`); `StatementTimeoutError`, `LockTimeoutError`; the others as
 * PostgreSQL classifies them. What begins and ends a transaction cannot be interrupted, and is given up by itself when
 * no answer comes: after a COMMIT, a `ConnectionError` leaves open whether it was done.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Predicate, type Redacted, type Scope, type Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError } from "effect/sql"

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: Redacted.Redacted
  /** Connections of the pool, opened as they are needed. Default 10. */
  readonly connectionsMax?: number
  /** How long a statement or transaction waits for a connection, opening one included. Default 5,000. */
  readonly acquireTimeoutMs?: number
  /** How long a statement may take at the server, waiting for locks included. Default 30,000. */
  readonly statementTimeoutMs?: number
  /** How long a statement waits for a lock. Default 5,000. */
  readonly lockTimeoutMs?: number
  /** How long a transaction may do nothing before the server ends it. Default 60,000. */
  readonly idleInTransactionTimeoutMs?: number
}

/** A server has answered within the time for a statement; for so much longer its answer may be under way. */
const answerSlackMs = 1_000

/** Of the time for a connection: opening one has failed by then, or an absent server would look like a full pool. */
const connectShare = 0.8

type Transform = Parameters<SqlConnection.Connection["execute"]>[2]

export const layer = (options: PostgresOptions): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

const make = Effect.fnUntraced(function* (options: PostgresOptions) {
  const { acquireTimeoutMs = 5_000, connectionsMax = 10, statementTimeoutMs = 30_000 } = options
  const pool = yield* PgClient.make({
    url: options.url,
    applicationName: "muster",
    maxConnections: connectionsMax,
    connectTimeout: acquireTimeoutMs * connectShare,
    startupParameters: {
      statement_timeout: `${statementTimeoutMs}`,
      lock_timeout: `${options.lockTimeoutMs ?? 5_000}`,
      idle_in_transaction_session_timeout: `${options.idleInTransactionTimeoutMs ?? 60_000}`
    }
  })
  const exhausted = Effect.suspend(() => {
    const message = `none of the ${connectionsMax} connections to the database was free within ${acquireTimeoutMs} ms`
    const reason = new SqlError.ConnectionError({ cause: new Error(message), message, operation: "acquire" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })
  const acquirer: Effect.Effect<PostgresConnection, SqlError.SqlError, Scope.Scope> = Effect.timeoutOrElse(
    // Interruptible for the timeout: the connection belongs to the scope as soon as it is taken.
    Effect.interruptible(pool.reserve),
    { duration: acquireTimeoutMs, orElse: () => exhausted }
  ).pipe(
    Effect.mapError((error) => (endsConnection(error) ? connectionError(error) : error)),
    Effect.map((connection) => new PostgresConnection(connection, statementTimeoutMs + answerSlackMs))
  )
  return yield* SqlClient.make({
    acquirer,
    compiler: PgClient.makeCompiler(),
    driver: "@effect/sql-pg",
    spanAttributes: [["db.system.name", "postgresql"]],
    commit,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
  })
})

const commitText = "COMMIT"

/** PostgreSQL answers COMMIT with ROLLBACK when a statement of the transaction has failed. */
const commit = (connection: SqlConnection.Connection): Effect.Effect<void, SqlError.SqlError> =>
  Effect.flatMap(connection.executeRaw(commitText, []), (result) => {
    if (!Predicate.hasProperty(result, "command") || result.command !== "ROLLBACK") return Effect.void
    const message = "the transaction was rolled back at its COMMIT, since one of its statements had failed"
    const reason = new SqlError.UnknownError({ cause: new Error(message), message, operation: "commit" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })

/** Names a lost connection as such, and takes its loss for the rollback that it is. */
class PostgresConnection implements SqlConnection.Connection {
  private readonly connection: SqlConnection.Connection
  private readonly answerMsMax: number

  constructor(connection: SqlConnection.Connection, answerMsMax: number) {
    this.connection = connection
    this.answerMsMax = answerMsMax
  }

  execute(sql: string, params: ReadonlyArray<unknown>, transform: Transform) {
    return this.watched(sql, this.connection.execute(sql, params, transform), [])
  }

  executeUnprepared(sql: string, params: ReadonlyArray<unknown>, transform: Transform) {
    // BEGIN, ROLLBACK and savepoints come this way.
    return this.watched(sql, this.answered(sql, this.connection.executeUnprepared(sql, params, transform)), [])
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<unknown, SqlError.SqlError> {
    const executed = this.connection.executeRaw(sql, params)
    return this.watched(sql, sql === commitText ? this.answered(sql, executed) : executed, undefined)
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.watched(sql, this.connection.executeValues(sql, params), [])
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.watched(sql, this.connection.executeValuesUnprepared(sql, params), [])
  }

  executeStream(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Stream.Stream<unknown, SqlError.SqlError> {
    return this.connection.executeStream(sql, params, transform)
  }

  /** Ends in time where nothing else can be interrupted. The connection is of no use any more then. */
  private answered<A>(sql: string, effect: Effect.Effect<A, SqlError.SqlError>) {
    return Effect.timeoutOrElse(Effect.interruptible(effect), {
      duration: this.answerMsMax,
      orElse: () => {
        const message = `no answer to ${sql} within ${this.answerMsMax} ms`
        const reason = new SqlError.ConnectionError({ cause: new Error(message), message, operation: "execute" })
        return Effect.fail(new SqlError.SqlError({ reason }))
      }
    })
  }

  private watched<A>(sql: string, effect: Effect.Effect<A, SqlError.SqlError>, rolledBack: A) {
    return Effect.catch(effect, (error): Effect.Effect<A, SqlError.SqlError> => {
      if (!endsConnection(error)) return Effect.fail(error)
      return sql.startsWith("ROLLBACK") ? Effect.succeed(rolledBack) : Effect.fail(connectionError(error))
    })
  }
}

/** A server that starts, shuts down, is full or ends a session (25P03: for doing nothing) says so as a failure. */
const endsConnection = ({ reason }: SqlError.SqlError): boolean =>
  reason._tag === "ConnectionError" ||
  (Predicate.hasProperty(reason.cause, "code") && /^57P|^533|^25P03/.test(String(reason.cause.code)))

const connectionError = (error: SqlError.SqlError): SqlError.SqlError => {
  const { cause, operation } = error.reason
  const message = cause instanceof Error ? cause.message : error.message
  return new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause, message, operation }) })
}
