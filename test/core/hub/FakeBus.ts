/** A bus for tests of the hub: each subscriber gets all events in order, in a fiber of its own, so somewhat later. */
import { Effect, Layer, Queue } from "effect"
import { EventBus } from "../../../core/bus/EventBus.ts"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"

export const layer = Layer.sync(EventBus, () => {
  const subscribers = new Set<Queue.Queue<BusEvent>>()
  return EventBus.of({
    publish: (events) => Effect.forEach([...subscribers], (queue) => Queue.offerAll(queue, events), { discard: true }),
    subscribe: ({ handle }) =>
      Effect.gen(function* () {
        const queue = yield* Queue.unbounded<BusEvent>()
        subscribers.add(queue)
        yield* Effect.addFinalizer(() => Effect.sync(() => subscribers.delete(queue)))
        yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(queue), handle)))
      }),
    stats: Effect.succeed([])
  })
})
