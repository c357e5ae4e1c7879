/** Each fault of the database comes to a program as from a real one, and none leaves a connection or a lock behind. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { SqlClient } from "effect/sql"
import * as Sim from "../../../sim/Sim.ts"
import { Database } from "../../../sim/sql/Database.ts"
import * as SimSql from "../../../sim/sql/SimSql.ts"
import type { Point } from "../../../sim/sql/Session.ts"
import { accounts, add, committed, failureOf, holds, reasonOf, transfer } from "./SqlProgram.ts"

/** The verdict for every point that matches, while the effect runs. */
const under = <A, E, R>(verdict: Sim.RuleVerdict, matches: (point: Point) => boolean, effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.andThen(
      Effect.flatMap(Database, (database) => database.rule((point) => (matches(point) ? verdict : { _tag: "pass" }))),
      effect
    )
  )

const isAt =
  (operation: Point["operation"], phase: Point["phase"]) =>
  (point: Point): boolean =>
    point.operation === operation && point.phase === phase

const isSecondUpdate = (phase: Point["phase"]) => {
  let updates = 0
  return (point: Point) => isAt("execute", phase)(point) && point.sql.startsWith("UPDATE") && ++updates === 2
}

/** What is committed is as expected, and a client gets its next transaction done. */
const goesOnWith = Effect.fnUntraced(function* (from: number, to: number) {
  assert.deepStrictEqual(yield* committed, [from, to])
  yield* transfer(yield* SqlClient.SqlClient, 1)
  assert.deepStrictEqual(yield* committed, [from - 1, to + 1])
})

const SqlClientAndDatabase = Effect.gen(function* () {
  return { sql: yield* SqlClient.SqlClient, database: yield* Database }
})

describe("a connection", () => {
  it("is refused while the server does not take any", () => {
    const { faults } = holds(
      Effect.gen(function* () {
        const { sql } = yield* SqlClientAndDatabase
        assert.strictEqual(
          yield* under({ _tag: "refuse" }, isAt("connect", "request"), reasonOf(sql`SELECT 1`)),
          "ConnectionError"
        )
        assert.strictEqual(yield* reasonOf(sql`SELECT 1`), "success")
      })
    )
    assert.strictEqual(faults.get("database refuse"), 50)
  })

  it("is refused while the server is down, and comes back with it", () => {
    holds(
      Effect.gen(function* () {
        const { database, sql } = yield* SqlClientAndDatabase
        yield* accounts([5, 5])
        yield* database.restart({ downMs: 1_000 })
        yield* Effect.sleep(20)
        assert.strictEqual(yield* reasonOf(transfer(sql, 1)), "ConnectionError")
        yield* Effect.sleep(1_000)
        yield* goesOnWith(5, 5)
      })
    )
  })

  it("is given up when no answer comes, to a statement, a COMMIT and a ROLLBACK", () => {
    const client = { answerTimeoutMs: 700, connectionsMax: 1 }
    for (const operation of ["connect", "begin", "execute", "commit"] as const) {
      for (const phase of ["request", "reply"] as const) {
        const isDone = operation === "commit" && phase === "reply"
        holds(
          Effect.gen(function* () {
            const { database, sql } = yield* SqlClientAndDatabase
            yield* accounts([5, 5])
            // The pool must connect again.
            yield* database.restart()
            yield* Effect.sleep(20)
            const startMs = yield* Clock.currentTimeMillis
            const reason = yield* under({ _tag: "drop" }, isAt(operation, phase), reasonOf(transfer(sql, 2)))
            assert.strictEqual(reason, "ConnectionError", `${operation} ${phase}`)
            assert.isAtLeast((yield* Clock.currentTimeMillis) - startMs, 700)
            // The server hears of it, and rolls back.
            yield* Effect.sleep(20)
            yield* isDone ? goesOnWith(3, 7) : goesOnWith(5, 5)
          }),
          { client, runs: 10 }
        )
      }
    }
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5, 5])
        const failing = sql.withTransaction(Effect.andThen(add(sql, 0, 1), Effect.fail("failed on purpose" as const)))
        const reason = yield* under({ _tag: "drop" }, isAt("rollback", "request"), reasonOf(failing))
        assert.strictEqual(reason, "failed on purpose", "the rollback that was lost is no failure of its own")
        yield* goesOnWith(5, 5)
      }),
      { client, runs: 10 }
    )
  })
})

