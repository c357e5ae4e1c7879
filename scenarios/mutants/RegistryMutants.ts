/** Wrong versions of the registry. */
import { Clock, Effect, Layer, Ref, Semaphore } from "effect"
import { EventBus } from "../../core/bus/EventBus.ts"
import { addNode, empty, recall, recordPoll, removeNode, replaceNodes, tell } from "../../core/fleet/FleetState.ts"
import type { FleetState, Transition } from "../../core/fleet/FleetState.ts"
import { Registry } from "../../core/fleet/Registry.ts"
import type { Mutant } from "../Property.ts"

type Change = (transition: (state: FleetState, nowMs: number) => Transition) => Effect.Effect<void>

/** A registry over the real transitions, with another way to carry them out. */
const registryWith = (makeChange: (ref: Ref.Ref<FleetState>, bus: EventBus["Service"]) => Change) =>
  Layer.effect(
    Registry,
    Effect.gen(function* () {
      const ref = yield* Ref.make(empty)
      const change = makeChange(ref, yield* EventBus)
      return {
        add: (entry) =>
          Effect.andThen(
            change((state, nowMs) => addNode(state, entry, nowMs)),
            Effect.map(Ref.get(ref), ({ nodes }) => nodes.get(entry.name)?.addition ?? 0)
          ),
        remove: (name, addition) => change((state, nowMs) => removeNode(state, name, nowMs, addition)),
        replace: (nodes, applied) =>
          Effect.andThen(
            change((state, nowMs) => replaceNodes(state, nodes, nowMs)),
            Effect.map(Ref.get(ref), applied)
          ),
        record: (name, result, addition) => change((state, nowMs) => recordPoll(state, name, result, nowMs, addition)),
        recall: (memories) => change((state, nowMs) => recall(state, memories, nowMs)),
        tell: (what) => change((state, nowMs) => tell(state, what, nowMs)),
        state: Ref.get(ref)
      }
    })
  )

export const lostUpdate: Mutant = {
  id: "lost-update",
  what: "a change reads the state, works out the next one, and writes it without holding a lock",
  mutate: (parts) => ({
    ...parts,
    registry: registryWith(
      (ref, bus) => (transition) =>
        Effect.gen(function* () {
          const state = yield* Ref.get(ref)
          const next = transition(state, yield* Clock.currentTimeMillis)
          yield* Ref.set(ref, next.state)
          yield* bus.publish(next.events)
        })
    )
  })
}

export const publishOutsideLock: Mutant = {
  id: "publish-outside-lock",
  what: "the state changes atomically, but its events are published afterwards, in whatever order fibers get there",
  mutate: (parts) => ({
    ...parts,
    registry: registryWith(
      (ref, bus) => (transition) =>
        Effect.gen(function* () {
          const nowMs = yield* Clock.currentTimeMillis
          const events = yield* Ref.modify(ref, (state) => {
            const next = transition(state, nowMs)
            return [next.events, next.state]
          })
          yield* bus.publish(events)
        })
    )
  })
}

export const publishBeforeState: Mutant = {
  id: "publish-before-state",
  what: "events are published before the state that contains them, so that a client may join between the two",
  mutate: (parts) => ({
    ...parts,
    registry: registryWith((ref, bus) => {
      const turn = Semaphore.makeUnsafe(1)
      return (transition) =>
        Effect.gen(function* () {
          const next = transition(yield* Ref.get(ref), yield* Clock.currentTimeMillis)
          yield* bus.publish(next.events)
          yield* Ref.set(ref, next.state)
        }).pipe((effect) => turn.withPermit(effect))
    })
  })
}

export const staleRead: Mutant = {
  id: "stale-read",
  what: "readers get a copy that is refreshed a moment after each change",
  mutate: (parts) => ({
    ...parts,
    registry: Layer.effect(
      Registry,
      Effect.gen(function* () {
        const registry = yield* Registry
        const scope = yield* Effect.scope
        const copy = yield* Ref.make(yield* registry.state)
        const refresh = Effect.flatMap(registry.state, (state) => Ref.set(copy, state))
        const later = Effect.forkIn(refresh, scope)
        return {
          add: (entry) => Effect.tap(registry.add(entry), () => later),
          remove: (name, addition) => Effect.tap(registry.remove(name, addition), () => later),
          replace: (nodes, applied) => Effect.tap(registry.replace(nodes, applied), () => later),
          record: (name, result, addition) => Effect.tap(registry.record(name, result, addition), () => later),
          recall: (memories) => Effect.tap(registry.recall(memories), () => later),
          tell: (what) => Effect.tap(registry.tell(what), () => later),
          state: Ref.get(copy)
        }
      })
    ).pipe(Layer.provide(parts.registry))
  })
}
