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
import { Batches } from "../core/fleet/Batches.ts"
import { Fleet } from "../core/fleet/Fleet.ts"
import { LogFollow } from "../core/fleet/LogFollow.ts"
import { Registry } from "../core/fleet/Registry.ts"
import { Components } from "../core/health/Components.ts"
import { Hub } from "../core/hub/Hub.ts"
import * as Serving from "../core/lifecycle/Serving.ts"
import * as SupervisorDriver from "../core/supervisor/SupervisorDriver.ts"
import * as Host from "../sim/Host.ts"
import * as Network from "../sim/net/Network.ts"
import * as SimHttpClient from "../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../sim/net/SimHttpServer.ts"
import type { RunContext } from "../sim/RunContext.ts"
import * as HubClient from "./peers/HubClient.ts"
import * as Supervisord from "./peers/Supervisord.ts"
import type { ProgramSpec } from "./peers/SupervisordState.ts"
import * as SimSignals from "./ports/SimSignals.ts"

export interface WorldOptions {
  /** Programs by name of the node; each node is a host of that name. */
  readonly nodes: Readonly<Record<string, ReadonlyArray<ProgramSpec>>>
  readonly options?: ConsoleOptions
  readonly network?: Partial<Network.NetworkOptions>
  readonly parts: ConsoleParts
}

/** What the console consists of, for a scenario to look at. */
export interface Services {
  readonly bus: EventBus["Service"]
  readonly registry: Registry["Service"]
  readonly fleet: Fleet["Service"]
  readonly batches: Batches["Service"]
  readonly logFollow: LogFollow["Service"]
  readonly components: Components["Service"]
  readonly hub: Hub["Service"]
}

/** A console that serves. */
export interface Running extends Services {
  /** Sends it a signal, as the operating system does. */
  readonly signal: (signal: SimSignals.TerminationSignal) => Effect.Effect<void>
  /** Waits until it has ended by itself, after a signal. */
  readonly ended: Effect.Effect<Serving.Ending, Host.Crashed>
}

export interface World extends Running {
  readonly supervisords: Readonly<Record<string, Supervisord.Supervisord>>
  readonly network: Network.Network["Service"]
  /** An HTTP client on the host `operator`; the console is at `http://console`. */
  readonly http: HttpClient.HttpClient
  /** Connects to the hub from a host of this name; `query` as in `?since=5`. */
  readonly connect: (
    from: string,
    query?: string
  ) => Effect.Effect<HubClient.HubClient, Socket.SocketError, Scope.Scope>
  /** The console ends where it is, as in a power cut; its connections break off. */
  readonly crash: Effect.Effect<void>
  /** Starts the console again after an end or a crash. The services above stay those of its first start. */
  readonly start: Effect.Effect<Running, never, RunContext | Scope.Scope>
  /** What the console logged as an error so far. */
  readonly errors: () => ReadonlyArray<string>
}

const credentials = { username: "muster", password: "secret" }
const rpcPort = 9001

/** As in production, with a small hub and a quick heartbeat. Times are virtual. */
export const consoleOptions: ConsoleOptions = {
  bus: {
    workers: 4,
    queueEventsMax: { high: 100, normal: 500, low: 1_000 },
    overflow: "dropLow",
    handlerTimeoutMs: 30_000
  },
  fleet: {
    poll: { intervalMs: 2_000, jitter: 0.1, concurrency: 4, concurrencyDown: 2 },
    guard: {
      callsMax: 4,
      callsWaitingMax: 64,
      breakerFailures: 5,
      breakerOpenMs: 5_000,
      breakerOpenMsMax: 30_000,
      deadlineMs: 6_000
    },
    staleAfterMs: 15_000,
    operations: {
      observeIntervalMs: 250,
      deadlineMs: { start: 30_000, stop: 30_000, restart: 60_000, signal: 10_000, stdin: 10_000, clear_log: 10_000 },
      readLogMs: 15_000,
      updateMs: 300_000
    }
  },
  batches: { concurrency: 8, timeoutMs: 600_000, runningMax: 8, waitingMax: 32, kept: 100 },
  hub: {
    clientsMax: 64,
    clientsPerAddressMax: 64,
    clientsPerUserMax: 64,
    eventsKept: 100,
    outboxFramesMax: 64,
    slowClientPolicy: "disconnect",
    heartbeatIntervalMs: 3_000,
    closeTimeoutMs: 2_000,
    logsPerClientMax: 4
  },
  session: {
    heartbeatIntervalMs: 3_000,
    heartbeatTimeoutMs: 6_000,
    frameBytesMax: 65_536,
    invalidFramesMax: 3,
    framesPerSecondMax: 50,
    closeTimeoutMs: 1_000
  },
  shutdown: { deadlineMs: 10_000 }
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
  const console = Console.layer({ nodes: drivers(Object.keys(nodes)), options, parts }).pipe(Layer.provide(ports))
  const start = serveOn(host, console, options.shutdown.deadlineMs).pipe(
    Effect.provide(Logger.layer([collector])),
    Effect.provideContext(network),
    Effect.orDie
  )
  const operator = yield* Effect.provideContext(Layer.build(SimHttpClient.layer({ host: "operator" })), network)
  return {
    ...(yield* start),
    supervisords,
    network: Context.get(network, Network.Network),
    http: Context.get(operator, HttpClient.HttpClient),
    connect: (from, query = "") =>
      Effect.provideContext(HubClient.connect({ from, host: "console", port: 80, query }), network),
    errors: () => errors,
    crash: host.crash,
    start
  }
})

/** Serves a console on the host until it is told to end, the scope closes, or the host crashes. */
const serveOn = <E, R>(
  host: Host.Host,
  console: Layer.Layer<Layer.Success<ReturnType<typeof Console.layer>>, E, R>,
  deadlineMs: number
) =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<Services>()
    const signals = yield* Layer.build(SimSignals.layer)
    const serve = Serving.serve(console, {
      deadlineMs,
      started: (services) =>
        Effect.asVoid(
          Deferred.succeed(ready, {
            bus: Context.get(services, EventBus),
            registry: Context.get(services, Registry),
            fleet: Context.get(services, Fleet),
            batches: Context.get(services, Batches),
            logFollow: Context.get(services, LogFollow),
            components: Context.get(services, Components),
            hub: Context.get(services, Hub)
          })
        )
    })
    const fiber = yield* Effect.forkScoped(host.run(Effect.provideContext(Effect.orDie(serve), signals)))
    const services = yield* Effect.raceFirst(
      Deferred.await(ready),
      Effect.andThen(Fiber.join(fiber), Effect.die("it ended before it served"))
    )
    const running: Running = {
      ...services,
      signal: Context.get(signals, SimSignals.SimSignals).send,
      ended: Fiber.join(fiber)
    }
    return running
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
