/** A hub over a fleet that the test decides, and sockets whose other end the test holds. */
import { Cause, Clock, Context, Effect, Layer, Queue, Ref, Schema, type Scope } from "effect"
import { Socket } from "effect/socket"
import { EventBus } from "../../../core/bus/EventBus.ts"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import type { FollowedPiece, LogId } from "../../../core/domain/Log.ts"
import { formatLogId } from "../../../core/domain/Log.ts"
import type { FleetSnapshot } from "../../../core/domain/Node.ts"
import { Fleet, UnknownNode } from "../../../core/fleet/Fleet.ts"
import { LogFollow } from "../../../core/fleet/LogFollow.ts"
import { Components } from "../../../core/health/Components.ts"
import * as Heartbeat from "../../../core/hub/Heartbeat.ts"
import * as Hub from "../../../core/hub/Hub.ts"
import type { Client, HubOptions, Joining } from "../../../core/hub/Hub.ts"
import type { CloseReason } from "../../../core/hub/Protocol.ts"
import { Rights } from "../../../core/hub/Rights.ts"
import * as Session from "../../../core/hub/Session.ts"
import type { SessionOptions } from "../../../core/hub/Session.ts"
import * as FakeBus from "./FakeBus.ts"

export const hubOptions: HubOptions = {
  clientsMax: 3,
  clientsPerAddressMax: 3,
  clientsPerUserMax: 3,
  eventsKept: 4,
  outboxFramesMax: 4,
  slowClientPolicy: "disconnect",
  logsPerClientMax: 2,
  heartbeatIntervalMs: 10_000,
  closeTimeoutMs: 2_000
}

