/** What of Node's SQLite the contract of SQL clients does not say: the file, its locks and its durability. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, type Scope, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import * as NodeSqlite from "../../runtime/NodeSqlite.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const open = (
  options: NodeSqlite.NodeSqliteOptions
): Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(NodeSqlite.layer(options))), (context) =>
    Context.get(context, SqlClient.SqlClient)
  )

const file = Effect.map(temporaryFolder, (folder) => join(folder, "test.sqlite"))

const reasonOf = <A>(effect: Effect.Effect<A, SqlError.SqlError>) =>
  Effect.match(effect, { onFailure: ({ reason }) => reason._tag, onSuccess: () => "success" })

describe("a SQLite file", () => {
  it.live("keeps what was acknowledged on disk, and its foreign keys", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* open({ filename: yield* file })
        const pragma = (name: string) => Effect.map(sql.unsafe(`PRAGMA ${name}`).values, (rows) => rows[0]?.[0])
        // 2 is FULL: the log is synced with each commit.
        assert.strictEqual(yield* pragma("synchronous"), 2)
        assert.strictEqual(yield* pragma("journal_mode"), "wal")
        assert.strictEqual(yield* pragma("foreign_keys"), 1)
      })
    )
  )

  it.live("has what was committed before its program was killed, and nothing else", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const filename = yield* file
        const script = fileURLToPath(new URL("NodeSqliteCrashing.ts", import.meta.url))
        const { signal, stderr } = spawnSync(process.execPath, [script, filename], {
          encoding: "utf8",
          timeout: 20_000
        })
        assert.strictEqual(signal, "SIGKILL", stderr)
        const sql = yield* open({ filename })
        assert.deepStrictEqual(yield* sql`SELECT id FROM notes`.values, [[1]])
        yield* sql`INSERT INTO notes (id) VALUES (2)`
      })
    )
  )

  it.live("is closed with its scope, and can be opened again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const filename = yield* file
        const closed = yield* Effect.scoped(
          Effect.tap(open({ filename }), (sql) => sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`)
        )
        assert.strictEqual(yield* reasonOf(closed`SELECT 1`), "UnknownError")
        assert.deepStrictEqual(yield* (yield* open({ filename }))`SELECT id FROM notes`, [])
      })
    )
  )

  it.live("that cannot be opened is a connection that failed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        for (const options of [
          { filename: join(folder, "no", "such", "folder") },
          { filename: join(folder, "missing"), readOnly: true }
        ]) {
          assert.strictEqual(yield* reasonOf(Effect.scoped(open(options))), "ConnectionError")
        }
      })
    )
  )

  it.live("that another connection has locked is waited for without blocking, as long as it may", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const filename = yield* file
        const one = yield* open({ filename })
        const patient = yield* open({ filename })
        const hasty = yield* open({ filename, busyTimeoutMs: 30 })
        yield* one`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
        const locked = yield* Deferred.make<void>()
        const refused = yield* Deferred.make<void>()
        const holder = yield* Effect.forkChild(
          one.withTransaction(Effect.andThen(Deferred.succeed(locked, undefined), Deferred.await(refused)))
        )
        yield* Deferred.await(locked)
        const waiting = yield* Effect.forkChild(patient`INSERT INTO notes (id) VALUES (1)`, { startImmediately: true })
        assert.strictEqual(yield* reasonOf(hasty`INSERT INTO notes (id) VALUES (2)`), "LockTimeoutError")
        assert.strictEqual(yield* reasonOf(hasty.withTransaction(hasty`SELECT 1`)), "LockTimeoutError")
        // Only if this process was not blocked can the holder go on.
        yield* Deferred.succeed(refused, undefined)
        yield* Fiber.join(holder)
        yield* Fiber.join(waiting)
        assert.deepStrictEqual(yield* hasty`SELECT id FROM notes`.values, [[1]])
      })
    )
  )
})

describe("a SQLite client", () => {
  it.live("works in memory", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* open({ filename: ":memory:" })
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
        yield* sql`INSERT INTO notes (id) VALUES (1)`
        assert.deepStrictEqual(yield* sql`SELECT id FROM notes`, [{ id: 1 }])
      })
    )
  )

  it.live("gives integers beyond 2^53 as bigints, and all of them when asked", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* open({ filename: ":memory:" })
        const select = sql`SELECT 9007199254740993 AS big, 2 AS small, ${2.5} AS real, typeof(${3}) AS kind`
        assert.deepStrictEqual(yield* select, [{ big: 9_007_199_254_740_993n, small: 2, real: 2.5, kind: "integer" }])
        const all = yield* Effect.provideService(select, SqlClient.SafeIntegers, true)
        assert.deepStrictEqual(all, [{ big: 9_007_199_254_740_993n, small: 2n, real: 2.5, kind: "integer" }])
        assert.strictEqual(yield* reasonOf(sql`SELECT ${2n ** 64n}`), "UnknownError")
        assert.strictEqual(yield* reasonOf(sql`SELECT ${() => 1}`), "UnknownError")
      })
    )
  )

  it.live("goes on with more statements than it keeps prepared", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* open({ filename: ":memory:" })
        for (let round = 0; round < 2; round++) {
          for (let i = 0; i < 250; i++) {
            assert.deepStrictEqual(yield* sql.unsafe(`SELECT ${i} AS n, ? AS p`, [round]), [{ n: i, p: round }])
          }
        }
      })
    )
  )

  it.live("reads a stream row by row, while the same statement is used again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* open({ filename: ":memory:" })
        // Endless: only a stream that does not read ahead to the end can be used.
        const endless = sql<{
          readonly i: number
        }>`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n`
        const some = yield* Stream.runCollect(Stream.take(endless.stream, 250))
        assert.strictEqual(some.at(-1)?.i, 250)
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
        yield* sql`INSERT INTO notes (id)
          WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i FROM n`
        const select = sql`SELECT id FROM notes`
        const counts = yield* sql.withTransaction(
          Stream.runCollect(Stream.mapEffect(select.stream, () => Effect.map(select, (rows) => rows.length)))
        )
        assert.deepStrictEqual(
          counts,
          Array.from({ length: 300 }, () => 300)
        )
      })
    )
  )

  it.live("rolls back what one who reserved the connection has left open", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const sql = yield* open({ filename: ":memory:" })
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
        yield* Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* sql.reserve
            yield* connection.execute("BEGIN", [], undefined)
            yield* connection.execute("INSERT INTO notes (id) VALUES (1)", [], undefined)
          })
        )
        assert.deepStrictEqual(yield* sql`SELECT id FROM notes`, [])
      })
    )
  )
})
