/** What of PostgreSQL the contract of SQL clients does not say: every wait ends, and a lost connection is named so. */
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Redacted, type Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import * as Postgres from "../../runtime/Postgres.ts"
import { breakConnections, itPostgres } from "../support/RealPostgres.ts"

const open = (options: Postgres.PostgresOptions): Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(Postgres.layer(options))), (context) => Context.get(context, SqlClient.SqlClient))

const reasonOf = <A, E>(effect: Effect.Effect<A, SqlError.SqlError | E>) =>
  Effect.match(effect, {
    onFailure: (error) =>
      typeof error === "object" && error !== null && "reason" in error ? error.reason._tag : String(error),
    onSuccess: () => "success"
  })

describe("a PostgreSQL client", () => {
  itPostgres("names a connection that the server ends during a statement", (url) =>
    Effect.gen(function* () {
      const sql = yield* open({ url })
      const started = yield* Deferred.make<void>()
      const sleeping = sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`SELECT 1`
          yield* Deferred.succeed(started, undefined)
          yield* sql`SELECT pg_sleep(20)`
        })
      )
      const fiber = yield* Effect.forkChild(reasonOf(sleeping))
      yield* Deferred.await(started)
      yield* breakConnections(url)
      assert.strictEqual(yield* Fiber.join(fiber), "ConnectionError")
    })
  )

  itPostgres("names a connection that the server ends while its transaction does nothing", (url) =>
    Effect.gen(function* () {
      const sql = yield* open({ url, idleInTransactionTimeoutMs: 50 })
      const other = yield* open({ url })
      const idle = sql.withTransaction(
        Effect.gen(function* () {
          const [session] = yield* sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`
          const there = other`SELECT pid FROM pg_stat_activity WHERE pid = ${session?.pid ?? 0}`
          yield* Effect.repeat(there, { until: (rows) => rows.length === 0 })
          yield* sql`SELECT 1`
        })
      )
      assert.strictEqual(yield* reasonOf(Effect.timeout(idle, 10_000)), "ConnectionError")
      assert.strictEqual(yield* reasonOf(sql`SELECT 1`), "success")
    })
  )

  itPostgres("does not take a COMMIT for one that was answered with a rollback", (url) =>
    Effect.gen(function* () {
      const sql = yield* open({ url })
      yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
      const heedless = sql.withTransaction(
        Effect.andThen(sql`INSERT INTO notes (id) VALUES (1)`, Effect.ignore(sql`INSERT INTO notes (id) VALUES (1)`))
      )
      assert.strictEqual(yield* reasonOf(heedless), "UnknownError")
      assert.strictEqual((yield* sql`SELECT id FROM notes`).length, 0)
    })
  )

  itPostgres("ends a statement that takes too long, and one that waits too long for a lock", (url) =>
    Effect.gen(function* () {
      const sql = yield* open({ url, statementTimeoutMs: 100 })
      assert.strictEqual(yield* reasonOf(sql`SELECT pg_sleep(20)`), "StatementTimeoutError")
      yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
      yield* sql`INSERT INTO notes (id) VALUES (1)`
      const hasty = yield* open({ url, lockTimeoutMs: 50 })
      const reason = yield* sql.withTransaction(
        Effect.andThen(sql`UPDATE notes SET id = 2`, reasonOf(hasty`UPDATE notes SET id = 3`))
      )
      assert.strictEqual(reason, "LockTimeoutError")
      assert.deepStrictEqual(yield* sql`SELECT id FROM notes`, [{ id: 2 }])
    })
  )

  it.live("says in time that there is no server, or one that does not speak", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const silent = yield* Effect.acquireRelease(
          Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
            const server = createServer()
            server.listen(0, "127.0.0.1", () => {
              const address = server.address()
              const port = typeof address === "object" && address !== null ? address.port : 0
              resume(Effect.succeed({ port, close: () => server.close() }))
            })
          }),
          ({ close }) => Effect.sync(close)
        )
        for (const port of [1, silent.port]) {
          const url = Redacted.make(`postgres://postgres@127.0.0.1:${port}/postgres`)
          const sql = yield* open({ url, acquireTimeoutMs: 200 })
          assert.strictEqual(yield* reasonOf(Effect.timeout(sql`SELECT 1`, 5_000)), "ConnectionError")
        }
      })
    )
  )
})
