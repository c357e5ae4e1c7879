/** Wrong versions of the hub and of what it stands on. */
import { Clock, Effect, Layer, Ref, Schema } from "effect"
import type { BusEvent } from "../../core/bus/BusEvent.ts"
import { EventBus } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { Hub } from "../../core/hub/Hub.ts"
import type { Client } from "../../core/hub/Hub.ts"
import { logHoleDetail, numbered } from "../../core/hub/OutFrame.ts"
import type { Outbox } from "../../core/hub/Outbox.ts"
import type { Mutant } from "../Property.ts"

export const wrapHub =
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
        join: (joining) =>
          Effect.tap(hub.join(joining), () => add(1)).pipe(
            Effect.map((client) => clientWith(client, { gone: Effect.andThen(client.gone, add(-1)) }))
          ),
        counts: Effect.zipWith(hub.counts, Ref.get(count), (counts, connected) => ({ ...counts, connected }))
      }
    })
  )
}

/** A client with another way to do something. Its own way may belong to its class, which a spread would lose. */
export const clientWith = (client: Client, change: Partial<Client>): Client => ({
  id: client.id,
  outbox: client.outbox,
  subscribe: (subscription) => client.subscribe(subscription),
  send: (text) => client.send(text),
  close: (reason) => client.close(reason),
  closing: client.closing,
  gone: client.gone,
  leave: client.leave,
  ...change
})

/** A hub with changed clients. */
export const wrapClients = (wrap: (client: Client) => Client) =>
  wrapHub((hub) => Effect.succeed({ ...hub, join: (joining) => Effect.map(hub.join(joining), wrap) }))

/** An outbox that gives out other frames than it holds. */
export const takingOther = (outbox: Outbox, take: () => ReturnType<Outbox["take"]>): Outbox =>
  new Proxy(outbox, {
    get: (target, key) => {
      if (key === "take") return take
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== "function") return value
      const bound: unknown = value.bind(target)
      return bound
    }
  })

export const cleanupDiesWithSession: Mutant = {
  id: "cleanup-dies-with-session",
  what: "a client is removed by a child of its session, which is interrupted when the session ends first",
  mutate: wrapClients((client) =>
    clientWith(client, {
      close: (reason) => Effect.asVoid(Effect.forkChild(client.close(reason))),
      gone: Effect.void
    })
  )
}

export const countedOutTwice: Mutant = {
  id: "counted-out-twice",
  what: "a client that is let go by the hub is counted out by that, and once more when its session ends",
  mutate: wrapHub((hub) =>
    Effect.map(Ref.make(0), (closes) => ({
      ...hub,
      join: (joining) =>
        Effect.map(hub.join(joining), (client) =>
          clientWith(client, {
            close: (reason) =>
              Effect.andThen(
                Ref.update(closes, (n) => n + 1),
                client.close(reason)
              )
          })
        ),
      counts: Effect.zipWith(hub.counts, Ref.get(closes), (counts, left) => ({
        ...counts,
        left,
        connected: counts.joined - left
      }))
    }))
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
    bus: (options) =>
      Layer.effect(
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
      ).pipe(Layer.provide(parts.bus(options)))
  })
}

/** So many frames wait before the wrong version loses some. */
const keptFramesMax = 2

export const lossyOutbox: Mutant = {
  id: "lossy-outbox",
  what: "a client that is behind loses its oldest frames without being told",
  mutate: wrapClients((client) =>
    clientWith(client, {
      outbox: takingOther(client.outbox, () => {
        const frames = client.outbox.take()
        const events = frames.filter(({ numbers }) => numbers !== undefined)
        const lost = new Set(events.slice(0, Math.max(0, events.length - keptFramesMax)))
        return frames.filter((frame) => !lost.has(frame))
      })
    })
  )
}

export const resumeOffByOne: Mutant = {
  id: "resume-off-by-one",
  what: "a client that comes back is sent what follows the event after the last one that it knows",
  mutate: wrapHub((hub) =>
    Effect.succeed({
      ...hub,
      join: ({ since, ...joining } = {}) => hub.join(since === undefined ? joining : { ...joining, since: since + 1 })
    })
  )
}

