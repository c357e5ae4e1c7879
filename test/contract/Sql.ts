/**
 * What every SQL client of Muster keeps: the simulated one, node:sqlite on a file, PostgreSQL. The same tests with the
 * same assertions for each.
 *
 * Deliberate differences, kept out of the tests: PostgreSQL gives 8-byte integers as bigints and `numeric` as text; it
 * gives up a transaction with the first statement that fails, where SQLite goes on; its transactions read what others
 * have committed in the meantime and write side by side, where those of SQLite that write take turns; node:sqlite has
 * one connection, so that a client of it does not read while its own transaction is open.
 */
import { assert } from "@effect/vitest"
import { type Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Schedule, type Scope, Stream } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"

/** A fresh database for one test. */
export interface SqlDatabase {
  /** A client with connections of its own; `acquireTimeoutMs` of the pool is 300. */
  readonly client: Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope>
  /** A client that cannot write. */
  readonly readOnlyClient: Effect.Effect<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope>
  /** Cuts off all connections; undefined where there is nothing to cut. */
  readonly breakConnections: Effect.Effect<void, SqlError.SqlError> | undefined
}

export type SqlTest = (
  database: SqlDatabase
) => Effect.Effect<
  void,
  SqlError.SqlError | Migrator.MigrationError | Cause.TimeoutError | "failed on purpose",
  Scope.Scope
>

export interface SqlWorld {
  /** Connections in the pool of a client. */
  readonly connectionsMax: number
  readonly test: (name: string, test: SqlTest) => void
}

export const acquireTimeoutMs = 300

/** A client from a layer, until the scope closes. */
export const clientOf = <E>(
  layer: Layer.Layer<SqlClient.SqlClient, E>
): Effect.Effect<SqlClient.SqlClient, E, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, SqlClient.SqlClient))

const onPurpose = Effect.fail("failed on purpose" as const)

const reasonOf = <A, E>(effect: Effect.Effect<A, SqlError.SqlError | E>) =>
  Effect.match(effect, {
    onFailure: (error) => (isSqlError(error) ? error.reason._tag : String(error)),
    onSuccess: () => "success"
  })

const isSqlError = (error: unknown): error is SqlError.SqlError =>
  typeof error === "object" && error !== null && "reason" in error

const tables = (sql: SqlClient.SqlClient) =>
  Effect.gen(function* () {
    yield* sql`CREATE TABLE items (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL DEFAULT 0 CHECK (amount >= 0))`
    yield* sql`CREATE TABLE parts (id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES items (id))`
  })

const addItem = (sql: SqlClient.SqlClient, id: number, amount = 0) =>
  sql`INSERT INTO items ${sql.insert({ id, name: `item ${id}`, amount })}`

const names = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ readonly name: string }>`SELECT name FROM items ORDER BY id`, (rows) => rows.map((row) => row.name))

/** A client with the tables. */
const withTables = Effect.fnUntraced(function* (database: SqlDatabase) {
  const sql = yield* database.client
  yield* tables(sql)
  return sql
})

export const sqlContract = ({ connectionsMax, test }: SqlWorld): void => {
  statements(test)
  failures(test)
  values(test)
  transactions(test)
  concurrency(test)
  connections(test, connectionsMax)
  streams(test, connectionsMax)
  migrations(test)
}

const statements = (test: SqlWorld["test"]): void => {
  test("inserts, selects, updates and deletes", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      assert.deepStrictEqual([...(yield* addItem(sql, 1, 5))], [])
      const returned = yield* sql`INSERT INTO items ${sql.insert([
        { id: 2, name: "two", amount: 2 },
        { id: 3, name: "three", amount: 3 }
      ])} RETURNING id, amount`
      assert.deepStrictEqual(
        returned.map((row) => ({ ...row })),
        [
          { id: 2, amount: 2 },
          { id: 3, amount: 3 }
        ]
      )
      const updated =
        yield* sql`UPDATE items SET ${sql.update({ amount: 9 })} WHERE ${sql.in("id", [1, 3])} RETURNING id`
      assert.strictEqual(updated.length, 2)
      yield* sql`DELETE FROM items WHERE ${sql.and([sql`amount = ${9}`, sql`id > ${1}`])}`
      const left = yield* sql`SELECT id, name, amount FROM items ORDER BY id`
      assert.deepStrictEqual(
        left.map((row) => ({ ...row })),
        [
          { id: 1, name: "item 1", amount: 9 },
          { id: 2, name: "two", amount: 2 }
        ]
      )
    }))

  test("gives rows as arrays, columns of the same name included", (database) =>
    Effect.gen(function* () {
      const sql = yield* database.client
      const rows = yield* sql`SELECT 1 AS n, 'a' AS t, 2 AS n`.values
      assert.deepStrictEqual(
        rows.map((row) => [...row]),
        [[1, "a", 2]]
      )
    }))

  test("finds nothing in an empty list", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      yield* addItem(sql, 1)
      assert.strictEqual((yield* sql`SELECT id FROM items WHERE ${sql.in("id", [])}`).length, 0)
    }))
}

