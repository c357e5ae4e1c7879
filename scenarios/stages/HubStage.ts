/**
 * The stage of scenarios about the hub alone: bus, registry, fleet, followed logs, component health and hub of the
 * console, unchanged, and its sessions over a simulated network. There are no HTTP server, accounts and database: a
 * client says by itself with what it joins, and a scenario reports to the registry what polls would bring.
 */
import { Context, Effect, Layer, Logger, Result, Schema, Scope } from "effect"
import type { SocketError } from "effect/socket/Socket"
import type { EventBusOptions } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetOptions, ManagedNode } from "../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../core/fleet/NodeDriver.ts"
import { LogFollow } from "../../core/fleet/LogFollow.ts"
import { Registry } from "../../core/fleet/Registry.ts"
import { Components } from "../../core/health/Components.ts"
import { rulesDefault } from "../../core/health/ComponentState.ts"
import * as Heartbeat from "../../core/hub/Heartbeat.ts"
import { Hub, type HubOptions, type Joining } from "../../core/hub/Hub.ts"
import { decodeClientFrame } from "../../core/hub/Protocol.ts"
import { Rights } from "../../core/hub/Rights.ts"
import { serve, type SessionOptions, withClient } from "../../core/hub/Session.ts"
import type { Connection } from "../../sim/net/Connection.ts"
import * as Network from "../../sim/net/Network.ts"
import type { NetworkError } from "../../sim/net/NetworkError.ts"
import { makeSocket } from "../../sim/net/SimSocket.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import * as HubClient from "../peers/HubClient.ts"
import { causeText, eventually, type Violation } from "../Property.ts"
import { consoleOptions } from "../World.ts"

export interface HubStageOptions {
  readonly parts: ConsoleParts
  readonly bus?: Partial<EventBusOptions>
  readonly fleet?: Partial<FleetOptions>
  readonly hub?: Partial<HubOptions>
  readonly session?: Partial<SessionOptions>
  readonly network?: Partial<Network.NetworkOptions>
  /** Without them the registry alone knows of nodes, and nobody asks them. */
  readonly nodes?: ReadonlyArray<ManagedNode>
  /** Without them whoever was let in stays in. */
  readonly rights?: Rights
  /**
   * Clients join the hub themselves, and look into their outboxes when they are asked what they got: no connection,
   * no session and no heartbeat. That takes a third of the steps.
   */
  readonly isDirect?: boolean
}

/** The hub does not let this client in. */
export class NotAdmitted extends Schema.TaggedError<NotAdmitted>()("NotAdmitted", { from: Schema.String }) {}

export interface HubStage {
  readonly components: Components["Service"]
  readonly registry: Registry["Service"]
  readonly logFollow: LogFollow["Service"]
  readonly hub: Hub["Service"]
  readonly network: Network.Network["Service"]
  /** Connects from a host of this name, which no other client has; the connection breaks off with the scope. */
  readonly connect: (
    from: string,
    joining?: Joining
  ) => Effect.Effect<HubClient.HubClient, NetworkError | NotAdmitted | SocketError, Scope.Scope>
  /** What was logged as an error so far. */
  readonly errors: () => ReadonlyArray<string>
}

const host = "console"
const port = 80

/** Builds it; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: HubStageOptions
): Effect.fn.Return<HubStage, never, RunContext | Scope.Scope> {
  const errors: Array<string> = []
  const collector = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
    if (logLevel === "Error" || logLevel === "Fatal") errors.push(`${String(message)} ${causeText(cause)}`.trim())
  })
  const joinings = new Map<string, Joining>()
  const services = yield* build(options, joinings).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([collector]))
  )
  const network = Context.get(services, Network.Network)
  const hub = Context.get(services, Hub)
  return {
    components: Context.get(services, Components),
    registry: Context.get(services, Registry),
    logFollow: Context.get(services, LogFollow),
    hub,
    network,
    connect: (from, joining = {}) =>
      Effect.gen(function* () {
        if (options.isDirect === true) return yield* join(hub, from, joining)
        joinings.set(from, joining)
        const connection = yield* network.connect(from, host, port)
        // The upgrade, or its refusal.
        const { _tag } = yield* connection.receive
        if (_tag !== "Upgraded") return yield* new NotAdmitted({ from })
        return yield* HubClient.over(makeSocket(connection))
      }),
    errors: () => errors
  }
})

/** A client without a connection. */
const join = Effect.fnUntraced(function* (
  hub: Hub["Service"],
  from: string,
  joining: Joining
): Effect.fn.Return<HubClient.HubClient, NotAdmitted, Scope.Scope> {
  const client = yield* Effect.acquireRelease(
    Effect.mapError(hub.join(joining), () => new NotAdmitted({ from })),
    (joined) => Effect.andThen(joined.close(goodbye), Effect.andThen(joined.gone, joined.leave))
  )
  const received: Array<HubClient.Received> = []
  return {
    received: Effect.sync(() => {
      received.push(...client.outbox.take().map(({ text }) => HubClient.receivedOf(text)))
      return received.slice()
    }),
    send: (text) =>
      Effect.suspend(() => {
        const frame = Result.getOrUndefined(decodeClientFrame(text))
        if (frame?.type !== "subscribe") return Effect.void
        const { type: _, ...subscription } = frame
        return client.subscribe(subscription)
      }),
    close: client.close(goodbye),
    read: Effect.map(client.closing, ({ code }) => code)
  }
})

