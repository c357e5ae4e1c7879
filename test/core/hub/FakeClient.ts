/** A hub over a fleet that the test decides, and sockets whose other end the test holds. */
import { Cause, Clock, Context, Effect, Layer, Queue, Ref, type Scope } from "effect"
import { Socket } from "effect/socket"
import * as EventBus from "../../../core/bus/EventBus.ts"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import type { FleetSnapshot } from "../../../core/domain/Node.ts"
import { Fleet } from "../../../core/fleet/Fleet.ts"
import * as Hub from "../../../core/hub/Hub.ts"
import type { HubOptions } from "../../../core/hub/Hub.ts"
import type { CloseReason } from "../../../core/hub/Protocol.ts"
import * as Session from "../../../core/hub/Session.ts"
import type { SessionOptions } from "../../../core/hub/Session.ts"

export const hubOptions: HubOptions = {
  clientsMax: 3,
  outboxFramesMax: 4,
  slowClientPolicy: "disconnect",
  heartbeatIntervalMs: 10_000,
  closeTimeoutMs: 2_000
}

export const sessionOptions: SessionOptions = {
  heartbeatIntervalMs: 10_000,
  heartbeatTimeoutMs: 25_000,
  frameBytesMax: 1_000,
  invalidFramesMax: 3,
  closeTimeoutMs: 1_000
}

export const event = (seq: number, node = "web"): FleetEvent => ({
  type: "node.status",
  seq,
  at: "1970-01-01T00:00:00.000Z",
  node,
  from: "up",
  to: "down"
})

export interface FakeHub {
  readonly hub: Hub.Hub["Service"]
  readonly bus: EventBus.EventBus["Service"]
  /** Takes the events into the state and publishes them, as the registry does. */
  readonly publish: (...events: ReadonlyArray<FleetEvent>) => Effect.Effect<void>
  readonly serve: (socket: Socket.Socket, options?: Partial<SessionOptions>) => Effect.Effect<CloseReason, unknown>
}

/** `onSnapshot` runs when a joining client asks for the snapshot, before it gets it. */
export const make = (
  options: Partial<HubOptions> = {},
  onSnapshot: (publish: FakeHub["publish"]) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<FakeHub, never, Scope.Scope> =>
  Effect.gen(function* () {
    const seq = yield* Ref.make(0)
    const busContext = yield* Layer.build(EventBus.layer)
    const bus = Context.get(busContext, EventBus.EventBus)
    const publish: FakeHub["publish"] = (...events) =>
      Effect.andThen(Ref.set(seq, events.at(-1)?.seq ?? 0), bus.publish(events))
    const snapshot: Effect.Effect<FleetSnapshot> = Effect.gen(function* () {
      yield* onSnapshot(publish)
      return { seq: yield* Ref.get(seq), nodes: [] }
    })
    const fleet = Layer.mock(Fleet)({ snapshot })
    const hubContext = yield* Hub.layer({ ...hubOptions, ...options }).pipe(
      Layer.provide(fleet),
      Layer.build,
      Effect.provideContext(busContext)
    )
    const real = Context.get(hubContext, Hub.Hub)
    // The clock of a test stands still at its end: whoever is there still must not make the hub wait for them.
    const there: Array<Hub.Client> = []
    yield* Effect.addFinalizer(() => Effect.forEach(there, (one) => one.leave, { discard: true }))
    const join = Effect.tap(real.join, (one) => Effect.sync(() => there.push(one)))
    const hub = Hub.Hub.of({ ...real, join })
    return {
      hub,
      bus,
      publish,
      serve: (socket, changes = {}) =>
        Session.withClient((client) =>
          Effect.scoped(Session.serve(client, socket, { ...sessionOptions, ...changes }))
        ).pipe(Effect.provideService(Hub.Hub, hub))
    }
  })

export interface FakeClient {
  readonly socket: Socket.Socket
  /** What arrived, with its time: texts, and `close CODE REASON`. */
  readonly received: Array<{ readonly atMs: number; readonly text: string }>
  readonly texts: () => ReadonlyArray<string>
  readonly send: (...frames: ReadonlyArray<string | Uint8Array>) => Effect.Effect<void>
  /** The connection breaks. */
  readonly cut: Effect.Effect<void>
}

export interface FakeClientOptions {
  /** Called with each frame that arrives. */
  readonly onFrame?: (text: string, client: FakeClient) => Effect.Effect<void>
  /** Writes never come to an end, as with one who does not read. */
  readonly stuck?: boolean
}

export const client = ({ onFrame = () => Effect.void, stuck = false }: FakeClientOptions = {}) =>
  Effect.gen(function* () {
    const inbox = yield* Queue.unbounded<string | Uint8Array, Socket.SocketError>()
    const received: FakeClient["received"] = []
    const arrive = (text: string) =>
      Effect.gen(function* () {
        if (stuck) return yield* Effect.never
        received.push({ atMs: yield* Clock.currentTimeMillis, text })
        yield* onFrame(text, self)
      })
    const write = (chunk: Uint8Array | string | Socket.CloseEvent) =>
      arrive(Socket.isCloseEvent(chunk) ? `close ${chunk.code} ${chunk.reason ?? ""}` : String(chunk))
    const broken = new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1006 }) })
    const self: FakeClient = {
      received,
      texts: () => received.map(({ text }) => text),
      send: (...frames) => Effect.asVoid(Queue.offerAll(inbox, frames)),
      cut: Effect.asVoid(Queue.failCause(inbox, Cause.fail(broken))),
      socket: Socket.make({
        reader: Effect.succeed({
          pull: Effect.map(Queue.take(inbox), (frame) => [frame] as const),
          upgrade: Socket.SocketUpgradeError.unsupported
        }),
        writer: Effect.succeed({ write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) })
      })
    }
    return self
  })

/** Serves the client in a fiber of its own. */
export const connect = (fake: FakeHub, one: FakeClient, options: Partial<SessionOptions> = {}) =>
  Effect.forkChild(fake.serve(one.socket, options), { startImmediately: true })

/** Lets all fibers run that can. */
export const settle: Effect.Effect<void> = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, {
  discard: true
})
