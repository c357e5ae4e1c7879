import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Latch, Result, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import * as FleetMemory from "../../../core/fleet/FleetMemory.ts"
import { memoryLimits } from "../../../core/fleet/FleetMemory.ts"
import { fromRow, plan, signatureOf, toRow } from "../../../core/fleet/FleetRows.ts"
import { addNode, empty, recall, recordPoll, removeNode, viewFleet } from "../../../core/fleet/FleetState.ts"
import type { FleetState } from "../../../core/fleet/FleetState.ts"
import * as Registry from "../../../core/fleet/Registry.ts"
import { Components } from "../../../core/health/Components.ts"
import { Database } from "../../../core/storage/Database.ts"
import type { DatabaseStatus } from "../../../core/storage/Database.ts"
import { DatabaseError } from "../../../core/storage/DatabaseError.ts"
import { migrate } from "../../../core/storage/Migrate.ts"
import { migrations } from "../../../core/storage/Migrations.ts"
import * as NodeSqlite from "../../../runtime/NodeSqlite.ts"
import { differenceOf } from "../../../scenarios/oracles/FleetReplay.ts"
import { recordingBus, settle } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const entryOf = (name: string) => ({ name, environment: undefined, kind: "supervisord" }) as const
const answered = (...processes: ReadonlyArray<ProcessInfo>) => ({ _tag: "Answered", processes }) as const
const failed = { _tag: "Failed", reason: { code: "Unreachable", message: "no" } } as const
const looking = { nowMs: 0, staleAfterMs: 1_000 }

const api = processIn("RUNNING")
const job = processIn("STOPPED", { group: "job", name: "nightly" })
const memory = (seenMs: number, ...processes: ReadonlyArray<ProcessInfo>) => ({ seenMs, processes })

describe("what was known before the start", () => {
  it("is shown of nodes that have not answered, marked with its age, until they do", () => {
    const at = 5_000
    let { state } = addNode(empty, entryOf("web"), at)
    ;({ state } = addNode(state, entryOf("db"), at))
    ;({ state } = recordPoll(state, "db", answered(job), at))
    ;({ state } = recordPoll(state, "web", failed, at))
    const memories = new Map([
      ["web", memory(1_000, api)],
      ["db", memory(1_000, api)],
      ["late", memory(2_000, api, job)]
    ])
    const recalled = recall(state, memories, at)
    const late = addNode(recalled.state, entryOf("late"), at)
    const shown = viewFleet(late.state, looking).nodes.map(({ node, processes }) => [
      node.name,
      node.status,
      node.stale,
      node.recalled,
      node.last_seen,
      processes
    ])
    assert.deepStrictEqual(shown, [
      ["web", "down", true, true, "1970-01-01T00:00:01.000Z", [api]],
      ["db", "up", true, undefined, "1970-01-01T00:00:05.000Z", [job]],
      ["late", "connecting", true, true, "1970-01-01T00:00:02.000Z", [api, job]]
    ])
    // A clock that went back and other starts say nothing of a life that this console never met.
    const other = { ...api, start: 3, now: 4, pid: 9 }
    const back = recordPoll(late.state, "late", answered(other), 6_000)
    assert.deepStrictEqual(
      back.events.map(({ type }) => type),
      ["node.status", "process.removed", "process.restarted"]
    )
    assert.notProperty(viewFleet(back.state, looking).nodes[2]?.node, "recalled")
    // Added anew, it is a stranger.
    const again = addNode(removeNode(back.state, "late", 0).state, entryOf("late"), 0)
    assert.deepStrictEqual(again.state.nodes.get("late")?.processes.size, 0)
  })

  it("makes the picture of whoever follows the events right, whenever it is recalled", () => {
    const step = fc.record({
      what: fc.constantFrom("add", "remove", "recall", "answer", "fail"),
      node: fc.constantFrom("a", "b"),
      processes: fc.subarray([api, job, processIn("RUNNING", { name: "worker" })])
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let state: FleetState = empty
        const events = steps.flatMap(({ node, processes, what }) => {
          const result = what === "fail" ? failed : answered(...processes)
          const next =
            what === "add"
              ? addNode(state, entryOf(node), 0)
              : what === "remove"
                ? removeNode(state, node, 0)
                : what === "recall"
                  ? recall(state, new Map([[node, memory(0, ...processes)]]), 0)
                  : recordPoll(state, node, result, 0)
          state = next.state
          return next.events
        })
        assert.isUndefined(differenceOf(events, viewFleet(state, looking).nodes))
      })
    )
  })
})