const failures = (test: SqlWorld["test"]): void => {
  const reasons: ReadonlyArray<readonly [string, string, string]> = [
    ["a duplicate value", "INSERT INTO items (id, name) VALUES (2, 'item 1')", "UniqueViolation"],
    ["a duplicate key", "INSERT INTO items (id, name) VALUES (1, 'other')", "UniqueViolation"],
    ["a missing value", "INSERT INTO items (id, name) VALUES (2, NULL)", "ConstraintError"],
    ["a value out of its check", "INSERT INTO items (id, name, amount) VALUES (2, 'two', -1)", "ConstraintError"],
    ["a reference to nothing", "INSERT INTO parts (id, item) VALUES (1, 77)", "ConstraintError"],
    ["a statement that is none", "SELEC id FROM items", "SqlSyntaxError"],
    ["a table that is not there", "SELECT id FROM nothing", "SqlSyntaxError"],
    ["a column that is not there", "SELECT nothing FROM items", "SqlSyntaxError"],
    ["two statements in one", "SELECT 1; DELETE FROM items", "SqlSyntaxError"]
  ]
  test("names the reason of a failure, and goes on after it", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      yield* addItem(sql, 1)
      for (const [what, statement, reason] of reasons) {
        assert.strictEqual(yield* reasonOf(sql.unsafe(statement)), reason, what)
        assert.deepStrictEqual(yield* names(sql), ["item 1"], what)
      }
    }))

  test("refuses to write where it may only read", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      yield* addItem(sql, 1)
      const reader = yield* database.readOnlyClient
      assert.strictEqual(yield* reasonOf(addItem(reader, 2)), "UnknownError")
      assert.strictEqual(yield* reasonOf(reader.withTransaction(addItem(reader, 2))), "UnknownError")
      assert.deepStrictEqual(yield* names(reader), ["item 1"])
    }))
}

const texts = [
  "",
  "it's",
  'say "no"',
  "Ünïcode 漢字 🦊",
  "line\nbreak\ttab",
  "%_\\",
  "'); DROP TABLE kinds; --",
  "$1 ? :x @y"
]
const wholes = [0, 1, -1, 2_147_483_647, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
const bigs = [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]
const reals = [0.5, -1.25e-7, 1.7976931348623157e308, 5e-324, 0.1 + 0.2]

const values = (test: SqlWorld["test"]): void => {
  const kinds = Effect.fnUntraced(function* (database: SqlDatabase) {
    const sql = yield* database.client
    const bytes = sql.onDialectOrElse({ pg: () => "BYTEA", orElse: () => "BLOB" })
    yield* sql.unsafe(`CREATE TABLE kinds (id INTEGER PRIMARY KEY, t TEXT, w BIGINT, r DOUBLE PRECISION, b ${bytes})`)
    return sql
  })

  const stored = (sql: SqlClient.SqlClient, column: string, value: unknown) =>
    Effect.gen(function* () {
      yield* sql`DELETE FROM kinds`
      yield* sql`INSERT INTO kinds ${sql.insert({ id: 1, [column]: value })}`
      const rows = yield* sql<{ readonly value: unknown }>`SELECT ${sql(column)} AS value FROM kinds`
      return rows[0]?.value
    })

  test("brings back texts, with whatever is in them", (database) =>
    Effect.gen(function* () {
      const sql = yield* kinds(database)
      for (const text of [...texts, "x".repeat(100_000)]) assert.strictEqual(yield* stored(sql, "t", text), text)
      for (const text of texts) {
        const found = yield* sql`SELECT ${text} AS t, length(${text}) AS n`
        assert.strictEqual(found[0]?.["t"], text)
      }
      assert.strictEqual((yield* sql`SELECT id FROM kinds`).length, 1, "the table is there")
    }))

  test("brings back numbers without a loss", (database) =>
    Effect.gen(function* () {
      const sql = yield* kinds(database)
      for (const whole of wholes) assert.strictEqual(Number(yield* stored(sql, "w", whole)), whole)
      for (const big of bigs) assert.strictEqual(yield* stored(sql, "w", big), big)
      for (const real of reals) assert.strictEqual(yield* stored(sql, "r", real), real)
    }))

  test("brings back bytes, and null as null", (database) =>
    Effect.gen(function* () {
      const sql = yield* kinds(database)
      for (const bytes of [new Uint8Array(), new Uint8Array([0, 1, 127, 128, 255]), new Uint8Array(70_000).fill(7)]) {
        const back = yield* stored(sql, "b", bytes)
        assert.instanceOf(back, Uint8Array)
        if (back instanceof Uint8Array) assert.deepStrictEqual([...back], [...bytes])
      }
      for (const column of ["t", "w", "r", "b"]) assert.isNull(yield* stored(sql, column, null))
    }))

  test("takes a truth value where a condition stands", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      yield* addItem(sql, 1)
      assert.strictEqual((yield* sql`SELECT id FROM items WHERE (amount = 0) = ${true}`).length, 1)
      assert.strictEqual((yield* sql`SELECT id FROM items WHERE (amount = 0) = ${false}`).length, 0)
    }))

  test("keeps what looks like SQL as data", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      for (const [i, text] of texts.entries()) {
        yield* sql`INSERT INTO items ${sql.insert({ id: i, name: text })}`
        assert.strictEqual((yield* sql`UPDATE items SET amount = 1 WHERE name = ${text} RETURNING id`).length, 1)
      }
      assert.deepStrictEqual(yield* names(sql), texts)
      const quoted = yield* sql`SELECT 1 AS ${sql('we"ird; name')}`
      assert.deepStrictEqual(Object.keys(quoted[0] ?? {}), ['we"ird; name'])
    }))
}

