/** Wrong versions of how the console's parts end. */
import { Context, Effect, Fiber, Layer, Scope } from "effect"
import { EventBus } from "../../core/bus/EventBus.ts"
import { Batches } from "../../core/fleet/Batches.ts"
import { Hub } from "../../core/hub/Hub.ts"
import { Resources } from "../../core/lifecycle/Resources.ts"
import { mapCalls, withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"

export const hubWaitsForEver: Mutant = {
  id: "hub-waits-for-ever",
  what: "at its end the hub waits until its last client has gone by itself",
  mutate: (parts) => ({
    ...parts,
    hub: (options) =>
      Layer.effect(
        Hub,
        Effect.map(Hub, (hub) => {
          const gone = Effect.repeat(Effect.andThen(Effect.sleep(100), hub.counts), {
            until: ({ connected }) => connected === 0
          })
          return { ...hub, close: Effect.uninterruptible(gone) }
        })
      ).pipe(Layer.provide(parts.hub(options)))
  })
}

export const detachedCalls: Mutant = {
  id: "detached-calls",
  what: "calls of nodes run in fibers that nobody owns",
  mutate: withDrivers((_, driver) =>
    mapCalls(driver, () => (call) => Effect.flatMap(Effect.forkDetach(call), Fiber.join))
  )
}

export const forgottenPart: Mutant = {
  id: "forgotten-part",
  what: "the batches live in a scope that nobody closes",
  mutate: (parts) => ({
    ...parts,
    batches: (options) =>
      Layer.effectContext(
        Effect.flatMap(Scope.make(), (scope) => Layer.buildWithScope(Layer.fresh(parts.batches(options)), scope))
      )
  })
}

export const immortalBatch: Mutant = {
  id: "immortal-batch",
  what: "a batch belongs to nobody: it goes on when the console has ended",
  mutate: (parts) => ({
    ...parts,
    batches: (options) =>
      Layer.effect(
        Batches,
        Effect.map(Batches, (batches) => ({
          ...batches,
          submit: (request) =>
            Effect.flatMap(
              Effect.forkDetach(Effect.andThen(batches.submit({ ...request, wait: true }), Effect.sleep(3_600_000))),
              () => batches.submit(request)
            )
        }))
      ).pipe(Layer.provide(parts.batches(options)))
  })
}

export const partsNotClosed: Mutant = {
  id: "parts-not-closed",
  what: "the parts are not closed in their turn, but with the scope around them",
  mutate: (parts) => ({
    ...parts,
    resources: (options) =>
      Layer.effect(
        Resources,
        Effect.map(Resources, (resources) => Resources.of({ ...resources, manage: (_, layer) => Layer.build(layer) }))
      ).pipe(Layer.provide(parts.resources(options)))
  })
}

const workersBeginMs = 5

export const busHalfBuilt: Mutant = {
  id: "bus-half-built",
  what: "the bus waits for its workers to begin before it is said who ends them, and may be given up meanwhile",
  mutate: (parts) => ({
    ...parts,
    bus: (options) =>
      Layer.effect(
        EventBus,
        Effect.gen(function* () {
          const own = yield* Scope.make()
          const built = yield* Layer.buildWithScope(parts.bus(options), own)
          yield* Effect.sleep(workersBeginMs)
          yield* Effect.addFinalizer((exit) => Scope.close(own, exit))
          return Context.get(built, EventBus)
        })
      )
  })
}

export const patientShutdown: Mutant = {
  id: "patient-shutdown",
  what: "the deadline of the parts is in a unit that is too large",
  mutate: (parts) => ({
    ...parts,
    resources: ({ deadlineMs, ...options }) => parts.resources({ ...options, deadlineMs: deadlineMs * 1_000 })
  })
}
