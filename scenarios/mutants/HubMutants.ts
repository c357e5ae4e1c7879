/** Wrong versions of the hub and of what it stands on. */
import { Clock, Effect, Layer, PubSub, Ref } from "effect"
import { EventBus } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { Hub } from "../../core/hub/Hub.ts"
import type { Mutant } from "../Property.ts"

const wrapHub =
  (wrap: (hub: Hub["Service"]) => Effect.Effect<Hub["Service"]>) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    hub: (options) => Layer.effect(Hub, Effect.flatMap(Hub, wrap)).pipe(Layer.provide(parts.hub(options)))
  })

export const racyCount: Mutant = {
  id: "racy-count",
  what: "the number of clients is kept beside the set of clients and changed by a read and a write",
  mutate: wrapHub((hub) =>
    Effect.map(Ref.make(0), (count) => {
      const add = (n: number) => Effect.flatMap(Ref.get(count), (before) => Ref.set(count, before + n))
      return {
        ...hub,
        join: Effect.tap(hub.join, () => add(1)).pipe(
          Effect.map((client) => ({ ...client, gone: Effect.andThen(client.gone, add(-1)) }))
        ),
        counts: Effect.zipWith(hub.counts, Ref.get(count), (counts, connected) => ({ ...counts, connected }))
      }
    })
  )
}

export const cleanupDiesWithSession: Mutant = {
  id: "cleanup-dies-with-session",
  what: "a client is removed by a child of its session, which is interrupted when the session ends first",
  mutate: wrapHub((hub) =>
    Effect.succeed({
      ...hub,
      join: Effect.map(hub.join, (client) => ({
        ...client,
        close: (reason) => Effect.asVoid(Effect.forkChild(client.close(reason))),
        gone: Effect.void
      }))
    })
  )
}

/** How long the wrong version keeps a snapshot. */
const snapshotKeptMs = 1_000

export const cachedSnapshot: Mutant = {
  id: "cached-snapshot",
  what: "snapshots are kept for a second, so that one may be older than the client's place in the stream",
  mutate: (parts) => {
    const cached = Layer.effect(
      Fleet,
      Effect.gen(function* () {
        const fleet = yield* Fleet
        const kept = yield* Ref.make({ atMs: -Infinity, snapshot: yield* fleet.snapshot })
        const snapshot = Effect.gen(function* () {
          const nowMs = yield* Clock.currentTimeMillis
          const last = yield* Ref.get(kept)
          if (nowMs - last.atMs < snapshotKeptMs) return last.snapshot
          const fresh = yield* fleet.snapshot
          yield* Ref.set(kept, { atMs: nowMs, snapshot: fresh })
          return fresh
        })
        return { ...fleet, snapshot }
      })
    )
    return { ...parts, hub: (options) => parts.hub(options).pipe(Layer.provide(cached)) }
  }
}

export const fiberPerEvent: Mutant = {
  id: "fiber-per-event",
  what: "each event is published by a fiber of its own, so that later ones overtake earlier ones",
  mutate: (parts) => ({
    ...parts,
    bus: Layer.effect(
      EventBus,
      Effect.gen(function* () {
        const bus = yield* EventBus
        const scope = yield* Effect.scope
        return {
          ...bus,
          publish: (events) =>
            Effect.forEach(events, (event) => Effect.forkIn(bus.publish([event]), scope), { discard: true })
        }
      })
    ).pipe(Layer.provide(parts.bus))
  })
}

export const lossyBus: Mutant = {
  id: "lossy-bus",
  what: "a subscriber that is one event behind loses the older one without being told",
  mutate: (parts) => ({
    ...parts,
    bus: Layer.effect(
      EventBus,
      Effect.gen(function* () {
        const pubsub = yield* PubSub.sliding<FleetEvent>(1)
        return {
          publish: (events) => Effect.asVoid(PubSub.publishAll(pubsub, events)),
          subscribe: Effect.map(PubSub.subscribe(pubsub), (subscription) => ({ take: PubSub.take(subscription) }))
        }
      })
    )
  })
}