export const sessionOptions: SessionOptions = {
  heartbeatIntervalMs: 10_000,
  heartbeatTimeoutMs: 25_000,
  frameBytesMax: 1_000,
  invalidFramesMax: 3,
  framesPerSecondMax: 50,
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

/** A log of the node, and text that comes from it. */
export const logOf = (node: string): LogId => ({ node, group: "app", name: "api", channel: "stdout" })
export const logText = (log: LogId, text: string, number = 1, following = 1): FollowedPiece => ({
  type: "log",
  ...log,
  text,
  place: { following, number }
})

export interface FakeHub {
  readonly hub: Hub.Hub["Service"]
  readonly bus: EventBus["Service"]
  /** Takes the events into the state and publishes them, as the registry does. */
  readonly publish: (...events: ReadonlyArray<BusEvent>) => Effect.Effect<void>
  /** Logs that are followed, each as often as it is. */
  readonly followed: Effect.Effect<ReadonlyArray<string>>
  /** What the hub told of its health. */
  readonly health: ReadonlyArray<string>
  readonly serve: (
    socket: Socket.Socket,
    options?: Partial<SessionOptions>,
    joining?: Joining
  ) => Effect.Effect<CloseReason, unknown>
}

export interface FakeHubOptions extends Partial<HubOptions> {
  /** The newest event before the hub began. */
  readonly seq?: number
  /** How long it takes until a log is followed, and until it is let go. */
  readonly followMs?: number
  /** The fleet, for snapshots. */
  readonly nodes?: FleetSnapshot["nodes"]
  readonly rights?: Rights
}

/** The fake of followed logs: it knows every node but `nowhere`. */
const fakeLogs = (followed: Ref.Ref<ReadonlyArray<string>>, takesMs: number) =>
  LogFollow.of({
    follow: (log) =>
      Effect.gen(function* () {
        if (log.node === "nowhere") return yield* new UnknownNode({ node: log.node })
        const name = formatLogId(log)
        yield* Effect.acquireRelease(
          Ref.update(followed, (all) => [...all, name]),
          () =>
            Effect.andThen(
              Effect.sleep(takesMs),
              Ref.update(followed, (all) => all.toSpliced(all.indexOf(name), 1))
            )
        )
        yield* Effect.sleep(takesMs)
      }),
    following: Effect.succeed([])
  })

/** `onSnapshot` runs when a joining client asks for the snapshot, before it gets it. */
export const make = (
  { followMs = 0, nodes = [], rights, seq: before = 0, ...options }: FakeHubOptions = {},
  onSnapshot: (publish: FakeHub["publish"]) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<FakeHub, never, Scope.Scope> =>
  Effect.gen(function* () {
    const seq = yield* Ref.make(before)
    const followed = yield* Ref.make<ReadonlyArray<string>>([])
    const health: Array<string> = []
    const busContext = yield* Layer.build(FakeBus.layer)
    const bus = Context.get(busContext, EventBus)
    const publish: FakeHub["publish"] = (...events) => {
      const last = events.reduce((found, each) => ("seq" in each ? each.seq : found), 0)
      return Effect.andThen(last === 0 ? Effect.void : Ref.set(seq, last), bus.publish(events))
    }
    let isBuilt = false
    const snapshot: Effect.Effect<FleetSnapshot> = Effect.gen(function* () {
      if (isBuilt) yield* onSnapshot(publish)
      return { seq: yield* Ref.get(seq), nodes }
    })
    const components = Layer.mock(Components)({
      register: () => Effect.void,
      succeeded: () => Effect.void,
      errored: (name, message) => Effect.sync(() => health.push(`${name}: ${message}`))
    })
    const hubContext = yield* Hub.layer({ ...hubOptions, ...options }).pipe(
      Layer.provide(Layer.mock(Fleet)({ snapshot })),
      Layer.provide(Layer.succeed(LogFollow, fakeLogs(followed, followMs))),
      Layer.provide(components),
      Layer.provide(Layer.succeed(Rights, rights)),
      Layer.build,
      Effect.provideContext(busContext)
    )
    isBuilt = true
    const real = Context.get(hubContext, Hub.Hub)
    // The clock of a test stands still at its end: whoever is there still must not make the hub wait for them.
    const there: Array<Client> = []
    yield* Effect.addFinalizer(() => Effect.forEach(there, (one) => one.leave, { discard: true }))
    const join: typeof real.join = (joining) =>
      Effect.tap(real.join(joining), (one) => Effect.sync(() => there.push(one)))
    const hub = Hub.Hub.of({ ...real, join })
    return {
      hub,
      bus,
      publish,
      followed: Ref.get(followed),
      health,
      serve: (socket, changes = {}, joining = {}) =>
        Session.withClient(joining, {
          joined: (client) =>
            Effect.gen(function* () {
              const given = { ...sessionOptions, ...changes }
              const heartbeat = yield* Heartbeat.make(given)
              return yield* Session.serve(client, socket, heartbeat, given)
            }).pipe(Effect.scoped),
          refused: Effect.fail
        }).pipe(Effect.provideService(Hub.Hub, hub))
    }
  })

const Frame = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    seq: Schema.optionalKey(Schema.Int),
    from: Schema.optionalKey(Schema.Unknown),
    to: Schema.optionalKey(Schema.Unknown),
    code: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    note: Schema.optionalKey(Schema.String),
    resumed: Schema.optionalKey(Schema.Boolean)
  })
)

/** A frame in short: its type and what tells it from others of its type. */
export const brief = (text: string): string => {
  if (text.startsWith("close ")) return text
  const { code, from, note, resumed, seq, text: piece, to, type } = Schema.decodeUnknownSync(Frame)(text)
  if (type === "gap") return `gap ${String(from)}-${String(to)}`
  return [type, resumed === true ? "resumed" : undefined, seq, code, note, piece]
    .filter((part) => part !== undefined)
    .join(" ")
}

/** Each frame that waits for the client, in short; takes them. */
export const waiting = (one: Client) => Effect.sync(() => one.outbox.take().map(({ text }) => brief(text)))

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
export const connect = (fake: FakeHub, one: FakeClient, options: Partial<SessionOptions> = {}, joining: Joining = {}) =>
  Effect.forkChild(fake.serve(one.socket, options, joining), { startImmediately: true })

/** Lets all fibers run that can. */
export const settle: Effect.Effect<void> = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, {
  discard: true
})