describe("rows", () => {
  const { state } = recordPoll(addNode(empty, entryOf("web"), 0).state, "web", answered(api, job), 7)
  const node = state.nodes.get("web")

  it("give back what was stored, from SQLite and from PostgreSQL", () => {
    assert.isDefined(node)
    const row = node === undefined ? undefined : toRow(node, 7)
    for (const read of [row, { ...row, seen_ms: 7n }]) {
      assert.deepStrictEqual(Result.getOrThrow(fromRow(read)), ["web", memory(7, api, job)])
    }
  })

  it("of somebody else are problems in few words, never a defect", () => {
    const good = { name: "web", seen_ms: 1, processes: "[]" }
    assert.isTrue(Result.isSuccess(fromRow(good)))
    const bad: ReadonlyArray<unknown> = [
      null,
      {},
      { ...good, name: "" },
      { ...good, seen_ms: -1 },
      { ...good, seen_ms: 8.64e15 + 1 },
      { ...good, seen_ms: 1n << 62n },
      { ...good, processes: "" },
      { ...good, processes: "{}" },
      { ...good, processes: "[1]" },
      { ...good, processes: JSON.stringify([{ ...api, state: "DANCING" }]) },
      { ...good, processes: `"${"x".repeat(100_000)}` }
    ]
    for (const row of bad) {
      const read = fromRow(row)
      assert.isTrue(Result.isFailure(read))
      if (Result.isFailure(read)) assert.isBelow(read.failure.length, 600)
    }
    fc.assert(fc.property(fc.anything(), (row) => void fromRow(row)))
  })

  it("are due when something else than the time has changed, or the time is old", () => {
    const options = { seenEveryMs: 60_000, nodesMax: 9, hasLeft: () => true }
    const signature = node === undefined ? 0 : signatureOf(node)
    const dueAfter = (stored: { readonly signature: number | undefined; readonly seenMs: number } | undefined) =>
      plan(new Map(stored === undefined ? [] : [["web", stored]]), state, options).due.length
    assert.strictEqual(dueAfter(undefined), 1)
    assert.strictEqual(dueAfter({ signature, seenMs: 7 }), 0)
    assert.strictEqual(dueAfter({ signature, seenMs: 6 }), 0)
    assert.strictEqual(dueAfter({ signature, seenMs: 7 - 60_000 }), 1)
    assert.strictEqual(dueAfter({ signature, seenMs: 7 + 60_000 }), 1)
    assert.strictEqual(dueAfter({ signature: undefined, seenMs: 6 }), 1)
    const later = recordPoll(state, "web", answered({ ...api, now: 99, description: "uptime" }, job), 8).state
    assert.strictEqual(plan(new Map([["web", { signature, seenMs: 7 }]]), later, options).due.length, 0)
    const changed = recordPoll(state, "web", answered({ ...api, pid: 1 }, job), 8).state
    assert.strictEqual(plan(new Map([["web", { signature, seenMs: 7 }]]), changed, options).due.length, 1)
  })
})

/** A database of real tables that can be away, and consoles on it one after another. */
const setUp = Effect.gen(function* () {
  const sql = Context.get(yield* Layer.build(NodeSqlite.layer({ filename: ":memory:" })), SqlClient.SqlClient)
  yield* Effect.provideService(migrate(migrations), SqlClient.SqlClient, sql)
  let status: DatabaseStatus = "starting"
  let failing = false
  const asked: Array<string> = []
  const ready = Latch.makeUnsafe(false)
  const ask = <A, E>(operation: string, use: (client: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      asked.push(operation)
      return status !== "up" || failing
        ? Effect.fail(new DatabaseError({ operation, reason: "Unavailable", detail: "away" }))
        : Effect.orDie(use(sql))
    })
  const database = Layer.mock(Database)({
    run: ask,
    transaction: (operation, use) => ask(operation, (client) => client.withTransaction(use(client))),
    status: Effect.sync(() => status),
    ready: ready.await
  })
  const health: Array<string> = []
  const components = Layer.mock(Components)({
    register: () => Effect.void,
    succeeded: () => Effect.sync(() => void health.push("well")),
    errored: (_name, message) => Effect.sync(() => void health.push(message))
  })
  const console = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const layer = FleetMemory.layer().pipe(
      Layer.provideMerge(Registry.layer),
      Layer.provide([recordingBus([]), database, components])
    )
    const fiber = yield* Effect.forkChild(Layer.buildWithScope(layer, scope), { startImmediately: true })
    yield* settle
    yield* TestClock.adjust(FleetMemory.memoryDefaults.recallWaitMs)
    yield* settle
    const exit = fiber.pollUnsafe()
    if (exit?._tag !== "Success") return yield* Effect.die("it waits for the database")
    return { registry: Context.get(exit.value, Registry.Registry), end: Scope.close(scope, Exit.void) }
  })
  return {
    sql,
    asked,
    health,
    console,
    set: (next: DatabaseStatus, isFailing = false) =>
      Effect.sync(() => {
        status = next
        failing = isFailing
        if (next === "up") ready.openUnsafe()
      }),
    rows: Effect.map(
      sql<{ readonly name: string; readonly seen_ms: number }>`
      SELECT name, seen_ms FROM fleet_nodes ORDER BY name`,
      (all) => all.map(({ name, seen_ms }) => `${name} ${seen_ms}`)
    )
  }
})

