import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Metric } from "effect"
import { TestClock } from "effect/testing"
import * as SyncMetrics from "../../../core/metrics/SyncMetrics.ts"
import * as Sim from "../../../sim/Sim.ts"

const withLog = (lines: Array<string>) =>
  SyncMetrics.layer().pipe(
    Layer.provideMerge(Logger.layer([Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))])),
    Layer.provideMerge(Layer.succeed(Metric.MetricRegistry, new Map()))
  )

const report = Effect.flatMap(SyncMetrics.SyncMetrics, (metrics) => metrics.report)

describe("SyncMetrics", () => {
  it.effect("tells times by name, from the metrics that are exported", () => {
    const layer = withLog([])
    return Effect.gen(function* () {
      const { handled, permitWaited, queueDepth, sendBlocked } = yield* SyncMetrics.SyncMetrics
      for (let i = 0; i < 98; i++) yield* handled("hub", 2)
      yield* handled("hub", 30)
      yield* handled("hub", 400)
      yield* permitWaited("node", 0)
      yield* queueDepth("hub", "low", 7)
      yield* queueDepth("hub", "low", 3)
      yield* sendBlocked("hub")
      yield* sendBlocked("hub")
      const { blocked, handlers, permits, queues } = yield* report
      assert.deepStrictEqual(
        handlers.map(({ meanMs, ...rest }) => ({ ...rest, meanMs: Math.round(meanMs * 100) / 100 })),
        [{ name: "hub", count: 100, maxMs: 400, p50Ms: 5, p99Ms: 50, meanMs: 6.26 }]
      )
      assert.deepStrictEqual(permits, [{ name: "node", count: 1, meanMs: 0, maxMs: 0, p50Ms: 0, p99Ms: 0 }])
      assert.deepStrictEqual(queues, [{ name: "hub", priority: "low", depth: 3, depthMax: 7 }])
      assert.deepStrictEqual(blocked, [{ name: "hub", count: 2 }])
      assert.deepStrictEqual(
        (yield* Metric.snapshot).map(({ attributes, id }) => [id, attributes]),
        [
          ["muster_handler_seconds", { handler: "hub" }],
          ["muster_permit_wait_seconds", { name: "node" }],
          ["muster_queue_depth", { name: "hub", priority: "low" }],
          ["muster_blocked_sends_total", { name: "hub" }]
        ]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("warns of what passes a threshold, once a minute for each name", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { handled, queueDepth } = yield* SyncMetrics.SyncMetrics
      yield* handled("hub", 999)
      yield* handled("hub", 1500)
      yield* handled("hub", 1600)
      yield* handled("log", 1700)
      yield* queueDepth("bus", "normal", 399)
      yield* TestClock.adjust(59_999)
      yield* handled("hub", 1800)
      yield* TestClock.adjust(1)
      yield* handled("hub", 1900)
      yield* queueDepth("bus", "normal", 400)
      assert.deepStrictEqual(lines, [
        'sync: the handler "hub" took 1500 ms',
        'sync: the handler "log" took 1700 ms',
        'sync: the handler "hub" took 1900 ms, and 2 times more since the last one',
        'sync: 400 wait in the normal queue of "bus"'
      ])
    }).pipe(Effect.provide(withLog(lines)))
  })

  it.effect("measures waits for permits, also those in vain", () =>
    Effect.gen(function* () {
      const semaphore = yield* SyncMetrics.measuredSemaphore("node", 1)
      const first = yield* Effect.forkChild(semaphore.withPermit(Effect.sleep(200)), { startImmediately: true })
      const second = yield* Effect.forkChild(semaphore.withPermit(Effect.void), { startImmediately: true })
      const third = yield* Effect.forkChild(semaphore.withPermit(Effect.void), { startImmediately: true })
      assert.deepStrictEqual([yield* semaphore.available, yield* semaphore.waiting], [0, 2])
      yield* TestClock.adjust(100)
      yield* Fiber.interrupt(third)
      yield* TestClock.adjust(100)
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual([yield* semaphore.available, yield* semaphore.waiting], [1, 0])
      const [waits] = (yield* report).permits
      assert.deepStrictEqual(
        [waits?.name, waits?.count, waits?.maxMs, Math.round(waits?.meanMs ?? 0)],
        ["node", 3, 200, 100]
      )
    }).pipe(Effect.provide(withLog([])))
  )

  it("gives all permits back, whoever is interrupted", () => {
    const program = Effect.gen(function* () {
      const semaphore = yield* SyncMetrics.measuredSemaphore("sim", 2)
      let inside = 0
      const use = semaphore.withPermit(
        Effect.suspend(() => (++inside > 2 ? Effect.die("too many") : Effect.yieldNow)).pipe(
          Effect.ensuring(Effect.sync(() => inside--))
        )
      )
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () =>
        Effect.forkChild(Sim.interruptSometime(use, { withinSteps: 60 }))
      )
      yield* Fiber.joinAll(fibers)
      const [available, waiting] = [yield* semaphore.available, yield* semaphore.waiting]
      if (available !== 2 || waiting !== 0) return yield* Effect.die(`${available} available, ${waiting} waiting`)
    })
    const { failure } = Sim.check(program, { runs: 300, seed: 1, leaks: "fail" })
    assert.isUndefined(failure?.message, failure?.story)
  })
})
