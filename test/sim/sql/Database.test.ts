/** What the simulated database is: SQLite, the same in every run with the same seed, and on no machine's clock. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Sim from "../../../sim/Sim.ts"
import { Database } from "../../../sim/sql/Database.ts"
import { accounts, add, failureOf, holds, onDatabase, reasonOf, transfer } from "./SqlProgram.ts"

const one = <A>(rows: ReadonlyArray<ReadonlyArray<A>>): ReadonlyArray<A> => rows[0] ?? []

describe("the clock of the database", () => {
  it("is the clock of the run, in every function and as a default", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP)`
        yield* Effect.sleep("36 hours")
        yield* sql`INSERT INTO notes (id) VALUES (1)`
        const values = yield* sql`SELECT at, CURRENT_DATE, date(), date('NOW', '+1 day'), strftime('%Y-%m-%d %H'),
          strftime('%H', 'now', '-1 hour'), unixepoch() / 3600, round(julianday('now'), 2), time('12:34'),
          datetime('2020-02-29', '+1 year'), timediff('now', '2026-01-01') FROM notes`.values
        const [at, ...others] = one(values)
        assert.match(String(at), /^2026-01-02 12:00:00$/)
        assert.deepStrictEqual(others.slice(0, 9), [
          "2026-01-02",
          "2026-01-02",
          "2026-01-03",
          "2026-01-02 12",
          "11",
          490_932,
          2_461_043,
          "12:34:00",
          "2021-03-01 00:00:00"
        ])
        assert.match(String(others[9]), /^\+0000-00-01 12:00:00\.\d\d\d$/)
        const [subsecond] = one(yield* sql`SELECT unixepoch('subsec') * 1000`.values)
        const lateMs = (yield* Clock.currentTimeMillis) - Number(subsecond)
        assert.isTrue(lateMs >= 0 && lateMs <= 5, `${lateMs} ms`)
      }),
      { runs: 5 }
    )
  })

  it("is set without any effect on what is under way", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY)`
        const context = yield* Sim.RunContext
        for (const hours of [-1, 2, -3]) {
          context.shiftWallClock(hours * 3_600_000)
          const [elapsed] = yield* Effect.timed(sql`INSERT INTO notes DEFAULT VALUES`)
          assert.isBelow(Duration.toMillis(elapsed), 20)
        }
      }),
      { runs: 5 }
    )
  })

  it("has no zone of the machine", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        for (const zone of ["localtime", "utc"]) {
          const error = yield* failureOf(sql`SELECT datetime('2020-01-01', ${zone})`)
          assert.include(error.message, "zone of the machine")
        }
      }),
      { runs: 1 }
    )
  })
})

describe("chance in the database", () => {
  const drawn = (seed: number) => {
    const rows: Array<unknown> = []
    const program = Effect.gen(function* () {
      const sql = yield* accounts([1, 2, 3, 4, 5, 6, 7, 8])
      rows.push(...(yield* sql`SELECT random(), hex(randomblob(8)), hex(randomblob(0))`.values))
      rows.push(...(yield* sql`SELECT id FROM accounts ORDER BY random()`.values))
    })
    const { message, outcome, traceHash } = Sim.run(onDatabase(program), { seed })
    assert.strictEqual(outcome, "done", message)
    return { rows, traceHash }
  }

  it("follows the seed", () => {
    assert.deepStrictEqual(drawn(1), drawn(1))
    assert.notDeepEqual(drawn(1).rows, drawn(2).rows)
  })
})

describe("statements of the database", () => {
  it("touch no file, and change nothing about how it keeps its data", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([1])
        const denied = ["ATTACH '/tmp/x.db' AS x", "VACUUM INTO '/tmp/y.db'", "PRAGMA journal_mode = DELETE"]
        for (const statement of [...denied, "PRAGMA busy_timeout = 9", "PRAGMA query_only = 1"]) {
          assert.strictEqual(yield* reasonOf(sql.unsafe(statement)), "AuthenticationError", statement)
        }
        yield* sql`PRAGMA user_version = 7`
        assert.deepStrictEqual(yield* sql`PRAGMA user_version`, [{ user_version: 7 }])
        assert.strictEqual((yield* sql`PRAGMA table_info(accounts)`).length, 2)
      }),
      { runs: 5 }
    )
  })

  it("give integers beyond 2^53 as bigints, and all of them when asked", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const select = sql`SELECT 9007199254740993 AS big, 2 AS small, ${2.5} AS real, typeof(${3}) AS kind`
        assert.deepStrictEqual(yield* select, [{ big: 9_007_199_254_740_993n, small: 2, real: 2.5, kind: "integer" }])
        const all = yield* Effect.provideService(select, SqlClient.SafeIntegers, true)
        assert.deepStrictEqual(all, [{ big: 9_007_199_254_740_993n, small: 2n, real: 2.5, kind: "integer" }])
        assert.strictEqual(yield* reasonOf(sql`SELECT ${2n ** 64n}`), "UnknownError")
        assert.strictEqual(yield* reasonOf(sql`SELECT ${() => 1}`), "UnknownError")
      }),
      { runs: 1 }
    )
  })
})

describe("transactions of the database", () => {
  it("are all over when their client closes with one open", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5])
        yield* Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* sql.reserve
            yield* connection.execute("BEGIN IMMEDIATE", [], undefined)
            yield* connection.execute("UPDATE accounts SET amount = 0", [], undefined)
          })
        )
        yield* add(sql, 0, 1)
        assert.deepStrictEqual(yield* sql`SELECT amount FROM accounts`, [{ amount: 6 }])
      })
    )
  })

  it("are as if one came after the other, under every schedule", () => {
    const { distinctTraces } = holds(
      Effect.gen(function* () {
        const sql = yield* accounts([100, 0, 0])
        // Reads and writes what it read: right only when nobody writes in between.
        const move = (from: number, to: number) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const rows = yield* sql<{ readonly amount: number }>`SELECT amount FROM accounts WHERE id = ${from}`
              const amount = Math.floor((rows[0]?.amount ?? 0) / 2)
              yield* sql`UPDATE accounts SET amount = ${(rows[0]?.amount ?? 0) - amount} WHERE id = ${from}`
              yield* add(sql, to, amount)
            })
          )
        yield* Effect.all([move(0, 1), move(0, 2), move(1, 2), move(2, 0)], { concurrency: "unbounded" })
        const rows = yield* sql<{ readonly sum: number }>`SELECT sum(amount) AS sum FROM accounts`
        assert.strictEqual(rows[0]?.sum, 100)
      }),
      { runs: 60 }
    )
    assert.isAbove(distinctTraces, 30)
  })
})

describe("the story of the database", () => {
  it("tells transactions and lost connections, and no values", () => {
    const program = Effect.gen(function* () {
      const database = yield* Database
      const sql = yield* accounts([5, 5])
      yield* transfer(sql, 4_711)
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(add(sql, 0, 1), Effect.fail("failed on purpose"))))
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(add(sql, 0, 1), database.restart())))
    })
    const { told } = Sim.run(onDatabase(program), { record: true })
    const ours = told.map(({ text }) => text).filter((text) => /^(?:console|database)/.test(text))
    assert.deepStrictEqual(ours, [
      "console#1: commits CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGE",
      'console#1: commits INSERT INTO accounts ("id","amount") VALUES (?,?),(?,?)',
      "console#1: begins a transaction",
      "console#1: commits",
      "console#1: begins a transaction",
      "console#1: rolls back",
      "console#1: begins a transaction",
      "database: restarts",
      "console#1: connection lost, its transaction is rolled back"
    ])
  })
})