export const streamNotLookedAt: Mutant = {
  id: "stream-not-looked-at",
  what: "a client is resumed by its number alone, whichever stream that is of",
  mutate: wrapHub((hub) =>
    Effect.succeed({ ...hub, join: (joining = {}) => hub.join({ ...joining, stream: undefined }) })
  )
}

export const gapNotTold: Mutant = {
  id: "gap-not-told",
  what: "clients are not told of events that were lost",
  mutate: wrapClients((client) =>
    clientWith(client, {
      outbox: takingOther(client.outbox, () =>
        client.outbox.take().filter(({ text }) => !text.startsWith('{"type":"gap"'))
      )
    })
  )
}

export const logHoleNotTold: Mutant = {
  id: "log-hole-not-told",
  what: "clients are not told of pieces of a log that the bus lost",
  mutate: wrapClients((client) =>
    clientWith(client, {
      outbox: takingOther(client.outbox, () => client.outbox.take().filter(({ text }) => !isLogHole(text)))
    })
  )
}

const isLogHole = (text: string): boolean =>
  text.startsWith('{"type":"log"') && text.endsWith(`"note":"gap","detail":${JSON.stringify(logHoleDetail)}}`)

export const resumeByWhatIsKept: Mutant = {
  id: "resume-by-what-is-kept",
  what: "a client that missed more than is kept is resumed with the oldest that is kept",
  mutate: (parts) => ({
    ...parts,
    hub: (options) =>
      Layer.effect(
        Hub,
        Effect.map(Hub, (hub) => ({
          ...hub,
          join: (joining = {}) =>
            Effect.flatMap(hub.counts, ({ seq }) => {
              const { since } = joining
              return hub.join(
                since === undefined ? joining : { ...joining, since: Math.max(since, seq - options.eventsKept) }
              )
            })
        }))
      ).pipe(Layer.provide(parts.hub(options)))
  })
}

const isResumed = Schema.is(
  Schema.fromJsonString(Schema.Struct({ type: Schema.Literal("hello"), resumed: Schema.Literal(true) }))
)

/** A bus that does something else with the events of the hub. `begin` is called in each run, before all else. */
export const heardByHub = (
  parts: ConsoleParts,
  {
    begin,
    hear
  }: {
    readonly begin: () => void
    readonly hear: (event: BusEvent, handle: Effect.Effect<void>) => Effect.Effect<void>
  }
): ConsoleParts["bus"] => {
  const wrap = (real: EventBus["Service"]): EventBus["Service"] => {
    begin()
    return {
      ...real,
      subscribe: (subscriber) => {
        const { handle, name } = subscriber
        return real.subscribe(
          name === "hub" ? { ...subscriber, handle: (event) => hear(event, handle(event)) } : subscriber
        )
      }
    }
  }
  return (options) => Layer.effect(EventBus, Effect.map(EventBus, wrap)).pipe(Layer.provide(parts.bus(options)))
}

export const resumeOverHole: Mutant = {
  id: "resume-over-hole",
  what: "the events that are kept are those that came, whatever was lost between them",
  mutate: (parts) => {
    // Made in each run by the layer of the bus, which comes first.
    const kept: Array<FleetEvent> = []
    const bus = heardByHub(parts, {
      begin: () => {
        kept.length = 0
      },
      hear: (event, handle) =>
        Effect.suspend(() => {
          if ("seq" in event) kept.push(event)
          return handle
        })
    })
    return wrapHub((hub) =>
      Effect.succeed({
        ...hub,
        join: ({ since, ...joining } = {}) =>
          Effect.gen(function* () {
            const { seq } = yield* hub.counts
            if (since === undefined || since >= seq) return yield* hub.join({ ...joining, since })
            const missed = kept.filter((event) => event.seq > since && event.seq <= seq)
            const client = yield* hub.join({ ...joining, since: seq })
            let isFirst = true
            const take = () => {
              const frames = client.outbox.take()
              const [hello, ...rest] = frames
              if (!isFirst || hello === undefined) return frames
              isFirst = false
              return isResumed(hello.text) ? [hello, ...missed.map(numbered), ...rest] : frames
            }
            return clientWith(client, { outbox: takingOther(client.outbox, take) })
          })
      })
    )({ ...parts, bus })
  }
}
