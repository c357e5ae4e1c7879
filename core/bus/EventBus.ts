/**
 * The spine of the console: what changed in the fleet, from the one that learned of it to all that care.
 *
 * Each subscriber gets every event published after it subscribed, in order. A subscriber that does not keep up makes
 * publishers wait, so no subscriber may wait for a client or a node.
 */
import { Context, Effect, Layer, PubSub, type Scope } from "effect"
import type { FleetEvent } from "../domain/FleetEvent.ts"

/** Events that wait for the slowest subscriber before publishers do. */
const eventsWaitingMax = 1_000

export class EventBus extends Context.Service<
  EventBus,
  {
    /** Publishes events in this order; waits while a subscriber is too far behind. */
    readonly publish: (events: ReadonlyArray<FleetEvent>) => Effect.Effect<void>
    /** Events published from now on; ends with the scope. */
    readonly subscribe: Effect.Effect<{ readonly take: Effect.Effect<FleetEvent> }, never, Scope.Scope>
  }
>()("core/bus/EventBus") {}

export const layer: Layer.Layer<EventBus> = Layer.effect(
  EventBus,
  Effect.gen(function* () {
    const pubsub = yield* Effect.acquireRelease(PubSub.bounded<FleetEvent>(eventsWaitingMax), PubSub.shutdown)
    return EventBus.of({
      publish: (events) => (events.length === 0 ? Effect.void : Effect.asVoid(PubSub.publishAll(pubsub, events))),
      subscribe: Effect.map(PubSub.subscribe(pubsub), (subscription) => ({ take: PubSub.take(subscription) }))
    })
  })
)
