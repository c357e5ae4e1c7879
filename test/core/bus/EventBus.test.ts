import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { EventBus, layer } from "../../../core/bus/EventBus.ts"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"

const event = (seq: number): FleetEvent => ({
  type: "node.status",
  seq,
  at: "1970-01-01T00:00:00.000Z",
  node: "web",
  from: "up",
  to: "down"
})
const events = (count: number, from = 1) => Array.from({ length: count }, (_, i) => event(from + i))

/** Events that a subscriber may be behind, as the bus says of itself. */
const waitingMax = 1_000

const make = Effect.map(Layer.build(layer), (context) => Context.get(context, EventBus))

describe("EventBus", () => {
  it.effect("gives each subscriber everything that was published since it subscribed", () =>
    Effect.gen(function* () {
      const bus = yield* make
      const early = yield* bus.subscribe
      yield* bus.publish(events(2))
      const late = yield* bus.subscribe
      yield* bus.publish([])
      yield* bus.publish(events(2, 3))
      const take = (subscriber: typeof early, count: number) =>
        Effect.forEach(Array.from({ length: count }), () => Effect.map(subscriber.take, ({ seq }) => seq))
      assert.deepStrictEqual(yield* take(early, 4), [1, 2, 3, 4])
      assert.deepStrictEqual(yield* take(late, 2), [3, 4])
    })
  )

  it.effect("makes publishers wait for a subscriber that is stuck, and goes on when it moves", () =>
    Effect.gen(function* () {
      const bus = yield* make
      const stuck = yield* bus.subscribe
      yield* bus.publish(events(waitingMax))
      const publishing = yield* Effect.forkChild(bus.publish(events(1, waitingMax + 1)), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(publishing.pollUnsafe())
      assert.strictEqual((yield* stuck.take).seq, 1)
      yield* Fiber.join(publishing)
    })
  )

  it.effect("lets publishers go on when the subscriber that is stuck ends", () =>
    Effect.gen(function* () {
      const bus = yield* make
      const other = yield* bus.subscribe
      const scope = yield* Scope.make()
      yield* bus.subscribe.pipe(Scope.provide(scope))
      yield* bus.publish(events(waitingMax))
      const drained = yield* Effect.forkChild(Effect.forever(other.take), { startImmediately: true })
      const publishing = yield* Effect.forkChild(bus.publish(events(5, waitingMax + 1)), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(publishing.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(publishing)
      yield* Fiber.interrupt(drained)
    })
  )

  it.effect("frees publishers and subscribers when it ends, also those that cannot be interrupted", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const bus = yield* make.pipe(Scope.provide(scope))
      yield* bus.subscribe
      const idle = yield* bus.subscribe
      yield* bus.publish(events(waitingMax))
      const taking = yield* Effect.forkChild(Effect.forever(idle.take), { startImmediately: true })
      const publishing = yield* Effect.forkChild(Effect.uninterruptible(bus.publish(events(5, waitingMax + 1))), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      assert.isUndefined(publishing.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(publishing)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(taking)))
    })
  )
})