const transactions = (test: SqlWorld["test"]): void => {
  test("keeps what a transaction did when it ends well", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const seen = yield* sql.withTransaction(Effect.andThen(addItem(sql, 1), names(sql)))
      assert.deepStrictEqual(seen, ["item 1"])
      assert.deepStrictEqual(yield* names(sql), ["item 1"])
    }))

  const endings: ReadonlyArray<readonly [string, Effect.Effect<never, "failed on purpose">]> = [
    ["fails", onPurpose],
    ["dies", Effect.die("on purpose")],
    ["is interrupted", Effect.interrupt]
  ]
  for (const [how, ending] of endings) {
    test(`rolls back a transaction that ${how}`, (database) =>
      Effect.gen(function* () {
        const sql = yield* withTables(database)
        const exit = yield* Effect.exit(sql.withTransaction(Effect.andThen(addItem(sql, 1), ending)))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(yield* names(sql), [])
        yield* sql.withTransaction(addItem(sql, 1))
        assert.deepStrictEqual(yield* names(sql), ["item 1"])
      }))
  }

  test("rolls back a transaction whose statement fails, and says why", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const twice = sql.withTransaction(Effect.andThen(addItem(sql, 1), addItem(sql, 1)))
      assert.strictEqual(yield* reasonOf(twice), "UniqueViolation")
      assert.deepStrictEqual(yield* names(sql), [])
    }))

  test("undoes a transaction whose COMMIT fails, and leaves its connection clean", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      yield* sql`CREATE TABLE links (
        id INTEGER PRIMARY KEY, item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)`
      const dangling = sql.withTransaction(
        Effect.andThen(addItem(sql, 1), sql`INSERT INTO links (id, item) VALUES (1, 77)`)
      )
      assert.strictEqual(yield* reasonOf(dangling), "ConstraintError")
      assert.deepStrictEqual(yield* names(sql), [])
      yield* sql.withTransaction(addItem(sql, 2))
      assert.deepStrictEqual(yield* names(sql), ["item 2"])
    }))

  test("undoes a nested transaction alone, when the one around it goes on", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const nested = (id: number, ending: Effect.Effect<void, "failed on purpose">) =>
        sql.withTransaction(Effect.andThen(addItem(sql, id), ending))
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* addItem(sql, 1)
          yield* Effect.ignore(nested(2, onPurpose))
          yield* nested(3, Effect.ignore(nested(4, onPurpose)))
          // A statement that fails is undone with its savepoint.
          yield* Effect.ignore(sql.withTransaction(Effect.andThen(addItem(sql, 5), addItem(sql, 1))))
          yield* addItem(sql, 6)
        })
      )
      assert.deepStrictEqual(yield* names(sql), ["item 1", "item 3", "item 6"])
    }))

  test("undoes a nested transaction with the one around it", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const outer = sql.withTransaction(Effect.andThen(sql.withTransaction(addItem(sql, 1)), onPurpose))
      assert.strictEqual(yield* reasonOf(outer), "failed on purpose")
      assert.deepStrictEqual(yield* names(sql), [])
    }))

  test("rolls back a transaction that takes too long, and leaves no lock", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const other = yield* database.client
      const stuck = sql.withTransaction(Effect.andThen(addItem(sql, 1), Effect.never))
      const exit = yield* Effect.exit(Effect.timeout(stuck, 200))
      assert.isTrue(Exit.isFailure(exit))
      yield* Effect.all([addItem(sql, 1), addItem(other, 2)], { concurrency: 2 })
      assert.deepStrictEqual(yield* names(other), ["item 1", "item 2"])
    }))
}

