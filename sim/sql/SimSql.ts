/**
 * Effect's `SqlClient` over the simulated database: a pool of connections that a host opens as it needs them, and gives
 * back after each statement or transaction. Transactions begin as BEGIN IMMEDIATE, so that two that write never have to
 * fail for each other; a program that wants another begin uses `SqlClient.BeginTransaction`.
 *
 * Failures are those of the real clients: `ConnectionError` for a connection that cannot be had (refused, reset, no
 * answer in time, none free in time), else what Effect makes of SQLite's codes. A connection that is lost rolls its
 * transaction back. An interrupted statement is still done; the connection comes back to the pool when it has answered.
 */
import { Effect, Layer, type Scope, Semaphore } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, SqlError, Statement } from "effect/sql"
import { Database } from "./Database.ts"
import { lost, SimConnection } from "./SimConnection.ts"

export interface SimSqlOptions {
  /** Host that the client runs on; `Database.crash` takes it. Default `console`. */
  readonly host?: string
  /** Connections of the pool. Default 4. */
  readonly connectionsMax?: number
  /** How long a statement or transaction waits for a connection to be free. Default 5,000. */
  readonly acquireTimeoutMs?: number
  /** How long it waits for an answer before the connection is given up. Default 30,000. */
  readonly answerTimeoutMs?: number
}

export const layer = (options: SimSqlOptions = {}): Layer.Layer<SqlClient.SqlClient, never, Database> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

const make = Effect.fnUntraced(function* (options: SimSqlOptions) {
  const acquirer = yield* pool(options)
  return yield* SqlClient.make({
    acquirer,
    compiler: Statement.makeCompilerSqlite(),
    driver: "muster/sim/sql",
    spanAttributes: [["db.system.name", "sqlite"]],
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    isTransaction: (connection) => connection instanceof SimConnection && connection.session.isInTransaction,
    // SQLite leaves the transaction open when a COMMIT fails; the next user of the connection must not find it.
    onCommitFailure: (connection) =>
      connection instanceof SimConnection && connection.session.isInTransaction
        ? Effect.asVoid(connection.execute("ROLLBACK", [], undefined))
        : Effect.void
  })
})

const pool = Effect.fnUntraced(function* (options: SimSqlOptions) {
  const { acquireTimeoutMs = 5_000, answerTimeoutMs = 30_000, connectionsMax = 4, host = "console" } = options
  const database = yield* Database
  const permits = yield* Semaphore.make(connectionsMax)
  const idle: Array<SimConnection> = []
  yield* Effect.addFinalizer(() => Effect.forEach(idle, ({ session }) => session.close, { discard: true }))

  const takeIdle = Effect.gen(function* () {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (!connection.session.isLost) return connection
      yield* connection.session.close
    }
    return undefined
  })
  const giveBack = (connection: SimConnection) =>
    Effect.gen(function* () {
      const { session } = connection
      // Whoever reserved the connection left a transaction open: closing it is what ends that for sure.
      if (session.isInTransaction || session.isLost) return yield* session.close
      idle.push(connection)
    })
  const exhausted = Effect.suspend(() => {
    const message = `none of the ${connectionsMax} connections to the database was free within ${acquireTimeoutMs} ms`
    const reason = new SqlError.ConnectionError({ cause: new Error(message), message, operation: "acquire" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })
  const acquire: Effect.Effect<SimConnection, SqlError.SqlError, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      // The permit belongs to the scope from the moment it is taken, so that none is lost if the timeout comes first.
      // Interruptible, for the timeout alone: whether the caller is, `restore` knows.
      yield* restore(
        Effect.timeoutOrElse(Effect.interruptible(Semaphore.takeScoped(permits, 1)), {
          duration: acquireTimeoutMs,
          orElse: () => exhausted
        })
      )
      const known = yield* takeIdle
      const session = known?.session ?? (yield* database.open(host, { answerTimeoutMs }))
      if (known === undefined) {
        yield* restore(session.connected).pipe(
          Effect.mapError(lost("connect")),
          Effect.onError(() => session.close)
        )
      }
      const connection = known ?? new SimConnection(session)
      const letGo = session.hold("SQL connection of a pool", session.name)
      yield* Effect.addFinalizer(() => Effect.andThen(Effect.sync(letGo), giveBack(connection)))
      return connection
    })
  )
  return acquire
})
