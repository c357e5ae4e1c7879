/** Nested times: the program's inside the operation's inside the batch's. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { cutOffMs, firstUp } from "../../../core/fleet/TimeLimits.ts"
import * as KeyedLocks from "../../../core/fleet/KeyedLocks.ts"
import * as Operation from "../../../core/fleet/Operation.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import { make, starts, stopsAfter } from "./FakeDriver.ts"
import { api, defaults, summary } from "./OperationRuns.ts"
import { processIn } from "./Processes.ts"

describe("firstUp", () => {
  const table = [
    { program: 1, operation: 2, batch: 3, limit: "program" },
    { program: 2, operation: 1, batch: 3, limit: "operation" },
    { program: 2, operation: 3, batch: 1, limit: "batch" },
    { program: 1, operation: 1, batch: 1, limit: "program" },
    { program: undefined, operation: 1, batch: 1, limit: "operation" },
    { program: undefined, operation: 1, batch: undefined, limit: "operation" }
  ] as const
  it.each(table)("of $program, $operation and $batch is $limit", ({ limit, ...ends }) => {
    assert.strictEqual(firstUp(ends), limit)
  })

  it("leaves the program's time out of when an operation is cut off", () => {
    assert.strictEqual(cutOffMs({ operation: 5, batch: 4 }), 4)
    assert.strictEqual(cutOffMs({ operation: 5, batch: undefined }), 5)
  })
})

const stuck = { process: processIn("RUNNING"), onStop: { turns: [{ afterMs: 0, to: processIn("STOPPING") }] } }
const stopIn = (ms: number) => ({ ...defaults, deadlineMs: { ...defaults.deadlineMs, stop: ms } })

describe("a stop that never ends is a timeout of", () => {
  it.effect("the program, when its stopwaitsecs are the first to be up", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", stuck, stopIn(20_000), { limits: { batchEndsMs: 15_000 } })
      assert.strictEqual(
        line,
        "timeout of the program, is still STOPPING after the time it has to stop, STOPPING in 13000 ms"
      )
    })
  )

  it.effect("the operation, when its deadline is the first to be up", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", stuck, stopIn(5_000), { limits: { batchEndsMs: 7_000 } })
      const words = "is STOPPING when the time of the operation was up, STOPPING in 5000 ms"
      assert.strictEqual(line, `timeout of the operation, ${words}`)
    })
  )

  it.effect("the batch, when its end is the first to come", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", stuck, stopIn(5_000), { limits: { batchEndsMs: 4_000 } })
      const words = "is STOPPING when the time of the batch was up, STOPPING in 4000 ms"
      assert.strictEqual(line, `timeout of the batch, ${words}`)
    })
  )

  it.effect("the inner one, when two are up at the same moment", () =>
    Effect.gen(function* () {
      const both = yield* summary("stop", stuck, stopIn(4_000), { limits: { batchEndsMs: 4_000 } })
      assert.include(both.line, "timeout of the operation")
      const all = yield* summary("stop", stuck, stopIn(13_000), { limits: { batchEndsMs: 600_000 + 13_000 } })
      assert.include(all.line, "timeout of the program")
      assert.include(all.line, "in 13000 ms")
    })
  )
})

describe("an operation ends by its deadline", () => {
  const hanging = (changes: Partial<NodeDriver>) => (driver: NodeDriver) => ({ ...driver, ...changes })
  let interrupted = 0
  const never = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))

  it.effect("when its request hangs, and interrupts that", () =>
    Effect.gen(function* () {
      interrupted = 0
      const change = hanging({ stop: () => never })
      const { line } = yield* summary("stop", stuck, stopIn(5_000), { change })
      assert.include(line, "is RUNNING when the time of the operation was up, RUNNING in 5000 ms")
      assert.strictEqual(interrupted, 1)
    })
  )

  it.effect("with what was last known, when the process was never seen", () =>
    Effect.gen(function* () {
      const change = hanging({ process: () => never })
      const lastKnown = processIn("EXITED")
      const { line } = yield* summary("stop", stuck, stopIn(5_000), { change, lastKnown })
      const words = "was EXITED last and not seen since when the time of the operation was up, EXITED in 5000 ms"
      assert.strictEqual(line, `timeout of the operation, ${words}`)
    })
  )

  it.effect("with an error, when nothing was ever known of the process", () =>
    Effect.gen(function* () {
      const { line } = yield* summary("stop", stuck, stopIn(5_000), { change: hanging({ process: () => never }) })
      assert.strictEqual(line, "error TimedOut")
    })
  )

  it.effect("without asking anything, when its batch is over already", () =>
    Effect.gen(function* () {
      const { calls, line } = yield* summary("stop", stuck, stopIn(5_000), {
        limits: { batchEndsMs: 0 },
        lastKnown: processIn("RUNNING")
      })
      assert.include(line, "timeout of the batch, was RUNNING and waited for its turn")
      assert.deepStrictEqual(calls, [])
    })
  )

  it.effect("when another operation holds the process all the time, and takes nothing from the next", () =>
    Effect.gen(function* () {
      const locks = yield* KeyedLocks.make
      const { driver } = make({ process: processIn("RUNNING"), onStop: { turns: stopsAfter(8_000) } })
      const stop = (ms: number) =>
        Effect.forkChild(
          Operation.run(
            { kind: "stop" },
            { driver, id: api, inTurn: locks.withLock("api"), lastKnown: processIn("RUNNING") },
            stopIn(ms)
          ),
          { startImmediately: true }
        )
      const fibers = [yield* stop(20_000), yield* stop(5_000), yield* stop(20_000)]
      yield* TestClock.adjust("1 minute")
      const lines = (yield* Fiber.joinAll(fibers)).map(
        ({ detail, outcome, took_ms: tookMs }) => `${outcome}, ${detail} in ${tookMs} ms`
      )
      assert.deepStrictEqual(lines, [
        "done, is STOPPED in 8000 ms",
        "timeout, was RUNNING and waited for its turn behind other operations when the time of the operation was up" +
          " in 5000 ms",
        "unchanged, was STOPPED already in 8000 ms"
      ])
      assert.strictEqual(yield* locks.size, 0)
    })
  )
})

describe("a restart of a program that takes 8 s to stop", () => {
  it.effect("is right, and never asks for the start before the stop was seen", () =>
    Effect.gen(function* () {
      const node = { process: processIn("RUNNING"), onStop: { turns: stopsAfter(8_000) }, onStart: { turns: starts } }
      const { calls, line } = yield* summary("restart", node)
      assert.strictEqual(line, "done, is RUNNING, RUNNING in 9000 ms")
      assert.deepStrictEqual(calls.slice(0, 5), [
        "0 saw RUNNING",
        "0 stop",
        "0 saw STOPPING",
        "8000 saw STOPPED",
        "8000 start"
      ])
    })
  )
})