const concurrency = (test: SqlWorld["test"]): void => {
  test("shows others nothing before the commit, and everything after it", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const other = yield* database.client
      yield* addItem(sql, 1)
      const written = yield* Deferred.make<void>()
      const looked = yield* Deferred.make<void>()
      const writer = yield* Effect.forkChild(
        sql.withTransaction(
          Effect.gen(function* () {
            yield* addItem(sql, 2)
            yield* sql`DELETE FROM items WHERE id = 1`
            yield* Deferred.succeed(written, undefined)
            yield* Deferred.await(looked)
          })
        )
      )
      yield* Deferred.await(written)
      const during = yield* names(other)
      yield* Deferred.succeed(looked, undefined)
      yield* Fiber.join(writer)
      assert.deepStrictEqual(during, ["item 1"])
      assert.deepStrictEqual(yield* names(other), ["item 2"])
    }))

  test("loses no update of transactions that write the same row at once", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const other = yield* database.client
      yield* addItem(sql, 1)
      const increment = (client: SqlClient.SqlClient) =>
        client.withTransaction(
          Effect.gen(function* () {
            yield* client`UPDATE items SET amount = amount + 1 WHERE id = 1`
            yield* client`SELECT amount FROM items WHERE id = 1`
            yield* client`UPDATE items SET amount = amount + 1 WHERE id = 1`
          })
        )
      const all = Array.from({ length: 10 }, (_, i) => increment(i % 2 === 0 ? sql : other))
      yield* Effect.all(all, { concurrency: "unbounded" })
      assert.strictEqual((yield* sql`SELECT amount FROM items`)[0]?.["amount"], 20)
    }))

  test("lets one of two that insert the same key win", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const other = yield* database.client
      const reasons = yield* Effect.all(
        [sql, other].map((client) => reasonOf(client.withTransaction(addItem(client, 1)))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(reasons.toSorted(), ["UniqueViolation", "success"])
    }))

  test("runs statements of one transaction side by side on its connection", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const ids = Array.from({ length: 20 }, (_, i) => i)
      yield* sql.withTransaction(Effect.forEach(ids, (id) => addItem(sql, id), { concurrency: "unbounded" }))
      assert.strictEqual((yield* names(sql)).length, 20)
    }))
}

const connections = (test: SqlWorld["test"], connectionsMax: number): void => {
  const times = Array.from({ length: 3 * connectionsMax + 1 }, (_, i) => i)

  test("gets its connections back from what failed and what was interrupted", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      yield* Effect.forEach(times, () => Effect.ignore(sql`SELEC 1`))
      yield* Effect.forEach(times, () => Effect.ignore(sql.withTransaction(Effect.andThen(sql`SELECT 1`, onPurpose))))
      yield* Effect.forEach(times, () => Effect.exit(sql.withTransaction(Effect.die("on purpose"))))
      for (const started of times) {
        const fiber = yield* Effect.forkChild(sql.withTransaction(addItem(sql, 1)))
        yield* Effect.repeat(Effect.yieldNow, { times: started })
        yield* Fiber.interrupt(fiber)
        // It was done, or it was not: in either case the next one finds a connection and no lock.
        yield* sql`DELETE FROM items`
      }
      yield* addItem(sql, 2)
      assert.deepStrictEqual(yield* names(sql), ["item 2"])
    }))

  test("says so in time when no connection is free, and goes on when one is", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      const release = yield* Deferred.make<void>()
      const taken = yield* Effect.forEach(Array.from({ length: connectionsMax }), () => Deferred.make<void>())
      const holders = yield* Effect.forEach(taken, (each) =>
        Effect.forkChild(
          Effect.scoped(
            Effect.gen(function* () {
              yield* sql.reserve
              yield* Deferred.succeed(each, undefined)
              yield* Deferred.await(release)
            })
          )
        )
      )
      yield* Effect.forEach(taken, (each) => Deferred.await(each))
      const limited = <A, E>(effect: Effect.Effect<A, E>) => Effect.timeout(effect, 10 * acquireTimeoutMs)
      assert.strictEqual(yield* limited(reasonOf(names(sql))), "ConnectionError")
      assert.strictEqual(yield* limited(reasonOf(sql.withTransaction(names(sql)))), "ConnectionError")
      assert.strictEqual(yield* limited(reasonOf(Effect.uninterruptible(names(sql)))), "ConnectionError")
      yield* Deferred.succeed(release, undefined)
      yield* Effect.forEach(holders, (holder) => Fiber.join(holder))
      assert.deepStrictEqual(yield* names(sql), [])
    }))

  test("fails a transaction whose connection breaks, and connects anew", (database) =>
    Effect.gen(function* () {
      const sql = yield* withTables(database)
      if (database.breakConnections === undefined) return assert.strictEqual(connectionsMax, 1)
      const written = yield* Deferred.make<void>()
      const broken = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        reasonOf(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* addItem(sql, 1)
              yield* Deferred.succeed(written, undefined)
              yield* Deferred.await(broken)
              yield* addItem(sql, 2)
            })
          )
        )
      )
      yield* Deferred.await(written)
      yield* database.breakConnections
      yield* Deferred.succeed(broken, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "ConnectionError")
      // The pool may learn of the others that broke only when it uses them.
      const found = yield* Effect.retry(names(sql), Schedule.recurs(connectionsMax + 1))
      assert.deepStrictEqual(found, [])
    }))
}

