/**
 * The activity log under every order of its fibers, with a database that comes and goes, and a console that crashes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Sim from "../../../sim/Sim.ts"
import { Database as SimDatabase } from "../../../sim/sql/Database.ts"
import * as SimSql from "../../../sim/sql/SimSql.ts"
import { activityOptions, attempt, make } from "./ActivityLogs.ts"

const onDatabase = <A, E>(
  program: Effect.Effect<A, E, SimDatabase | Sim.RunContext | Scope.Scope>
): Effect.Effect<A, E, Sim.RunContext> => Effect.scoped(program).pipe(Effect.provide(SimDatabase.layer()))

const assertHolds = <A, E>(program: Effect.Effect<A, E, SimDatabase | Sim.RunContext | Scope.Scope>, runs: number) => {
  const result = Sim.check(onDatabase(program), { runs, seed: 1, leaks: "fail" })
  assert.strictEqual(result.failure?.message, undefined, result.failure?.story)
  return result
}

const details = Effect.flatMap(SimDatabase, (database) =>
  Effect.map(database.look("SELECT detail FROM activity ORDER BY id"), (rows) =>
    rows.map((row) => String(row["detail"]))
  )
)

const expected = (holdsTrue: boolean, message: string) => (holdsTrue ? Effect.void : Effect.die(new Error(message)))

const writers = [1, 2, 3] as const
const each = 4

/** Writers that record one after another; what they have an answer for is put into `answered`. */
const recordAll = (
  record: (detail: string) => Effect.Effect<void>,
  { answered, recorded }: { readonly answered: Array<string>; readonly recorded: Array<string> }
) =>
  Effect.forEach(
    writers,
    (writer) =>
      Effect.forEach(
        Array.from({ length: each }, (_, i) => `${writer}.${i}`),
        (detail) =>
          Effect.gen(function* () {
            recorded.push(detail)
            yield* record(detail)
            answered.push(detail)
            yield* Effect.sleep(yield* Sim.choose("workload", 20))
          }),
        { discard: true }
      ),
    { concurrency: "unbounded", discard: true }
  )

/** In the log, each writer's own are in its order, and none is there twice. */
const inOrder = (found: ReadonlyArray<string>): boolean =>
  new Set(found).size === found.length &&
  writers.every((writer) => {
    const own = found.filter((detail) => detail.startsWith(`${writer}.`))
    return own.every((detail, i) => i === 0 || Number(detail.slice(2)) > Number(own[i - 1]?.slice(2)))
  })

