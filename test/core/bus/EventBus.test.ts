import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as EventBus from "../../../core/bus/EventBus.ts"
import { workersFor } from "../../../core/bus/Workers.ts"
import * as SyncMetrics from "../../../core/metrics/SyncMetrics.ts"
import { event, events, label, make, options, piece } from "./Events.ts"

/** Lets all fibers run that can. */
const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })

const collect = (labels: Array<string>) => (of: Parameters<typeof label>[0]) =>
  Effect.sync(() => {
    labels.push(label(of))
  })

/** Keeps log lines instead of writing them. */
const keepingLog = (lines: Array<string>) =>
  Logger.layer([
    Logger.make<unknown, void>(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
  ])

describe("EventBus", () => {
  it.effect("gives each subscriber everything that was published since it subscribed", () =>
    Effect.gen(function* () {
      const bus = yield* make()
      const early: Array<string> = []
      const late: Array<string> = []
      yield* bus.subscribe({ name: "early", handle: collect(early) })
      yield* bus.publish(events(2))
      yield* bus.subscribe({ name: "late", handle: collect(late) })
      yield* bus.publish([])
      yield* bus.publish(events(2, 3))
      yield* settle
      assert.deepStrictEqual(early, ["1", "2", "3", "4"])
      assert.deepStrictEqual(late, ["3", "4"])
      const [stats] = yield* bus.stats
      assert.deepStrictEqual(stats, {
        name: "early",
        waiting: { high: 0, normal: 0, low: 0 },
        handled: 4,
        failed: 0,
        dropped: 0,
        blocked: 0
      })
    })
  )

  it.effect("makes publishers wait for a subscriber that is stuck, and goes on when it moves", () =>
    Effect.gen(function* () {
      const bus = yield* make({ queueEventsMax: { high: 1, normal: 2, low: 1 } })
      const gate = yield* Latch.make()
      yield* bus.subscribe({ name: "stuck", handle: () => gate.await })
      const others: Array<string> = []
      yield* bus.subscribe({ name: "other", handle: collect(others) })
      const publishing = yield* Effect.forkChild(bus.publish(events(9)), { startImmediately: true })
      yield* settle
      assert.isUndefined(publishing.pollUnsafe())
      assert.strictEqual(others.length, 9)
      yield* gate.open
      yield* Fiber.join(publishing)
    })
  )

  it.effect("isolates a handler that dies, and logs it", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const bus = yield* make()
      const labels: Array<string> = []
      yield* bus.subscribe({
        name: "bad",
        handle: (of) => (label(of) === "2" ? Effect.die("broken") : collect(labels)(of))
      })
      yield* bus.publish(events(3))
      yield* settle
      assert.deepStrictEqual(labels, ["1", "3"])
      const [stats] = yield* bus.stats
      assert.deepStrictEqual([stats?.handled, stats?.failed], [2, 1])
      assert.deepStrictEqual(lines, ['Error bus: the handler of "bad" failed at node.removed'])
    }).pipe(Effect.provide(keepingLog(lines)))
  })

  it.effect("interrupts a handler at its deadline, not before, and goes on with the next event", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const bus = yield* make({ workers: 1 })
      const labels: Array<string> = []
      yield* bus.subscribe({
        name: "slow",
        handle: (of) => (label(of) === "1" ? Effect.never : collect(labels)(of))
      })
      yield* bus.publish(events(2))
      yield* TestClock.adjust(29_999)
      assert.deepStrictEqual(labels, [])
      yield* TestClock.adjust(1)
      yield* settle
      assert.deepStrictEqual(labels, ["2"])
      const [stats] = yield* bus.stats
      assert.deepStrictEqual([stats?.handled, stats?.failed], [1, 1])
      assert.deepStrictEqual(lines, ['Error bus: the handler of "slow" was interrupted at node.removed after 30000 ms'])
      // The time is watched again after it was not.
      yield* TestClock.adjust(100_000)
      yield* bus.publish([event(1), event(3)])
      yield* TestClock.adjust(30_000)
      yield* settle
      assert.deepStrictEqual(labels, ["2", "3"])
    }).pipe(Effect.provide(keepingLog(lines)))
  })

  it.effect("drops what waits for a subscriber that goes, and ends its handler before it is gone", () =>
    Effect.gen(function* () {
      const bus = yield* make()
      const scope = yield* Scope.make()
      const told: Array<string> = []
      const handle = (of: Parameters<typeof label>[0]) =>
        Effect.never.pipe(
          Effect.onInterrupt(() =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => told.push(`ended ${label(of)}`))
            )
          )
        )
      yield* bus.subscribe({ name: "going", handle }).pipe(Scope.provide(scope))
      yield* bus.publish(events(3))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      told.push("gone")
      yield* settle
      assert.deepStrictEqual(told, ["ended 1", "gone"])
      assert.deepStrictEqual(yield* bus.stats, [])
    })
  )

  it.effect("lets a handler end its own subscription, and publish more than there is room for", () =>
    Effect.gen(function* () {
      const bus = yield* make({ workers: 1, queueEventsMax: { high: 1, normal: 1, low: 1 } })
      const scope = yield* Scope.make()
      const labels: Array<string> = []
      const done = yield* Deferred.make<void>()
      yield* bus.subscribe({ name: "all", handle: collect(labels) })
      yield* bus
        .subscribe({
          name: "self",
          wants: (of) => label(of) === "1",
          handle: () =>
            bus
              .publish(events(5, 2))
              .pipe(Effect.andThen(Scope.close(scope, Exit.void)), Effect.andThen(Deferred.succeed(done, undefined)))
        })
        .pipe(Scope.provide(scope))
      yield* bus.publish(events(1))
      yield* Deferred.await(done)
      yield* settle
      assert.deepStrictEqual(labels, ["1", "2"])
      const stats = yield* bus.stats
      assert.deepStrictEqual(
        stats.map(({ dropped, name }) => [name, dropped]),
        [["all", 4]]
      )
    })
  )

  it.effect("frees publishers when it ends, also those that cannot be interrupted, and takes nothing afterwards", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const bus = yield* make({ queueEventsMax: { high: 1, normal: 1, low: 1 } }).pipe(Scope.provide(scope))
      yield* bus.subscribe({ name: "stuck", handle: () => Effect.never })
      const publishing = yield* Effect.forkChild(Effect.uninterruptible(bus.publish(events(5))))
      yield* settle
      assert.isUndefined(publishing.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(publishing)))
      yield* bus.publish(events(5))
      yield* bus.subscribe({ name: "late", handle: () => Effect.void })
      assert.deepStrictEqual(yield* bus.stats, [])
    })
  )

  it.effect("takes back what a publisher that is interrupted has in line", () =>
    Effect.gen(function* () {
      const bus = yield* make({ queueEventsMax: { high: 1, normal: 1, low: 1 } })
      const gate = yield* Latch.make()
      const labels: Array<string> = []
      yield* bus.subscribe({ name: "stuck", handle: (of) => Effect.andThen(gate.await, collect(labels)(of)) })
      const publishing = yield* Effect.forkChild(bus.publish(events(5)))
      yield* settle
      yield* Fiber.interrupt(publishing)
      yield* gate.open
      yield* settle
      assert.deepStrictEqual(labels, ["1", "2"])
    })
  )

  it.effect("drops pieces of logs instead of making their publisher wait", () =>
    Effect.gen(function* () {
      const bus = yield* make({ overflow: "dropLow", queueEventsMax: { high: 1, normal: 1, low: 2 } })
      yield* bus.subscribe({ name: "stuck", handle: () => Effect.never })
      yield* bus.publish(["a", "b", "c", "d"].map(piece))
      const [stats] = yield* bus.stats
      assert.deepStrictEqual([stats?.waiting.low, stats?.dropped], [2, 2])
    })
  )

  it.effect("measures handlers, queues and publishers that wait", () =>
    Effect.gen(function* () {
      const bus = yield* EventBus.EventBus
      const gate = yield* Latch.make()
      yield* bus.subscribe({ name: "stuck", handle: () => gate.await })
      const publishing = yield* Effect.forkChild(bus.publish(events(3)), { startImmediately: true })
      yield* TestClock.adjust(100)
      yield* gate.open
      yield* Fiber.join(publishing)
      yield* settle
      const { blocked, handlers, queues } = yield* Effect.flatMap(SyncMetrics.SyncMetrics, ({ report }) => report)
      assert.deepStrictEqual(blocked, [{ name: "bus.stuck", count: 1 }])
      assert.deepStrictEqual(
        handlers.map(({ count, maxMs, name }) => [name, count, maxMs]),
        [["bus.stuck", 3, 100]]
      )
      assert.deepStrictEqual(queues, [{ name: "bus.stuck", priority: "normal", depth: 0, depthMax: 1 }])
    }).pipe(
      Effect.provide(
        EventBus.layer({ ...options, queueEventsMax: { high: 1, normal: 1, low: 1 } }).pipe(
          Layer.provideMerge(SyncMetrics.layer())
        )
      )
    )
  )

  it("has 2.5 workers a processor, from 4 to 32", () => {
    assert.deepStrictEqual([1, 2, 3, 8, 64].map(workersFor), [4, 5, 7, 20, 32])
  })
})