describe("a transaction", () => {
  it("is undone when its connection is lost in the middle, and that is a failure and no defect", () => {
    for (const phase of ["request", "reply"] as const) {
      holds(
        Effect.gen(function* () {
          const sql = yield* accounts([5, 5])
          const reason = yield* under({ _tag: "reset" }, isSecondUpdate(phase), reasonOf(transfer(sql, 2)))
          assert.strictEqual(reason, "ConnectionError")
          yield* goesOnWith(5, 5)
        })
      )
    }
  })

  it("is undone when its COMMIT does not arrive", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5, 5])
        const reason = yield* under({ _tag: "reset" }, isAt("commit", "request"), reasonOf(transfer(sql, 2)))
        assert.strictEqual(reason, "ConnectionError")
        yield* goesOnWith(5, 5)
      })
    )
  })

  it("is done when its COMMIT is not acknowledged", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5, 5])
        const reason = yield* under({ _tag: "reset" }, isAt("commit", "reply"), reasonOf(transfer(sql, 2)))
        assert.strictEqual(reason, "ConnectionError")
        yield* goesOnWith(3, 7)
      })
    )
  })

  it("is undone when its COMMIT fails, and leaves its connection clean", () => {
    for (const code of ["SQLITE_BUSY", "SQLITE_FULL", "SQLITE_IOERR"]) {
      holds(
        Effect.gen(function* () {
          const sql = yield* accounts([5, 5])
          const reason = yield* under({ _tag: "fail", code }, isAt("commit", "request"), reasonOf(transfer(sql, 2)))
          assert.strictEqual(reason, code === "SQLITE_BUSY" ? "LockTimeoutError" : "UnknownError")
          // There is no lock any more, not even for as long as news of a closed connection takes.
          const database = yield* Database
          yield* database.look("UPDATE accounts SET amount = 0 WHERE id = 99")
          yield* goesOnWith(5, 5)
        }),
        { client: { connectionsMax: 1 } }
      )
    }
  })

  it("is over with the first statement for which the disk has no room", () => {
    for (const code of ["SQLITE_FULL", "SQLITE_IOERR"]) {
      holds(
        Effect.gen(function* () {
          const sql = yield* accounts([5, 5])
          const heedless = sql.withTransaction(Effect.andThen(Effect.ignore(add(sql, 0, -2)), add(sql, 1, 2)))
          const isFirst = (point: Point) => isAt("execute", "request")(point) && point.sql.includes("UPDATE")
          let updates = 0
          const error = yield* under(
            { _tag: "fail", code },
            (point) => isFirst(point) && ++updates === 1,
            failureOf(heedless)
          )
          assert.strictEqual(error.message, "cannot commit - no transaction is active")
          // SQLite has gone on without a transaction, as the real one does.
          assert.deepStrictEqual(yield* committed, [5, 7])
        })
      )
    }
  })

  it("that waits goes on as soon as the host of the one that writes has crashed", () => {
    holds(
      Effect.gen(function* () {
        const { database } = yield* SqlClientAndDatabase
        const sql = yield* accounts([5, 5])
        const host = yield* Sim.Host.make("web")
        yield* host.onCrash(database.crash("web"))
        const work = Effect.flatMap(SqlClient.SqlClient, (own) =>
          own.withTransaction(Effect.andThen(add(own, 0, 100), Effect.never))
        )
        const running = yield* Effect.forkChild(
          Effect.exit(host.run(Effect.provide(work, SimSql.layer({ host: "web" }))))
        )
        yield* Effect.sleep(100)
        const waiting = yield* Effect.forkChild(transfer(sql, 2))
        yield* Effect.sleep(100)
        assert.isUndefined(waiting.pollUnsafe())
        yield* host.crash
        const startMs = yield* Clock.currentTimeMillis
        yield* Fiber.join(waiting)
        assert.isBelow((yield* Clock.currentTimeMillis) - startMs, 60)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(running)))
        yield* goesOnWith(3, 7)
      })
    )
  })

  it("that is begun by hand and interrupted leaves no lock", () => {
    holds(
      Effect.gen(function* () {
        const { database } = yield* SqlClientAndDatabase
        const sql = yield* accounts([5, 5])
        const byHand = Effect.scoped(
          Effect.flatMap(sql.reserve, (connection) => connection.execute("BEGIN IMMEDIATE", [], undefined))
        )
        const fiber = yield* Effect.forkChild(byHand)
        yield* Effect.sleep(yield* Sim.choose("workload", 20))
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep(20)
        assert.deepStrictEqual(yield* database.look("UPDATE accounts SET amount = 5 WHERE id = 0"), [])
        yield* goesOnWith(5, 5)
      }),
      { runs: 200 }
    )
  })

  it("waits for the one that writes, and is told that the database is busy when that takes too long", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5, 5])
        const writing = yield* Deferred.make<void>()
        const long = sql.withTransaction(
          Effect.andThen(Deferred.succeed(writing, undefined), Effect.andThen(Effect.sleep(3_000), add(sql, 0, 1)))
        )
        const writer = yield* Effect.forkChild(long)
        yield* Deferred.await(writing)
        const startMs = yield* Clock.currentTimeMillis
        assert.strictEqual(yield* reasonOf(transfer(sql, 1)), "LockTimeoutError")
        const waitedMs = (yield* Clock.currentTimeMillis) - startMs
        assert.isTrue(waitedMs >= 2_000 && waitedMs <= 2_030, `waited ${waitedMs} ms`)
        assert.strictEqual(yield* reasonOf(add(sql, 1, 1)), "success", "this one waits no longer than the timeout")
        yield* Fiber.join(writer)
        assert.deepStrictEqual(yield* committed, [6, 6])
      }),
      { database: { busyTimeoutMs: 2_000 } }
    )
  })

  it("that has read sees no later commit, and fails at once when it wants to write after one", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5, 5])
        const hasRead = yield* Deferred.make<void>()
        const hasWritten = yield* Deferred.make<void>()
        const amounts = Effect.map(sql.unsafe("SELECT amount FROM accounts ORDER BY id").values, (rows) => rows.flat())
        const reader = sql.withTransaction(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* amounts, [5, 5])
            yield* Deferred.succeed(hasRead, undefined)
            yield* Deferred.await(hasWritten)
            assert.deepStrictEqual(yield* amounts, [5, 5])
            yield* add(sql, 0, 100)
          })
        )
        const fiber = yield* Effect.forkChild(
          reasonOf(Effect.provideService(reader, SqlClient.BeginTransaction, "BEGIN"))
        )
        yield* Deferred.await(hasRead)
        yield* transfer(sql, 1)
        yield* Deferred.succeed(hasWritten, undefined)
        assert.strictEqual(yield* Fiber.join(fiber), "LockTimeoutError")
        yield* goesOnWith(4, 6)
      })
    )
  })
})