describe("the activity log in the simulator", () => {
  it("has lost nothing that was acknowledged when its console crashes", () => {
    const program = Effect.gen(function* () {
      const database = yield* SimDatabase
      const host = yield* Sim.Host.make("console")
      yield* host.onCrash(database.crash("console"))
      const seen = { answered: new Array<string>(), recorded: new Array<string>() }
      const life = Effect.scoped(
        Effect.gen(function* () {
          const { log } = yield* make(SimSql.layer())
          yield* recordAll((detail) => log.record(attempt({ detail })), seen)
          return yield* Effect.never
        })
      )
      // The tables are there already.
      yield* Effect.scoped(make(SimSql.layer()))
      const running = yield* Effect.forkChild(Effect.exit(host.run(life)))
      yield* Effect.sleep(yield* Sim.choose("faults", 150))
      yield* host.crash
      yield* Fiber.join(running)
      const answered = [...seen.answered]
      yield* Sim.sometimes(answered.length === 0 ? "early" : "under way")
      const found = yield* details
      for (const detail of answered) yield* expected(found.includes(detail), `${detail} is lost`)
      yield* expected(inOrder(found), `out of order, or twice: ${found.join(" ")}`)
      // The next life goes on where that one ended.
      yield* Effect.scoped(Effect.flatMap(make(SimSql.layer()), ({ log }) => log.record(attempt({ detail: "after" }))))
      // What was under way at the crash may have arrived late.
      const later = yield* details
      const isThere = later.at(-1) === "after" && found.every((detail) => later.includes(detail))
      yield* expected(isThere && inOrder(later), `the next life: ${later.join(" ")}`)
    })
    const { sometimes } = assertHolds(program, 100)
    assert.isAbove(sometimes.get("under way") ?? 0, 30)
  })

  it("keeps attempts while the database is away, in order, and writes each once when it is back", () => {
    const program = Effect.gen(function* () {
      const database = yield* SimDatabase
      const { components, log } = yield* make(SimSql.layer())
      const seen = { answered: new Array<string>(), recorded: new Array<string>() }
      const lossy = Effect.gen(function* () {
        yield* Effect.sleep(yield* Sim.choose("faults", 40))
        const kind = yield* Sim.choose("faults", 4)
        if (kind === 0) return yield* database.restart({ downMs: 1 + (yield* Sim.choose("faults", 8_000)) })
        if (kind === 1) return yield* Effect.scoped(Effect.andThen(database.readOnly, Effect.sleep(3_000)))
        const phase = kind === 2 ? "reply" : "request"
        const spoils = database.rule((point) =>
          point.phase === phase && point.sql.startsWith("INSERT") ? { _tag: "reset" } : { _tag: "pass" }
        )
        yield* Effect.scoped(Effect.andThen(spoils, Effect.sleep(3_000)))
      })
      const faults = yield* Effect.forkChild(lossy)
      yield* recordAll((detail) => log.record(attempt({ detail })), seen)
      const { waiting } = yield* log.counts
      if (waiting > 0) yield* Sim.sometimes("waited in memory")
      yield* Fiber.join(faults)
      yield* Effect.sleep(20_000)
      const found = yield* details
      yield* expected(found.length === seen.recorded.length, `${found.length} of ${seen.recorded.length}`)
      yield* expected(inOrder(found), `out of order, or twice: ${found.join(" ")}`)
      yield* expected((yield* log.counts).lost === 0, "lost some")
      const health = (yield* components.all).find(({ name }) => name === "activity")
      if ((health?.errors ?? 0) > 0) yield* Sim.sometimes("told")
    })
    const { sometimes } = assertHolds(program, 100)
    assert.isAbove(sometimes.get("waited in memory") ?? 0, 15)
    assert.isAbove(sometimes.get("told") ?? 0, 15)
  })

  it("records what is interrupted while it waits, and writes what is left at its end", () => {
    const program = Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { log } = yield* make(SimSql.layer()).pipe(Scope.provide(scope))
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (i) =>
        Effect.forkChild(Effect.uninterruptible(log.record(attempt({ detail: `${i}` }))), { startImmediately: true })
      )
      yield* Effect.sleep(yield* Sim.choose("faults", 5))
      yield* Effect.forEach(fibers, (fiber) => Effect.sync(() => fiber.interruptUnsafe()))
      yield* Scope.close(scope, Exit.void)
      yield* Effect.forEach(fibers, Fiber.await)
      const found = yield* details
      yield* expected(found.toSorted().join("") === "12345", `found ${found.join(" ")}`)
    })
    assertHolds(program, 100)
  })

  it("loses the newest beyond its bound while the database is away, counts them, and ends in time", () => {
    const program = Effect.gen(function* () {
      const database = yield* SimDatabase
      const scope = yield* Scope.make()
      const { components, log } = yield* make(SimSql.layer(), { waitingMax: 10 }).pipe(Scope.provide(scope))
      yield* log.record(attempt({ detail: "before" }))
      yield* database.restart({ downMs: 3_600_000 })
      for (let i = 0; i < 15; i++) yield* log.record(attempt({ detail: `${i}` }))
      const { lost, waiting } = yield* log.counts
      yield* expected(waiting === 10 && lost === 5, `${waiting} wait, ${lost} lost`)
      const health = (yield* components.all).find(({ name }) => name === "activity")
      yield* expected(health?.status !== "healthy" && health?.detail["lost"] === 5, "the component does not say so")
      yield* Effect.timeout(Scope.close(scope, Exit.void), 10_000)
      yield* expected((yield* details).join(" ") === "before", "something else is there")
    })
    assertHolds(program, 20)
  })

  it("makes many commits one", () => {
    const program = Effect.gen(function* () {
      const database = yield* SimDatabase
      const { log } = yield* make(SimSql.layer(), { ...activityOptions, waitingMax: 10_000 })
      let statements = 0
      yield* database.rule((point) => {
        if (point.phase === "request" && point.sql.startsWith("INSERT INTO activity")) statements++
        return { _tag: "pass" }
      })
      const all = Array.from({ length: 1_000 }, (_, i) => log.record(attempt({ detail: `${i}` })))
      yield* Effect.all(all, { concurrency: "unbounded", discard: true })
      const found = yield* details
      yield* expected(found.length === 1_000, `found ${found.length}`)
      yield* expected(statements <= 10, `${statements} statements`)
    })
    assertHolds(program, 2)
  })
})
