/**
 * The registry: the one owner of the state of the fleet. Every change is one atomic step of a pure transition
 * (FleetState), and its events are published before the next change begins, so that they reach the bus in the order
 * of their numbers. Reads never wait.
 *
 * Linearizable: checked by P4.
 */
import { Clock, Context, Effect, Layer, SynchronizedRef } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import { addNode, empty, recordPoll, removeNode } from "./FleetState.ts"
import type { FleetState, NodeEntry, PollResult, Transition } from "./FleetState.ts"

export class Registry extends Context.Service<
  Registry,
  {
    /** Adds a node that has not answered yet; one of that name stays as it is. */
    readonly add: (entry: NodeEntry) => Effect.Effect<void>
    /** Removes a node with all that is known of it. */
    readonly remove: (name: string) => Effect.Effect<void>
    /** Takes in what a poll of the node brought. */
    readonly record: (name: string, result: PollResult) => Effect.Effect<void>
    /** The fleet as it is now. */
    readonly state: Effect.Effect<FleetState>
  }
>()("core/fleet/Registry") {}

export const layer: Layer.Layer<Registry, never, EventBus> = Layer.effect(
  Registry,
  Effect.gen(function* () {
    const bus = yield* EventBus
    const ref = yield* SynchronizedRef.make(empty)
    const change = (transition: (state: FleetState, nowMs: number) => Transition) =>
      SynchronizedRef.updateEffect(ref, (state) =>
        Effect.gen(function* () {
          const nowMs = yield* Clock.currentTimeMillis
          const next = transition(state, nowMs)
          yield* bus.publish(next.events)
          return next.state
        })
      ).pipe(
        // A change whose events are out must not be undone by an interruption between the two.
        Effect.uninterruptible
      )
    return Registry.of({
      add: (entry) => change((state, nowMs) => ({ state: addNode(state, entry, nowMs), events: [] })),
      remove: (name) => change((state, nowMs) => removeNode(state, name, nowMs)),
      record: (name, result) => change((state, nowMs) => recordPoll(state, name, result, nowMs)),
      state: SynchronizedRef.get(ref)
    })
  })
)