describe("a disk", () => {
  it("that is full fails what needs room and undoes its transaction, and keeps what it has", () => {
    holds(
      Effect.gen(function* () {
        const { database } = yield* SqlClientAndDatabase
        const sql = yield* accounts([5, 5])
        const fill = sql`INSERT INTO accounts (id, amount)
          WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, i FROM n`
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* database.limitPages(4)
            const error = yield* failureOf(sql.withTransaction(Effect.andThen(add(sql, 0, 1), fill)))
            assert.strictEqual(error.message, "database or disk is full")
            assert.deepStrictEqual(yield* committed, [5, 5])
            assert.strictEqual(yield* reasonOf(transfer(sql, 2)), "success", "an update needs no room")
          })
        )
        yield* goesOnWith(3, 7)
        yield* fill
      }),
      { runs: 10 }
    )
  })

  it("that is read-only fails what writes, and lets what reads go on", () => {
    holds(
      Effect.gen(function* () {
        const { database } = yield* SqlClientAndDatabase
        const sql = yield* accounts([5, 5])
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* database.readOnly
            for (const write of [transfer(sql, 1), add(sql, 0, 1)]) {
              assert.strictEqual((yield* failureOf(write)).message, "attempt to write a readonly database")
            }
            assert.strictEqual((yield* sql`SELECT amount FROM accounts`).length, 2)
          })
        )
        yield* goesOnWith(5, 5)
      })
    )
  })
})

