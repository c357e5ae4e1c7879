/** The contract of the database, against simulated SQL on the virtual clock, SQLite on a file and PostgreSQL. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import * as EventBus from "../../../core/bus/EventBus.ts"
import * as Components from "../../../core/health/Components.ts"
import * as Database from "../../../core/storage/Database.ts"
import type { DatabaseError } from "../../../core/storage/DatabaseError.ts"
import type { DatabaseOptions } from "../../../core/storage/DatabaseOptions.ts"
import type { MigrationSet, SchemaTooNew } from "../../../core/storage/Migrate.ts"
import { migrations } from "../../../core/storage/Migrations.ts"
import * as NodeSqlite from "../../../runtime/NodeSqlite.ts"
import * as Postgres from "../../../runtime/Postgres.ts"
import * as Sim from "../../../sim/Sim.ts"
import { Database as Server } from "../../../sim/sql/Database.ts"
import * as SimSql from "../../../sim/sql/SimSql.ts"
import { itPostgres } from "../../support/RealPostgres.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"

type Failures = SqlError.SqlError | DatabaseError | SchemaTooNew | "on purpose"

/** A client with connections of its own to one fresh database. */
type Client = Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>

type Side = (name: string, test: (client: Client) => Effect.Effect<void, Failures, Scope.Scope>) => void

const pool = { connectionsMax: 2, acquireTimeoutMs: 300 } as const

const seeds = 3

/** From now on nothing of the transaction can be written. */
const forbidsWrites = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({ pg: () => sql`SET TRANSACTION READ ONLY`, orElse: () => sql`PRAGMA query_only = ON` })

const simulated: Side = (name, test) =>
  it(`${name}, in ${seeds} runs`, () => {
    const program = Effect.gen(function* () {
      const server = yield* Server
      yield* Effect.scoped(test(Layer.provide(SimSql.layer(pool), Layer.succeed(Server, server))))
    })
    const { failure } = Sim.check(Effect.provide(program, Server.layer()), { runs: seeds, leaks: "fail" })
    assert.strictEqual(failure?.message, undefined)
  })

const sqlite: Side = (name, test) =>
  it.live(name, () =>
    Effect.scoped(
      Effect.flatMap(temporaryFolder, (folder) =>
        test(NodeSqlite.layer({ filename: join(folder, "test.db"), acquireTimeoutMs: pool.acquireTimeoutMs }))
      )
    )
  )

const postgres: Side = (name, test) =>
  itPostgres(name, (url) => test(Postgres.layer({ url, ...pool, statementTimeoutMs: 2_000 })))

const options: DatabaseOptions = {
  statementTimeoutMs: 1_000,
  transactionTimeoutMs: 1_500,
  retriesMax: 3,
  retryDelayMs: 10,
  retryDelayMaxMs: 100,
  breakerFailures: 5,
  breakerOpenMs: 500,
  healthIntervalMs: 1_000
}

const bus = EventBus.layer({
  workers: 1,
  queueEventsMax: { high: 10, normal: 10, low: 10 },
  overflow: "dropLow",
  handlerTimeoutMs: 1_000
})

/** The database and a client beside it, with other connections. */
const open = Effect.fnUntraced(function* (
  client: Client,
  { set, ...changed }: Partial<DatabaseOptions> & { readonly set?: MigrationSet } = {}
) {
  const components = Components.layer().pipe(Layer.provide(bus))
  const layer = Database.layer({ ...options, ...changed }, set).pipe(
    Layer.provide([Layer.fresh(client), Layer.fresh(components)])
  )
  const database = Context.get(yield* Layer.build(Layer.fresh(layer)), Database.Database)
  yield* database.ready
  return database
})

const beside = (client: Client) =>
  Effect.map(Layer.build(Layer.fresh(client)), (context) => Context.get(context, SqlClient.SqlClient))

