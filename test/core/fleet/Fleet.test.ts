import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Unreachable } from "../../../core/domain/NodeError.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { fault, make, refuse, starts, stopsAfter } from "./FakeDriver.ts"
import { fleetOf, pass, settle } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const api = { group: "app", name: "api" }

describe("Fleet", () => {
  it.effect("knows every node of the configuration before it was polled", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      const nodes = yield* fleet.nodes
      assert.deepStrictEqual(
        nodes.map(({ name, status }) => `${name} ${status}`),
        ["web connecting", "db connecting"]
      )
      yield* pass(1)
      assert.strictEqual((yield* fleet.node("db")).status, "up")
      assert.deepStrictEqual(yield* fleet.processes("db"), [processIn("STOPPED")])
      const { nodes: shown, seq } = yield* fleet.snapshot
      assert.deepStrictEqual([seq, shown.length], [6, 2])
    }).pipe(
      Effect.provide(
        fleetOf({
          web: make({ process: processIn("RUNNING") }).driver,
          db: make({ process: processIn("STOPPED") }).driver
        })
      )
    )
  )

  it.effect("names a node that it does not have", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      const errors = [
        yield* Effect.flip(fleet.node("nope")),
        yield* Effect.flip(fleet.processes("nope")),
        yield* Effect.flip(fleet.operate({ kind: "start" }, "nope", api))
      ]
      for (const error of errors) {
        assert.strictEqual(error._tag, "UnknownNode")
        assert.include(error, { node: "nope" })
      }
    }).pipe(Effect.provide(fleetOf({})))
  )

  it.effect("names a process that its node does not have, and passes other refusals on", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      const unknown = yield* Effect.flip(fleet.operate({ kind: "start" }, "web", api))
      assert.strictEqual(unknown._tag, "UnknownProcess")
      assert.include(unknown, { node: "web", ...api })
      assert.strictEqual((yield* Effect.flip(fleet.operate({ kind: "start" }, "away", api)))._tag, "NodeError")
      assert.strictEqual((yield* Effect.flip(fleet.operate({ kind: "start" }, "odd", api)))._tag, "NodeError")
    }).pipe(
      Effect.provide(
        fleetOf({
          web: make({ process: processIn("STOPPED"), look: () => fault("BAD_NAME") }).driver,
          odd: make({ process: processIn("STOPPED"), onStart: { fails: fault("NO_FILE") } }).driver,
          away: make({ process: processIn("STOPPED"), look: () => refuse(new Unreachable({ detail: "" })) }).driver
        })
      )
    )
  )

  const web = make({
    process: processIn("RUNNING"),
    onStop: { turns: stopsAfter(1_000) },
    onStart: { turns: starts }
  })
  const db = make({ process: processIn("STOPPED"), onStart: { turns: starts } })

  it.effect("runs operations on one process one after another, and on different nodes at once", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      yield* pass(1)
      web.calls.length = 0
      db.calls.length = 0
      const fibers = [
        yield* Effect.forkChild(fleet.operate({ kind: "restart" }, "web", api), { startImmediately: true }),
        yield* Effect.forkChild(fleet.operate({ kind: "restart" }, "web", api), { startImmediately: true }),
        yield* Effect.forkChild(fleet.operate({ kind: "start" }, "db", api), { startImmediately: true })
      ]
      yield* pass(10_000, 50)
      const results = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        results.map(({ outcome, took_ms }) => `${outcome} ${took_ms}`),
        ["done 2000", "done 4000", "done 1000"]
      )
      const requests = (calls: ReadonlyArray<string>) => calls.filter((call) => !call.includes("saw"))
      // The second restart finds the process running and stops it again: it began when the first had ended.
      assert.deepStrictEqual(requests(web.calls), ["1 stop", "1001 start", "2001 stop", "3001 start"])
      assert.deepStrictEqual(requests(db.calls), ["1 start"])
    }).pipe(Effect.provide(fleetOf({ web: web.driver, db: db.driver })))
  )

  const slow = make({ process: processIn("RUNNING") })

  it.effect("runs operations on two processes of one node at once", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      const node = yield* Effect.forkChild(
        Effect.all(
          [
            fleet.operate({ kind: "stop" }, "web", api),
            fleet.operate({ kind: "stop" }, "web", { group: "app", name: "b" })
          ],
          {
            concurrency: 2
          }
        )
      )
      yield* settle
      assert.strictEqual(slow.calls.filter((call) => call === "0 stop").length, 2)
      yield* Fiber.interrupt(node)
    }).pipe(Effect.provide(fleetOf({ web: slow.driver })))
  )
  it.effect("shows what an operation did as soon as it has answered", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      yield* pass(1)
      const stopping = yield* Effect.forkChild(
        Effect.all([fleet.operate({ kind: "stop" }, "web", api), fleet.node("web")])
      )
      yield* pass(1_500, 50)
      const [result, node] = yield* Fiber.join(stopping)
      assert.strictEqual(result.outcome, "done")
      assert.deepStrictEqual(node.processes, { STOPPED: 1 })
    }).pipe(
      Effect.provide(
        fleetOf({
          web: make({ process: processIn("RUNNING"), onStop: { turns: stopsAfter(1_000) } }).driver
        })
      )
    )
  )

  const refusing = make({ process: processIn("STOPPED"), onStart: { fails: fault("SPAWN_ERROR") } })
  let polls = 0
  const counting: NodeDriver = {
    ...refusing.driver,
    processes: Effect.tap(refusing.driver.processes, () => Effect.sync(() => polls++))
  }

  it.effect("polls the node also after an operation that failed, and lets the next one in", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      yield* pass(1)
      for (let i = 0; i < 2; i++) {
        assert.strictEqual((yield* Effect.flip(fleet.operate({ kind: "start" }, "web", api)))._tag, "NodeError")
        yield* pass(1)
      }
      assert.strictEqual(polls, 3)
    }).pipe(Effect.provide(fleetOf({ web: counting })))
  )
})