describe("a statement", () => {
  it("fails as the rule says, before it is done or after", () => {
    const codes = [
      ["SQLITE_BUSY", "LockTimeoutError", "database is locked"],
      ["SQLITE_FULL", "UnknownError", "database or disk is full"],
      ["SQLITE_READONLY", "UnknownError", "attempt to write a readonly database"],
      ["SQLITE_IOERR", "UnknownError", "disk I/O error"],
      ["SQLITE_PERM", "AuthorizationError", "access permission denied"]
    ] as const
    for (const [code, reason, message] of codes) {
      for (const phase of ["request", "reply"] as const) {
        holds(
          Effect.gen(function* () {
            const sql = yield* accounts([5, 5])
            const failing = failureOf(add(sql, 0, -2))
            const error = yield* under({ _tag: "fail", code }, isAt("execute", phase), failing)
            assert.deepStrictEqual([error.reason._tag, error.message], [reason, message])
            yield* phase === "request" ? goesOnWith(5, 5) : goesOnWith(3, 5)
          }),
          { runs: 5 }
        )
      }
    }
  })

  it("is slow when it is delayed, and others overtake it", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts([5, 5])
        const order: Array<string> = []
        const noted = <A, E>(name: string, effect: Effect.Effect<A, E>) =>
          Effect.tap(
            effect,
            Effect.sync(() => order.push(name))
          )
        const isSlow = (point: Point) => isAt("execute", "request")(point) && point.sql.includes("slow")
        yield* under(
          { _tag: "delay", ms: 500 },
          isSlow,
          Effect.all([noted("slow", sql`SELECT 'slow'`), noted("quick", sql`SELECT 'quick'`)], {
            concurrency: "unbounded"
          })
        )
        assert.deepStrictEqual(order, ["quick", "slow"])
      })
    )
  })

  it("that is interrupted on its way is done all the same, and gives its connection back", () => {
    const { sometimes } = holds(
      Effect.gen(function* () {
        const { database } = yield* SqlClientAndDatabase
        const sql = yield* accounts([5, 5])
        const fiber = yield* Effect.forkChild(transfer(sql, 2))
        yield* Effect.sleep(yield* Sim.choose("workload", 40))
        yield* Fiber.interrupt(fiber)
        const [from = 0, to = 0] = yield* committed
        assert.strictEqual(Number(from) + Number(to), 10)
        yield* Sim.sometimes(from === 5 ? "undone" : "done")
        yield* goesOnWith(Number(from), Number(to))
        assert.strictEqual(yield* database.sessions, 1)
      }),
      { client: { connectionsMax: 1 }, runs: 200 }
    )
    assert.sameMembers([...sometimes.keys()], ["done", "undone"])
  })

  it("that streams fails when its connection breaks between its rows", () => {
    holds(
      Effect.gen(function* () {
        const sql = yield* accounts(Array.from({ length: 500 }, (_, i) => i))
        const isMore = (point: Point) => point.sql === "more rows"
        const rows: Array<unknown> = []
        const drained = Stream.runForEach(sql`SELECT id FROM accounts`.stream, (row) =>
          Effect.sync(() => rows.push(row))
        )
        assert.strictEqual(yield* under({ _tag: "reset" }, isMore, reasonOf(drained)), "ConnectionError")
        assert.strictEqual(rows.length, 100)
        assert.strictEqual(yield* reasonOf(drained), "success")
        assert.strictEqual(rows.length, 600)
      }),
      { client: { connectionsMax: 1 } }
    )
  })
})

describe("a crash of the client", () => {
  it("keeps what was committed, undoes the rest, and holds nobody up", () => {
    const { sometimes } = holds(
      Effect.gen(function* () {
        const { database } = yield* SqlClientAndDatabase
        const sql = yield* accounts([50, 50])
        const host = yield* Sim.Host.make("web")
        yield* host.onCrash(database.crash("web"))
        let acknowledged = 0
        const work = Effect.gen(function* () {
          const own = yield* SqlClient.SqlClient
          return yield* Effect.forever(
            Effect.andThen(
              transfer(own, 1),
              Effect.sync(() => acknowledged++)
            )
          )
        }).pipe(Effect.provide(SimSql.layer({ host: "web", connectionsMax: 2 })))
        const running = yield* Effect.forkChild(Effect.exit(host.run(work)))
        yield* Effect.sleep(yield* Sim.choose("workload", 300))
        yield* host.crash
        assert.isTrue(Exit.isFailure(yield* Fiber.join(running)))
        // What was under way may still arrive.
        yield* Effect.sleep(20)
        const [from = 0, to = 0] = yield* committed
        assert.strictEqual(Number(from) + Number(to), 100)
        const done = 50 - Number(from)
        assert.isTrue(done === acknowledged || done === acknowledged + 1, `${done} done, ${acknowledged} acknowledged`)
        yield* Sim.sometimes(done === acknowledged ? "all acknowledged" : "one not acknowledged")
        assert.strictEqual(yield* database.sessions, 1)
        yield* transfer(sql, 1)
        assert.deepStrictEqual(yield* committed, [Number(from) - 1, Number(to) + 1])
      }),
      { runs: 300 }
    )
    assert.sameMembers([...sometimes.keys()], ["all acknowledged", "one not acknowledged"])
  })
})