const versions = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ readonly version: unknown; readonly applied_ms: unknown }>`
      SELECT version, applied_ms FROM schema_versions ORDER BY version`,
    (rows) => rows.map((row) => `${String(row.version)} at ${String(row.applied_ms)}`)
  )

const last = Object.keys(migrations).length

const insert = (sql: SqlClient.SqlClient, name: string) =>
  sql`INSERT INTO fleet_nodes ${sql.insert({ name, seen_ms: 0, processes: "[]" })}`

const names = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ readonly name: string }>`SELECT name FROM fleet_nodes ORDER BY name`, (rows) =>
    rows.map(({ name }) => name)
  )

/** The failure; dies when there is none. */
const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.flip(Effect.andThen(effect, Effect.die(new Error("expected a failure"))))

const reasonOf = <A>(effect: Effect.Effect<A, Failures>): Effect.Effect<string> =>
  Effect.match(effect, {
    onFailure: (error) =>
      typeof error === "string" ? error : error._tag === "DatabaseError" ? error.reason : error._tag,
    onSuccess: () => "success"
  })

const contract = (test: Side): void => {
  test("migrates an empty database, and changes nothing the next time", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      yield* Effect.scoped(open(client))
      const first = yield* versions(sql)
      const database = yield* open(client)
      assert.strictEqual(yield* database.status, "up")
      assert.strictEqual(first.length, last)
      assert.deepStrictEqual(yield* versions(sql), first)
      assert.deepStrictEqual(yield* names(sql), [])
    }))

  test("makes only what is new", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      const { "0003_fleet": fleet, ...earlier } = migrations
      yield* Effect.scoped(open(client, { set: earlier }))
      const before = yield* versions(sql)
      yield* Effect.scoped(open(client, { set: { "0003_fleet": fleet, ...earlier } }))
      const after = yield* versions(sql)
      assert.deepStrictEqual(after.slice(0, -1), before)
      assert.strictEqual(after.length, last)
    }))

  test("refuses tables of a newer console, and leaves them alone", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      yield* Effect.scoped(open(client))
      yield* sql`INSERT INTO schema_versions ${sql.insert({ version: 9_999, name: "later", applied_ms: 0 })}`
      const before = yield* versions(sql)
      const error = yield* failureOf(Effect.scoped(open(client)))
      assert.deepInclude(error, { _tag: "SchemaTooNew", found: 9_999, known: last })
      assert.deepStrictEqual(yield* versions(sql), before)
    }))

  test("leaves nothing of migrations of which one fails", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      const wrong = Effect.flatMap(SqlClient.SqlClient, (inner) => Effect.asVoid(inner`ALTER TABLE nowhere ADD a TEXT`))
      const start = Effect.scoped(open(client, { set: { ...migrations, "0099_wrong": wrong } }))
      assert.strictEqual(yield* reasonOf(start), "Failed")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(names(sql))))
      yield* Effect.scoped(open(client))
      assert.strictEqual((yield* versions(sql)).length, last)
    }))

  test("is migrated once by consoles that start at the same moment", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      const all = yield* Effect.forEach([1, 2, 3], () => open(client), { concurrency: "unbounded" })
      yield* Effect.forEach(all, ({ ready }) => ready, { concurrency: "unbounded" })
      assert.strictEqual((yield* versions(sql)).length, last)
    }))

  test("keeps a transaction that went well, and nothing of one that failed, timed out or was interrupted", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      const database = yield* open(client, { transactionTimeoutMs: 200 })
      const both = (key: string, between: Effect.Effect<void, "on purpose">) =>
        database.transaction(`Test.${key}`, (inner) =>
          Effect.gen(function* () {
            yield* insert(inner, `${key} 1`)
            yield* between
            yield* insert(inner, `${key} 2`)
          })
        )
      yield* both("well", Effect.void)
      assert.strictEqual(yield* reasonOf(both("failed", Effect.fail("on purpose"))), "on purpose")
      assert.strictEqual(yield* reasonOf(both("late", Effect.sleep(60_000))), "TimedOut")
      const started = yield* Deferred.make<void>()
      const held = Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
      const fiber = yield* Effect.forkChild(both("given up", held))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      const died = yield* Effect.exit(both("died", Effect.die("a bug")))
      assert.isTrue(Exit.isFailure(died) && Cause.hasDies(died.cause))
      assert.deepStrictEqual(yield* names(sql), ["well 1", "well 2"])
      yield* both("after", Effect.void)
      assert.strictEqual((yield* names(sql)).length, 4)
    }))

  test("names what is in the way of a conflict, and rolls back what came before it", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      const database = yield* open(client)
      yield* database.run("Test.first", (inner) => insert(inner, "a"))
      const again = database.transaction("Test.again", (inner) =>
        Effect.andThen(insert(inner, "b"), insert(inner, "a"))
      )
      const error = yield* failureOf(again)
      assert.strictEqual(`${error.operation} ${error.reason}`, "Test.again Conflict")
      assert.match(error.constraint ?? "", /fleet_nodes/)
      assert.deepStrictEqual(yield* names(sql), ["a"])
      assert.strictEqual(yield* reasonOf(database.run("Test.wrong", (inner) => inner`SELECT 1 FROM nowhere`)), "Failed")
      const { asked, failed, retried } = yield* database.counts
      assert.deepStrictEqual({ asked, failed, retried }, { asked: 3, failed: { Conflict: 1, Failed: 1 }, retried: 0 })
    }))

  test("says in time that no connection is free", (client) =>
    Effect.gen(function* () {
      const database = yield* open(client)
      const holding = (key: number) =>
        database.run(`Test.hold ${key}`, (sql) => Effect.scoped(Effect.andThen(sql.reserve, Effect.sleep(700))))
      const holders = yield* Effect.forkChild(
        Effect.forEach([1, 2], (key) => Effect.ignore(holding(key)), { concurrency: 2, discard: true })
      )
      yield* Effect.sleep(100)
      const asked = database.transaction("Test.more", (sql) => insert(sql, "a"))
      assert.strictEqual(yield* reasonOf(asked), "Exhausted")
      yield* Fiber.join(holders)
      assert.strictEqual(yield* reasonOf(asked), "success")
    }))

  test("is not asked inside of a transaction, which is a bug", (client) =>
    Effect.gen(function* () {
      const database = yield* open(client)
      for (const inner of [database.run, database.transaction]) {
        const nested = database.transaction("Test.outer", () => inner("Test.inner", (sql) => sql`SELECT 1`))
        const exit = yield* Effect.exit(nested)
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "Test.inner asks the database inside")
      }
    }))

  test("takes the transactions of many at once in turn", (client) =>
    Effect.gen(function* () {
      const sql = yield* beside(client)
      const database = yield* open(client)
      yield* database.run("Test.first", (inner) => insert(inner, "counter"))
      const increment = database.transaction(
        "Test.increment",
        (inner) => inner`UPDATE fleet_nodes SET seen_ms = seen_ms + 1`
      )
      yield* Effect.all(
        Array.from({ length: 20 }, () => increment),
        { concurrency: "unbounded" }
      )
      const [row] = yield* sql<{ readonly seen_ms: unknown }>`SELECT seen_ms FROM fleet_nodes`
      assert.strictEqual(Number(row?.seen_ms), 20)
    }))
}

const realContract = (test: Side): void => {
  test("says that it cannot be written", (client) =>
    Effect.gen(function* () {
      const database = yield* open(client)
      const write = database.transaction("Test.write", (sql) => Effect.andThen(forbidsWrites(sql), insert(sql, "a")))
      assert.strictEqual(yield* reasonOf(write), "Unwritable")
    }))
}

describe("the database on simulated SQL", () => {
  contract(simulated)
})
describe("the database on SQLite on a file", () => {
  contract(sqlite)
  realContract(sqlite)
})
describe("the database on PostgreSQL", () => {
  contract(postgres)
  realContract(postgres)
})