const streams = (test: SqlWorld["test"], connectionsMax: number): void => {
  const rowsCount = 2_500
  const filled = Effect.fnUntraced(function* (database: SqlDatabase) {
    const sql = yield* withTables(database)
    yield* sql`INSERT INTO items (id, name)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${sql.literal(String(rowsCount))})
      SELECT i, 'item ' || i FROM n`
    return sql
  })
  const ids = (sql: SqlClient.SqlClient) => sql<{ readonly id: number }>`SELECT id FROM items ORDER BY id`

  test("streams rows in their order, as many as a select gives", (database) =>
    Effect.gen(function* () {
      const sql = yield* filled(database)
      const streamed = yield* Stream.runCollect(Stream.map(ids(sql).stream, ({ id }) => id))
      const selected = (yield* ids(sql)).map(({ id }) => id)
      assert.deepStrictEqual(streamed, selected)
      assert.deepStrictEqual(
        selected,
        Array.from({ length: rowsCount }, (_, i) => i + 1)
      )
    }))

  test("gets the connection back from a stream that ends early or fails", (database) =>
    Effect.gen(function* () {
      const sql = yield* filled(database)
      for (let i = 0; i <= connectionsMax; i++) {
        const some = yield* Stream.runCollect(Stream.take(ids(sql).stream, 3))
        assert.deepStrictEqual(
          some.map(({ id }) => id),
          [1, 2, 3]
        )
        const failing = Stream.runDrain(Stream.mapEffect(ids(sql).stream, () => onPurpose))
        assert.strictEqual(yield* reasonOf(failing), "failed on purpose")
        assert.strictEqual(yield* reasonOf(Stream.runDrain(sql`SELEC id`.stream)), "SqlSyntaxError")
      }
      assert.strictEqual((yield* ids(sql)).length, rowsCount)
    }))
}

const migrations = (test: SqlWorld["test"]): void => {
  const migrate = Migrator.make({})({
    loader: Migrator.fromRecord({
      "0001_items": Effect.flatMap(SqlClient.SqlClient, tables),
      "0002_first": Effect.flatMap(SqlClient.SqlClient, (sql) => addItem(sql, 1))
    })
  })
  const migrated = (sql: SqlClient.SqlClient) => Effect.provideService(migrate, SqlClient.SqlClient, sql)

  test("migrates once", (database) =>
    Effect.gen(function* () {
      const sql = yield* database.client
      assert.deepStrictEqual(yield* migrated(sql), [
        [1, "items"],
        [2, "first"]
      ])
      assert.deepStrictEqual(yield* migrated(sql), [])
      assert.deepStrictEqual(yield* names(sql), ["item 1"])
    }))

  test("migrates once when two clients do it at the same time", (database) =>
    Effect.gen(function* () {
      const clients = [yield* database.client, yield* database.client] as const
      const counts = yield* Effect.all(
        clients.map((sql) => Effect.map(migrated(sql), (done) => done.length)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        counts.toSorted((a, b) => a - b),
        [0, 2]
      )
      assert.deepStrictEqual(yield* names(clients[0]), ["item 1"])
    }))
}
