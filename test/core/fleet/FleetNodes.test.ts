/** What the fleet tells of operations, nodes that come and go, and the ends of conversations with them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import type { LogId } from "../../../core/domain/Log.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { emptyLog, fault, make, starts, stopsAfter } from "./FakeDriver.ts"
import { fleetOf, managed, pass, settle } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const api = { group: "app", name: "api" }
const log: LogId = { node: "web", ...api, channel: "stdout" }
const healthy = () =>
  make({ process: processIn("RUNNING"), onStop: { turns: stopsAfter(1_000) }, onStart: { turns: starts } })

/** The operations that were told, in a line each. */
const operations = (told: ReadonlyArray<BusEvent>) =>
  told.flatMap((event) => {
    if (event.type === "operation.started") return [`${event.operation} ${event.kind} of ${event.node} started`]
    return event.type === "operation.finished" ? [`${event.operation} ${event.outcome}: ${event.detail}`] : []
  })

const told: Array<BusEvent> = []
const refusing: NodeDriver = {
  ...healthy().driver,
  signal: () => Effect.fail(fault("BAD_SIGNAL")),
  clearLog: () => Effect.die("a bug"),
  readLog: () => Effect.succeed({ ...emptyLog, size: 9 })
}

describe("the fleet tells of an operation", () => {
  it.effect("that it began, and how it ended, however that is", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      yield* pass(1)
      const run = (operation: Effect.Effect<unknown, unknown>, ms: number) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Effect.exit(operation))
          yield* pass(ms)
          yield* Fiber.interrupt(fiber)
        })
      yield* run(fleet.operate({ kind: "stop" }, "web", api), 2_000)
      yield* run(fleet.operate({ kind: "signal", signal: "HUP" }, "web", api), 100)
      yield* run(fleet.operate({ kind: "clear_log" }, "web", api), 100)
      yield* run(fleet.operate({ kind: "start" }, "web", api), 500)
      yield* run(fleet.operate({ kind: "start" }, "nope", api), 500)
      assert.deepStrictEqual(operations(told), [
        "1 stop of web started",
        "1 done: is STOPPED",
        "2 signal of web started",
        `2 error: ${fault("BAD_SIGNAL").message}`,
        "3 clear_log of web started",
        "3 error: the console failed at it; its log tells more",
        "4 start of web started",
        "4 cancelled: given up under way; what the node was asked before may still happen"
      ])
    }).pipe(Effect.provide(fleetOf({ web: refusing }, { told })))
  )
})

describe("a node", () => {
  it.effect("is polled from the moment at which it is added, and once by name", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      assert.isTrue(yield* fleet.add(managed("web", healthy().driver)))
      assert.isFalse(yield* fleet.add(managed("web", healthy().driver)))
      yield* pass(1)
      assert.strictEqual((yield* fleet.node("web")).status, "up")
      assert.deepStrictEqual((yield* fleet.node("web")).breaker, { state: "closed" })
      assert.deepStrictEqual(yield* fleet.process("web", api), processIn("RUNNING"))
      const unknown = yield* Effect.flip(fleet.process("web", { group: "app", name: "b" }))
      assert.strictEqual(unknown._tag, "UnknownProcess")
    }).pipe(Effect.provide(fleetOf({})))
  )

  const web = healthy()
  let polls = 0
  let streams = 0
  const counted: NodeDriver = {
    ...web.driver,
    processes: Effect.tap(web.driver.processes, () => Effect.sync(() => polls++)),
    readLog: () => Effect.never,
    followLog: () =>
      Stream.suspend(() => {
        streams++
        return Stream.ensuring(
          Stream.never,
          Effect.sync(() => streams--)
        )
      })
  }

  it.effect("that is removed takes with it its polls, its logs and all that is under way on it", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      yield* pass(1)
      const fibers = [
        yield* Effect.forkChild(fleet.operate({ kind: "restart" }, "web", api)),
        yield* Effect.forkChild(fleet.readLog(log, { from: "end", lengthBytesMax: 1 })),
        yield* Effect.forkChild(Stream.runDrain(fleet.followLog(log)))
      ]
      yield* pass(500)
      assert.strictEqual(streams, 1)
      assert.isTrue(yield* fleet.remove("web"))
      assert.isFalse(yield* fleet.remove("web"))
      yield* settle
      for (const fiber of fibers) {
        const exit = fiber.pollUnsafe()
        assert.include(JSON.stringify(exit), "UnknownNode", "it did not end with its node")
      }
      const before = polls
      yield* pass(300_000, 10_000)
      assert.deepStrictEqual([polls, streams, (yield* fleet.nodes).length], [before, 0, 0])
      assert.isTrue(yield* fleet.add(managed("web", healthy().driver)))
      yield* pass(1)
      assert.strictEqual((yield* fleet.node("web")).status, "up")
    }).pipe(Effect.provide(fleetOf({ web: counted })))
  )

  it.effect("that hangs is given up when a stretch of its log takes too long, and is refreshed for so long only", () =>
    Effect.gen(function* () {
      const fleet = yield* Fleet.Fleet
      const reading = yield* Effect.forkChild(Effect.flip(fleet.readLog(log, { from: 0, lengthBytesMax: 1 })))
      const refreshing = yield* Effect.forkChild(fleet.refresh("web"))
      yield* pass(4_900)
      assert.isUndefined(reading.pollUnsafe())
      yield* pass(200)
      assert.strictEqual((yield* Fiber.join(reading))._tag, "NodeError")
      yield* pass(5_000)
      assert.strictEqual((yield* Fiber.join(refreshing)).status, "connecting")
    }).pipe(Effect.provide(fleetOf({ web: { ...web.driver, processes: Effect.never, readLog: () => Effect.never } })))
  )
})
