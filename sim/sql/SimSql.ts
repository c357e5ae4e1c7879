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
  yield* Effect.addFinalizer(() => Effect.sync(() => idle.forEach(({ session }) => session.closeUnsafe())))

  const takeIdle = (): SimConnection | undefined => {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (!connection.session.isLost) return connection
      connection.session.closeUnsafe()
    }
    return undefined
  }
  const giveBack = (connection: SimConnection): void => {
    const { session } = connection
    // Whoever reserved the connection left a transaction open: closing it is what ends that for sure.
    if (session.isInTransaction || session.isLost) session.closeUnsafe()
    else idle.push(connection)
  }
  const exhausted = Effect.suspend(() => {
    const message = `none of the ${connectionsMax} connections to the database was free within ${acquireTimeoutMs} ms`
    const reason = new SqlError.ConnectionError({ cause: new Error(message), message, operation: "acquire" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })
  // Interruptible, for the timeout alone: whether the caller is, `restore` knows. The permit belongs to the scope from
  // the moment it is taken, so that none is lost if the timeout comes first.
  const waitForPermit = Effect.timeoutOrElse(Effect.interruptible(Semaphore.takeScoped(permits, 1)), {
    duration: acquireTimeoutMs,
    orElse: () => exhausted
  })
  let waiting = 0
  const connect = (restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(database.open(host, { answerTimeoutMs }), (session) =>
      restore(session.connected).pipe(
        Effect.mapError(lost("connect")),
        Effect.onError(() => session.close),
        Effect.map(() => new SimConnection(session))
      )
    )
  const acquire: Effect.Effect<SimConnection, SqlError.SqlError, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      // Nobody is overtaken who waits.
      const isFree = waiting === 0 && (yield* permits.takeIfAvailable(1))
      let letGo = () => {}
      if (!isFree) {
        waiting++
        yield* Effect.ensuring(
          restore(waitForPermit),
          Effect.sync(() => void waiting--)
        )
      }
      yield* Effect.addFinalizer(() => {
        letGo()
        return isFree ? permits.release(1) : Effect.void
      })
      const connection = takeIdle() ?? (yield* connect(restore))
      const release = connection.session.hold("SQL connection of a pool", connection.session.name)
      letGo = () => {
        release()
        giveBack(connection)
      }
      return connection
    })
  )
  return acquire
})
