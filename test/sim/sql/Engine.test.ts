/** Engines of SQLite are used again by later connections and runs, which must not notice. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { SqlClient } from "effect/sql"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Sim from "../../../sim/Sim.ts"
import { Database } from "../../../sim/sql/Database.ts"
import { holds, onDatabase, type Program, reasonOf } from "./SqlProgram.ts"

const prepared = ["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "INSERT INTO notes VALUES (1, 'first')"]

/** What a connection could know of one before it. */
const traces: Program = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [keys] = yield* sql`PRAGMA foreign_keys`
  const [temporary] = yield* sql`SELECT count(*) AS n FROM sqlite_temp_master`
  const notes = yield* sql`SELECT text FROM notes ORDER BY id`
  assert.deepStrictEqual([keys, temporary], [{ foreign_keys: 1 }, { n: 0 }])
  assert.deepStrictEqual(notes, [{ text: "first" }])
})

const leaving: ReadonlyArray<readonly [string, Program]> = [
  ["rows", Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO notes (text) VALUES ('second')`)],
  ["a table", Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE more (id INTEGER)`)],
  ["a temporary table", Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TEMP TABLE notes (text TEXT)`)],
  ["a setting", Effect.flatMap(SqlClient.SqlClient, (sql) => sql`PRAGMA foreign_keys = OFF`)],
  [
    "a transaction",
    Effect.flatMap(SqlClient.SqlClient, (sql) =>
      sql.withTransaction(Effect.andThen(sql`DELETE FROM notes`, Effect.never))
    )
  ]
]

describe("a connection that gets the engine of another", () => {
  for (const [what, program] of leaving) {
    it(`knows nothing of ${what} that another run left`, () => {
      const steps = () => Sim.run(onDatabase(traces, { database: { prepared } }), { seed: 1 })
      const before = steps()
      assert.strictEqual(before.outcome, "done", before.message)
      Sim.run(onDatabase(program, { database: { prepared } }), { seed: 1 })
      const after = steps()
      assert.deepStrictEqual([after.outcome, after.message], ["done", ""])
      assert.strictEqual(after.traceHash, before.traceHash)
    })
  }

  it("has a limit of pages of its own, whatever another run had within a transaction", () => {
    const limited = Effect.andThen(Database, (database) => database.limitPages(1))
    const grow = Effect.andThen(
      SqlClient.SqlClient,
      (sql) => sql`INSERT INTO notes (text) VALUES (${"x".repeat(50_000)})`
    )
    // SQLite takes no limit below the pages that there are, and at that moment there are more than in the image.
    const leave = Effect.andThen(SqlClient.SqlClient, (sql) =>
      sql.withTransaction(
        grow.pipe(Effect.andThen(limited), Effect.andThen(sql`SELECT 1`), Effect.andThen(Effect.never))
      )
    )
    const left = Sim.run(onDatabase(leave, { database: { prepared } }), { seed: 1 })
    assert.strictEqual(left.outcome, "deadlock", left.message)
    const full = Effect.andThen(limited, reasonOf(grow))
    const run = Sim.run(
      onDatabase(
        Effect.map(full, (reason) => assert.strictEqual(reason, "UnknownError")),
        { database: { prepared } }
      ),
      { seed: 1 }
    )
    assert.deepStrictEqual([run.outcome, run.message], ["done", ""])
  })

  it("is refused what only the counts of the connection would tell", () => {
    const inserted = Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`INSERT INTO notes (text) VALUES ('second')`
      return yield* Effect.exit(sql`SELECT last_insert_rowid() AS id`)
    })
    holds(
      Effect.map(inserted, (exit) => assert.match(String(exit), /use RETURNING/)),
      { database: { prepared }, runs: 1 }
    )
    holds(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)`
        assert.deepStrictEqual(String(yield* inserted), String(Exit.succeed([{ id: 1 }])))
      }),
      { runs: 1 }
    )
  })

  it("sees what is committed in its own run", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`INSERT INTO notes (text) VALUES ('second')`
        assert.deepStrictEqual(yield* sql`SELECT text FROM notes ORDER BY id`, [{ text: "first" }, { text: "second" }])
      }),
      { database: { prepared }, runs: 5 }
    )
  })
})

describe("a run that is over", () => {
  const collect = (): unknown => {
    setFlagsFromString("--expose-gc")
    return runInNewContext("gc()")
  }
  /** A program that ends well, and ones that are given up while their connections are open. */
  const runs = {
    done: { program: traces, stepsMax: 100_000 },
    deadlock: { program: Effect.andThen(traces, Effect.never), stepsMax: 100_000 },
    "step-limit": { program: Effect.andThen(traces, Effect.forever(Effect.yieldNow)), stepsMax: 5_000 }
  } as const
  for (const [outcome, { program, stepsMax }] of Object.entries(runs)) {
    it(`keeps nothing of itself in memory after ${outcome}`, async () => {
      const kept: Array<WeakRef<object>> = []
      for (let seed = 0; seed < 3; seed++) {
        const noting = Effect.tap(Sim.RunContext, (context) => Effect.sync(() => kept.push(new WeakRef(context))))
        const run = Sim.run(onDatabase(Effect.andThen(noting, program), { database: { prepared } }), { seed, stepsMax })
        assert.strictEqual(run.outcome, outcome, run.message)
      }
      // What a weak reference was made of stays until the end of the current turn of the event loop.
      await new Promise((resume) => setImmediate(resume))
      collect()
      // The last one may still be on the stack.
      assert.deepStrictEqual(
        kept.slice(0, 2).map((ref) => ref.deref() === undefined),
        [true, true]
      )
    })
  }
})