const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), settle)

describe("the memory of the fleet", () => {
  it.effect("outlives the console, with the time, and asks for nothing while nothing changes", () =>
    Effect.gen(function* () {
      const { asked, console, rows, set } = yield* setUp
      yield* set("up")
      const first = yield* console
      yield* first.registry.add(entryOf("web"))
      yield* first.registry.add(entryOf("db"))
      yield* first.registry.record("web", answered(api, job))
      yield* first.registry.record("db", failed)
      yield* pass(5_000)
      assert.deepStrictEqual(yield* rows, ["web 1000"])
      const before = asked.length
      for (let at = 0; at < 50_000; at += 5_000) {
        yield* first.registry.record("web", answered({ ...api, now: at }, job))
        yield* pass(5_000)
      }
      assert.strictEqual(asked.length, before)
      yield* first.end
      assert.deepStrictEqual(yield* rows, ["web 51000"])

      const second = yield* console
      yield* second.registry.add(entryOf("web"))
      const [shown] = viewFleet(yield* second.registry.state, looking).nodes
      assert.deepInclude(shown?.node, { status: "connecting", recalled: true, last_seen: "1970-01-01T00:00:51.000Z" })
      assert.strictEqual(shown?.processes.length, 2)
      yield* second.end
      // What was not seen by this console is not seen later for that.
      assert.deepStrictEqual(yield* rows, ["web 51000"])
    })
  )

  it.effect("catches up with a database that is away, at the start and later", () =>
    Effect.gen(function* () {
      const { asked, console, health, rows, set, sql } = yield* setUp
      const text = JSON.stringify([api])
      yield* sql`INSERT INTO fleet_nodes (name, seen_ms, processes) VALUES ('web', 9, ${text}), ('db', 9, ${text})`
      const first = yield* console
      yield* first.registry.add(entryOf("web"))
      yield* first.registry.add(entryOf("db"))
      yield* first.registry.record("web", answered(job))
      yield* pass(20_000)
      assert.deepStrictEqual(asked, [])
      yield* set("up", true)
      yield* pass(12_000)
      assert.include(health, "cannot be read: FleetMemory.load: the database cannot be reached: away")
      assert.include(health, "cannot be written: FleetMemory.save: the database cannot be reached: away")
      yield* set("up")
      yield* pass(6_000)
      const shown = viewFleet(yield* first.registry.state, looking).nodes.map(({ node, processes }) => [
        node.recalled,
        processes[0]?.name
      ])
      assert.deepStrictEqual(shown, [
        [undefined, "nightly"],
        [true, "api"]
      ])
      assert.deepStrictEqual(yield* rows, ["db 9", "web 1000"])
      assert.strictEqual(health.at(-1), "well")
      yield* first.end
    })
  )

  it.effect("forgets nodes that leave, those that never come, and ignores what it cannot read", () =>
    Effect.gen(function* () {
      const { console, rows, set, sql } = yield* setUp
      yield* set("up")
      yield* sql`INSERT INTO fleet_nodes (name, seen_ms, processes) VALUES ('bad', 1, 'nonsense'), ('old', 1, '[]')`
      const first = yield* console
      yield* first.registry.add(entryOf("bad"))
      yield* first.registry.add(entryOf("web"))
      yield* first.registry.record("web", answered(api))
      yield* pass(5_000)
      assert.deepStrictEqual(yield* rows, ["bad 1", "old 1", "web 1000"])
      yield* first.registry.remove("web")
      yield* pass(5_000)
      assert.deepStrictEqual(yield* rows, ["bad 1", "old 1"])
      yield* pass(memoryLimits.arrivalMsMax)
      assert.deepStrictEqual(yield* rows, ["bad 1"])
      yield* first.registry.record("bad", answered(api))
      yield* first.end
      assert.lengthOf(yield* rows, 1)
      const second = yield* console
      yield* second.registry.add(entryOf("bad"))
      assert.strictEqual((yield* second.registry.state).nodes.get("bad")?.processes.size, 1)
      yield* second.end
    })
  )
})
