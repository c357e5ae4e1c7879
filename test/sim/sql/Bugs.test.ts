/** Bugs that programs have with databases: the simulator finds each, and finds nothing in the program done right. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Sim from "../../../sim/Sim.ts"
import { Database } from "../../../sim/sql/Database.ts"
import { accounts, committed, onDatabase, type Program } from "./SqlProgram.ts"

const runs = 200

const found = (program: Program) => {
  const { failure } = Sim.check(onDatabase(program), { runs })
  assert.isDefined(failure, "not found")
  return failure
}

const assertNotFound = (program: Program) => {
  const { distinctTraces, failure } = Sim.check(onDatabase(program), { runs, leaks: "fail" })
  assert.strictEqual(failure?.message, undefined, failure?.story)
  assert.isAbove(distinctTraces, runs / 4)
}

const expected = (condition: boolean, message: string) => (condition ? Effect.void : Effect.die(message))

describe("a counter that two clients increment", () => {
  const increment = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<{ readonly amount: number }>`SELECT amount FROM accounts`
    yield* sql`UPDATE accounts SET amount = ${(rows[0]?.amount ?? 0) + 1}`
  })
  const program = (once: typeof increment): Program =>
    Effect.gen(function* () {
      yield* accounts([0])
      yield* Effect.all([once, once], { concurrency: 2 })
      const [amount] = yield* committed
      yield* expected(amount === 2, `two increments gave ${String(amount)}`)
    })

  it("loses an increment when it reads and writes without a transaction", () => {
    assert.include(found(program(increment)).message, "two increments gave 1")
  })

  it("counts right in a transaction", () => {
    assertNotFound(program(Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(increment))))
  })
})

describe("an order that is tried again when its connection breaks", () => {
  /** Some requests and some replies are lost, those of COMMITs included. */
  const unreliable = Effect.gen(function* () {
    const rule = yield* Sim.Rules.withChance({ num: 1, den: 20 }, { _tag: "reset" })
    yield* (yield* Database).rule(rule)
  })
  const program = (order: Effect.Effect<unknown, unknown, SqlClient.SqlClient>): Program =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const database = yield* Database
      yield* sql`CREATE TABLE orders (id INTEGER PRIMARY KEY, key TEXT NOT NULL)`
      const isDone = yield* Effect.scoped(
        Effect.andThen(unreliable, Effect.isSuccess(Effect.retry(order, { times: 5 })))
      )
      yield* Effect.sleep(100)
      const rows = yield* database.look("SELECT id FROM orders")
      yield* expected(rows.length <= 1, `ordered ${rows.length} times`)
      yield* expected(!isDone || rows.length === 1, "acknowledged and not there")
    })

  it("is there twice when it is tried again blindly", () => {
    const blind = Effect.flatMap(SqlClient.SqlClient, (sql) =>
      sql.withTransaction(sql`INSERT INTO orders ${sql.insert({ key: "k1" })}`)
    )
    const failure = found(program(blind))
    assert.match(failure.message, /ordered \d times/)
    assert.match(failure.story, /database: reset reply of console#\d+: (?:commit|INSERT)/)
  })

  it("is there once when it looks for its key first, in the same transaction", () => {
    const careful = Effect.flatMap(SqlClient.SqlClient, (sql) =>
      sql.withTransaction(
        Effect.gen(function* () {
          const known = yield* sql`SELECT id FROM orders WHERE key = ${"k1"}`
          if (known.length === 0) yield* sql`INSERT INTO orders ${sql.insert({ key: "k1" })}`
        })
      )
    )
    assertNotFound(program(careful))
  })
})
