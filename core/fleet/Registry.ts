/**
 * The registry: the one owner of the state of the fleet. Every change is one atomic step of a pure transition
 * (FleetState), and its events are published before the next change begins, so that they reach the bus in the order
 * of their numbers. Reads never wait, and whoever has seen an event reads a state that contains it.
 *
 * Linearizable: checked by P4.
 */
import { Clock, Context, Effect, Layer, Ref, Semaphore } from "effect"
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
    const ref = yield* Ref.make(empty)
    const turn = yield* Semaphore.make(1)
    const change = (transition: (state: FleetState, nowMs: number) => Transition) =>
      Effect.gen(function* () {
        const nowMs = yield* Clock.currentTimeMillis
        const next = transition(yield* Ref.get(ref), nowMs)
        // The state goes first. The other way round, a client that joined the hub between the two would miss the
        // event and get a snapshot without it.
        yield* Ref.set(ref, next.state)
        yield* bus.publish(next.events)
      }).pipe(
        // An interruption between the two would lose events that have their numbers already.
        Effect.uninterruptible,
        (effect) => turn.withPermit(effect)
      )
    return Registry.of({
      add: (entry) => change((state, nowMs) => ({ state: addNode(state, entry, nowMs), events: [] })),
      remove: (name) => change((state, nowMs) => removeNode(state, name, nowMs)),
      record: (name, result) => change((state, nowMs) => recordPoll(state, name, result, nowMs)),
      state: Ref.get(ref)
    })
  })
)