const goodbye = { code: 1000, reason: "bye" } as const

/** Few are enough for orders to differ. */
const workers = 2

/** Builds one layer over another: composed they would take half as many steps again. */
export const stacking = Effect.map(Effect.scope, (scope) => {
  const memo = Layer.makeMemoMapUnsafe()
  return <A, R, R2>(below: Context.Context<R>, layer: Layer.Layer<A, never, R2>) =>
    Effect.map(
      Effect.provideContext(Layer.buildWithMemoMap(layer, memo, scope), below),
      (built): Context.Context<A | R> => Context.merge(below, built)
    )
})

const build = Effect.fnUntraced(function* (
  { bus, fleet, hub, isDirect = false, network, nodes = [], parts, rights, session }: HubStageOptions,
  joinings: ReadonlyMap<string, Joining>
) {
  const over = yield* stacking
  const wire = yield* over(Context.empty(), Network.layer(network))
  const spine = yield* over(wire, parts.bus({ ...consoleOptions.bus, workers, ...bus }))
  const watched = yield* over(spine, parts.components)
  const known = yield* over(watched, parts.registry)
  const managed = yield* over(known, parts.fleet(Effect.succeed(nodes), { ...consoleOptions.fleet, ...fleet }))
  const followed = yield* over(managed, parts.logFollow)
  const services = yield* over(Context.add(followed, Rights, rights), parts.hub({ ...consoleOptions.hub, ...hub }))
  if (!isDirect) yield* Effect.provideContext(listen(joinings, { ...consoleOptions.session, ...session }), services)
  return services
})

/** Serves clients as the route of the hub does, until the scope closes; before that they are told. */
const listen = Effect.fnUntraced(function* (joinings: ReadonlyMap<string, Joining>, options: SessionOptions) {
  const hub = yield* Hub
  const { listen: listenTo } = yield* Network.Network
  const heartbeat = yield* Heartbeat.make(options)
  const scope = yield* Effect.scope
  // A port taken twice would be a mistake of the stage.
  const listener = yield* Effect.orDie(listenTo(host, port))
  const serveClient = (connection: Connection) =>
    withClient(joinings.get(connection.peer) ?? {}, {
      joined: (client) =>
        connection
          .send({ _tag: "Upgraded" })
          .pipe(Effect.andThen(serve(client, makeSocket(connection), heartbeat, options)), Effect.scoped),
      refused: () => connection.send({ _tag: "Head", status: 429, headers: {}, setCookies: [] })
    }).pipe(Effect.interruptible, Effect.ensuring(connection.close), Effect.ignore)
  const serveNext = Effect.flatMap(listener.accept, (connection) =>
    Effect.forkIn(serveClient(connection), scope, { uninterruptible: true })
  )
  yield* Effect.uninterruptible(serveNext).pipe(Effect.forever, Effect.forkScoped)
  yield* Effect.addFinalizer(() => hub.close)
})

/**
 * Gives the program a scope that nobody closes: the run ends with it. To close the stage takes nearly as long as to
 * build it, and shows nothing where the claim is about neither that nor what is left behind.
 */
export const unclosed = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.flatMap(Scope.make(), (scope) => Scope.provide(program, scope))

/** A node of which nothing is asked but its logs: this is what following one of them brings. */
export const followedNode = (name: string, followLog: NodeDriver["followLog"]): ManagedNode => {
  const unasked = Effect.die("nobody asks for this")
  return {
    entry: { name, environment: undefined, kind: "supervisord" },
    driver: {
      kind: "supervisord",
      identify: Effect.succeed({ identifier: name, version: "4.3.0", pid: 1 }),
      processes: Effect.succeed([]),
      process: () => unasked,
      start: () => unasked,
      stop: () => unasked,
      signal: () => unasked,
      sendStdin: () => unasked,
      clearLog: () => unasked,
      timing: () => unasked,
      readLog: () => unasked,
      followLog,
      reread: unasked,
      addGroup: () => unasked,
      removeGroup: () => unasked
    }
  }
}

/** One poll is enough where a node never changes. */
export const polledOnce = { poll: { intervalMs: 3_600_000, jitter: 0, concurrency: 1, concurrencyDown: 1 } } as const

/** An error is made good by the first success after so long. */
const quietMs = rulesDefault.quietMs + 1

/**
 * Liveness: after a time of quiet, and once `change` has caused an event that nothing disturbs, every component says
 * that it is healthy.
 */
export const healthyAgain = (
  { components }: HubStage,
  change: Effect.Effect<void>
): Effect.Effect<void, Violation, RunContext> =>
  Effect.asVoid(
    Effect.andThen(
      Effect.delay(change, quietMs),
      eventually({
        what: "every component is healthy",
        withinMs: 1_000,
        look: Effect.map(components.all, (all) =>
          all.filter(({ status }) => status !== "healthy").map(({ name, status }) => `${name} is ${status}`)
        ),
        until: (wrong: ReadonlyArray<string>) => wrong.length === 0
      })
    )
  )
