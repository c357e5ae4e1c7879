/**
 * The world of a scenario: the whole console, unchanged, on the host `console` of a simulated network, between modelled
 * supervisord nodes and modelled clients.
 */
import { Cause, Context, Deferred, Effect, Fiber, Layer, Logger, Redacted, type Scope } from "effect"
import { HttpClient, HttpServer } from "effect/http"
import type { Socket } from "effect/socket"
import { EventBus } from "../core/bus/EventBus.ts"
import * as Console from "../core/Console.ts"
import type { ConsoleOptions, ConsoleParts } from "../core/Console.ts"
import { Registry } from "../core/fleet/Registry.ts"
import { Hub } from "../core/hub/Hub.ts"
import * as SupervisorDriver from "../core/supervisor/SupervisorDriver.ts"
import * as Host from "../sim/Host.ts"
import * as Network from "../sim/net/Network.ts"
import * as SimHttpClient from "../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../sim/net/SimHttpServer.ts"
import type { RunContext } from "../sim/RunContext.ts"
import * as HubClient from "./peers/HubClient.ts"
import * as Supervisord from "./peers/Supervisord.ts"
import type { ProgramSpec } from "./peers/SupervisordState.ts"

export interface WorldOptions {
  /** Programs by name of the node; each node is a host of that name. */
  readonly nodes: Readonly<Record<string, ReadonlyArray<ProgramSpec>>>
  readonly options?: ConsoleOptions
  readonly network?: Partial<Network.NetworkOptions>
  readonly parts: ConsoleParts
}

export interface World {
  readonly supervisords: Readonly<Record<string, Supervisord.Supervisord>>
  readonly network: Network.Network["Service"]
  readonly bus: EventBus["Service"]
  readonly registry: Registry["Service"]
  readonly hub: Hub["Service"]
  /** An HTTP client on the host `operator`; the console is at `http://console`. */
  readonly http: HttpClient.HttpClient
  /** Connects to the hub from a host of this name. */
  readonly connect: (from: string) => Effect.Effect<HubClient.HubClient, Socket.SocketError, Scope.Scope>
  /** The console ends where it is, as in a power cut; its connections break off. */
  readonly crash: Effect.Effect<void>
  /** Starts the console again after a crash. The services above stay those of its first start. */
  readonly start: Effect.Effect<void, never, Scope.Scope>
  /** What the console logged as an error so far. */
  readonly errors: () => ReadonlyArray<string>
}

const credentials = { username: "muster", password: "secret" }
const rpcPort = 9001

/** As in production, with a small hub and a quick heartbeat. Times are virtual. */
export const consoleOptions: ConsoleOptions = {
  fleet: {
    poll: { intervalMs: 2_000, jitter: 0.1, concurrency: 4, concurrencyDown: 2 },
    operations: { observeIntervalMs: 250, deadlineMs: { start: 30_000, stop: 30_000, restart: 60_000 } }
  },
  hub: {
    clientsMax: 64,
    outboxFramesMax: 64,
    slowClientPolicy: "disconnect",
    heartbeatIntervalMs: 3_000,
    closeTimeoutMs: 2_000
  },
  session: {
    heartbeatIntervalMs: 3_000,
    heartbeatTimeoutMs: 6_000,
    frameBytesMax: 65_536,
    invalidFramesMax: 3,
    closeTimeoutMs: 1_000
  }
}

/** A program that runs until it is stopped. */
export const steady = (group: string, name: string): ProgramSpec => ({
  group,
  name,
  startSecs: 1,
  startRetries: 3,
  stopWaitSecs: 10,
  stopTakesMs: 100,
  runsForMs: undefined
})

/** Builds the world; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  network: networkOptions = {},
  nodes,
  options = consoleOptions,
  parts
}: WorldOptions): Effect.fn.Return<World, never, RunContext | Scope.Scope> {
  const network = yield* Layer.build(Network.layer(networkOptions))
  const supervisords: Record<string, Supervisord.Supervisord> = {}
  for (const [host, programs] of Object.entries(nodes)) {
    supervisords[host] = yield* Supervisord.make({ host, port: rpcPort, programs, ...credentials }).pipe(
      Effect.provideContext(network),
      // A port taken twice would be a mistake of the scenario.
      Effect.orDie
    )
  }
  const errors: Array<string> = []
  const collector = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
    if (logLevel === "Error" || logLevel === "Fatal") errors.push(`${String(message)} ${Cause.pretty(cause)}`.trim())
  })
  const server = SimHttpServer.layer({ host: "console", port: 80 })
  const client = SimHttpClient.layer({ host: "console" })
  const ports = Layer.mergeAll(server, client, HttpServer.layerServices)
  const host = yield* Host.make("console")
  yield* host.onCrash(Context.get(network, Network.Network).crash("console"))
  const start = runOn(
    host,
    Console.layer({ nodes: drivers(Object.keys(nodes)), options, parts }).pipe(
      Layer.provide(ports),
      Layer.provide(Logger.layer([collector]))
    )
  ).pipe(Effect.provideContext(network), Effect.orDie)
  const services = yield* start
  const operator = yield* Effect.provideContext(Layer.build(SimHttpClient.layer({ host: "operator" })), network)
  return {
    supervisords,
    network: Context.get(network, Network.Network),
    bus: Context.get(services, EventBus),
    registry: Context.get(services, Registry),
    hub: Context.get(services, Hub),
    http: Context.get(operator, HttpClient.HttpClient),
    connect: (from) => Effect.provideContext(HubClient.connect({ from, host: "console", port: 80 }), network),
    errors: () => errors,
    crash: host.crash,
    start: Effect.asVoid(start)
  }
})

/** Builds the layer on the host and keeps it there until the scope closes or the host crashes. */
const runOn = <A, E, R>(host: Host.Host, layer: Layer.Layer<A, E, R>) =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<Context.Context<A>>()
    const serve = Effect.scoped(
      Effect.gen(function* () {
        yield* Deferred.succeed(ready, yield* Layer.build(layer))
        return yield* Effect.never
      })
    )
    const fiber = yield* Effect.forkScoped(host.run(serve))
    return yield* Effect.raceFirst(Deferred.await(ready), Fiber.join(fiber))
  })

const drivers = (hosts: ReadonlyArray<string>) =>
  Effect.forEach(hosts, (host) =>
    Effect.map(
      SupervisorDriver.make({
        url: `http://${host}:${rpcPort}`,
        username: credentials.username,
        password: Redacted.make(credentials.password),
        deadlineMs: 5_000,
        replyBytesMax: 1_048_576
      }),
      (driver) => ({ entry: { name: host, environment: "simulated", kind: driver.kind }, driver })
    )
  )
