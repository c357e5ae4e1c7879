/**
 * The world of a scenario: the whole console, unchanged, on the host `console` of a simulated network, between modelled
 * supervisord nodes and modelled clients.
 */
import {
  Context,
  Deferred,
  Effect,
  Fiber,
  type FileSystem,
  Layer,
  Logger,
  Path,
  Redacted,
  References,
  Result,
  type Scope
} from "effect"
import { HttpClient, HttpServer } from "effect/http"
import type { Socket } from "effect/socket"
import { ActivityLog } from "../core/activity/ActivityLog.ts"
import { Accounts } from "../core/auth/Accounts.ts"
import { EventBus } from "../core/bus/EventBus.ts"
import { inspectConfig } from "../core/config/ConfigFile.ts"
import { inspectFile } from "../core/config/LoadConfig.ts"
import { Settings } from "../core/config/Settings.ts"
import * as Console from "../core/Console.ts"
import type { ConsoleOptions, ConsoleParts } from "../core/Console.ts"
import { Batches } from "../core/fleet/Batches.ts"
import { Fleet } from "../core/fleet/Fleet.ts"
import type { ManagedNode } from "../core/fleet/Fleet.ts"
import { LogFollow } from "../core/fleet/LogFollow.ts"
import { memoryDefaults } from "../core/fleet/FleetMemory.ts"
import { Registry } from "../core/fleet/Registry.ts"
import { Components } from "../core/health/Components.ts"
import { Hub } from "../core/hub/Hub.ts"
import * as Serving from "../core/lifecycle/Serving.ts"
import * as NodeDrivers from "../core/NodeDrivers.ts"
import * as Setup from "../core/Setup.ts"
import { Database } from "../core/storage/Database.ts"
import * as SupervisorDriver from "../core/supervisor/SupervisorDriver.ts"
import * as Disk from "../sim/fs/Disk.ts"
import * as SimFileSystem from "../sim/fs/SimFileSystem.ts"
import * as Host from "../sim/Host.ts"
import * as Network from "../sim/net/Network.ts"
import * as SimHttpClient from "../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../sim/net/SimHttpServer.ts"
import type { RunContext } from "../sim/RunContext.ts"
import * as SqlServer from "../sim/sql/Database.ts"
import * as SimSql from "../sim/sql/SimSql.ts"
import * as CollectedLog from "./CollectedLog.ts"
import * as HubClient from "./peers/HubClient.ts"
import * as Supervisord from "./peers/Supervisord.ts"
import type { ProgramSpec } from "./peers/SupervisordState.ts"
import { preparedDatabase } from "./PreparedDatabase.ts"
import * as SimProcessStats from "./ports/SimProcessStats.ts"
import * as SimSecrets from "./ports/SimSecrets.ts"
import * as SimSignals from "./ports/SimSignals.ts"

export interface WorldOptions {
  /** Programs by name of the node; each node is a host of that name. */
  readonly nodes: Readonly<Record<string, ReadonlyArray<ProgramSpec>>>
  readonly options?: ConsoleOptions
  /**
   * Text of the configuration file to begin with; the options are then those that it gives, and so are the nodes: see
   * `configText`.
   */
  readonly config?: string
  /** Other files on the disk of the console, by path. */
  readonly otherFiles?: Readonly<Record<string, string>>
  readonly network?: Partial<Network.NetworkOptions>
  readonly parts: ConsoleParts
  /** What is in the database at the start; `[]` for a first start. See `PreparedDatabase`. */
  readonly prepared?: ReadonlyArray<string>
  /** Whether every line of the log is kept, those for debugging included. */
  readonly keepsLines?: boolean
}

/** What the console consists of, for a scenario to look at. */
export interface Services {
  readonly bus: EventBus["Service"]
  readonly registry: Registry["Service"]
  readonly fleet: Fleet["Service"]
  readonly settings: Settings["Service"]
  readonly database: Database["Service"]
  readonly accounts: Accounts["Service"]
  readonly activity: ActivityLog["Service"]
  readonly batches: Batches["Service"]
  readonly logFollow: LogFollow["Service"]
  readonly components: Components["Service"]
  readonly hub: Hub["Service"]
}

/** A console that serves. */
export interface Running extends Services {
  /** Sends it a signal, as the operating system does. */
  readonly signal: (signal: SimSignals.SimSignal) => Effect.Effect<void>
  /** Waits until it has ended by itself, after a signal. */
  readonly ended: Effect.Effect<Serving.Ending, Host.Crashed>
}

export interface World extends Running {
  readonly supervisords: Readonly<Record<string, Supervisord.Supervisord>>
  readonly network: Network.Network["Service"]
  /** The server of the database, which outlives the console. */
  readonly sql: SqlServer.Database["Service"]
  /** The disk of the console, and its files for somebody who changes them from outside. */
  readonly disk: Disk.Disk["Service"]
  readonly files: FileSystem.FileSystem
  /** What the console uses of its machine. */
  readonly stats: SimProcessStats.SimProcessStats["Service"]
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
  /** The lines that it logged so far, as they are written in production; see `keepsLines`. */
  readonly lines: () => ReadonlyArray<string>
}

/** Of the first administrator; `PreparedDatabase` has its hash. */
export const adminPassword = "the first password of all"

/** Where the configuration file is. */
export const configFile = "/etc/muster.toml"

const credentials = { username: "muster", password: "secret" }
const rpcPort = 9001

/** As in production, with a small hub and a quick heartbeat. Times are virtual. */
export const consoleOptions: ConsoleOptions = {
  version: "simulated",
  live: () => ({
    http: {
      sources: ["header", "cookie", "ticket"],
      publicHealth: true,
      publicMetrics: false,
      cookieSecure: "auto",
      corsOrigins: [],
      trustedProxies: []
    },
    budget: { requests: 1_000, operations: 500 },
    memory: { warningBytes: 1024 ** 3, criticalBytes: 2 * 1024 ** 3 }
  }),
  memoryLookEveryMs: 5_000,
  database: {
    statementTimeoutMs: 10_000,
    transactionTimeoutMs: 15_000,
    retriesMax: 4,
    retryDelayMs: 100,
    retryDelayMaxMs: 2_000,
    breakerFailures: 5,
    breakerOpenMs: 2_000,
    healthIntervalMs: 5_000
  },
  accounts: {
    // Most scenarios are about something else.
    anonymousRole: "admin",
    accessTokenTtlMs: 900_000,
    sessionTtlMs: 12 * 3_600_000,
    keyRotationMs: 7 * 86_400_000,
    sessionsPerUserMax: 20,
    tokensMax: 500,
    usersMax: 1_000,
    passwordCharactersMin: 12,
    loginLimits: { failuresPerAccountMax: 5, failuresPerAddressMax: 20, windowMs: 300_000 },
    loginsAtOnce: 2,
    surroundings: {
      isShared: false,
      firstPassword: Redacted.make(adminPassword),
      tellFirstPassword: () => Effect.void
    }
  },
  activity: { retentionMs: 90 * 86_400_000, entriesMax: 1_000_000, waitingMax: 10_000 },
  memory: memoryDefaults,
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

/** A configuration file for these hosts of supervisords, with further sections. */
export const configText = (hosts: ReadonlyArray<string>, more = ""): string =>
  [
    more,
    ...hosts.map((host) =>
      [
        "[[nodes]]",
        `name = "${host}"`,
        `url = "http://${host}:${rpcPort}"`,
        `username = "${credentials.username}"`,
        `password = "${credentials.password}"`
      ].join("\n")
    )
  ].join("\n\n")

/** The configuration of the file; a scenario begins with one that is valid. */
const loaded = inspectFile({ file: configFile, environment: {} })

/** A configuration of defaults alone, for consoles whose options a scenario gives. */
const noConfig = Result.getOrThrow(inspectConfig({ file: configFile, text: "", environment: {} }))

/** What is given to `Console.layer`: by the file as it is at the start, or by the scenario. */
const setup = ({ config, nodes, options = consoleOptions, parts }: WorldOptions) =>
  Effect.gen(function* () {
    const initial = config === undefined ? noConfig : yield* Effect.orDie(loaded)
    let live = Setup.liveOptions(initial.config)
    const tls = yield* Effect.orDie(Setup.loadTls(initial.config))
    const managed: Effect.Effect<
      ReadonlyArray<ManagedNode>,
      never,
      HttpClient.HttpClient | NodeDrivers.NodeDrivers
    > = config === undefined ? drivers(Object.keys(nodes)) : Setup.managedNodes(initial.config, tls)
    const surroundings = { version: options.version, cores: 2, accounts: options.accounts.surroundings }
    return Console.layer({
      parts,
      drivers: NodeDrivers.layerSupervisors(initial.config),
      nodes: managed,
      options: config === undefined ? options : Setup.options(initial.config, { ...surroundings, live: () => live }),
      settings: {
        initial,
        tls,
        ...(config === undefined ? {} : { load: loaded }),
        applied: (next) => {
          live = Setup.liveOptions(next.config)
        }
      }
    })
  })

/** Builds the world; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* (
  world: WorldOptions
): Effect.fn.Return<World, never, RunContext | Scope.Scope> {
  const { config, keepsLines = false, network: networkOptions = {}, nodes, options = consoleOptions } = world
  const { otherFiles = {}, prepared = preparedDatabase } = world
  const network = yield* Layer.build(Network.layer(networkOptions))
  const supervisords: Record<string, Supervisord.Supervisord> = {}
  for (const [host, programs] of Object.entries(nodes)) {
    supervisords[host] = yield* Supervisord.make({ host, port: rpcPort, programs, ...credentials }).pipe(
      Effect.provideContext(network),
      // A port taken twice would be a mistake of the scenario.
      Effect.orDie
    )
  }
  const outside = yield* Layer.build(
    Layer.mergeAll(SqlServer.Database.layer({ prepared }), Disk.layer(), SimProcessStats.layer)
  )
  const files = yield* SimFileSystem.make().pipe(Effect.provide(Path.layer), Effect.provideContext(outside))
  if (config !== undefined) {
    yield* Effect.orDie(Effect.andThen(files.makeDirectory("/etc"), files.writeFileString(configFile, config)))
  }
  for (const [path, text] of Object.entries(otherFiles)) yield* Effect.orDie(files.writeFileString(path, text))
  const { errors, lines, logger: collector } = CollectedLog.make(keepsLines)
  const ports = Layer.mergeAll(
    SimHttpServer.layer({ host: "console", port: 80 }),
    SimHttpClient.layer({ host: "console" }),
    HttpServer.layerServices,
    SimSql.layer({ host: "console" }),
    SimSecrets.layer(),
    SimFileSystem.layer()
  )
  const host = yield* Host.make("console")
  const sql = Context.get(outside, SqlServer.Database)
  yield* host.onCrash(Context.get(network, Network.Network).crash("console"))
  yield* host.onCrash(sql.crash("console"))
  const console = Layer.unwrap(setup(world)).pipe(Layer.provide(ports))
  const start = serveOn(host, console, options.shutdown.deadlineMs).pipe(
    Effect.provide(Logger.layer([collector])),
    Effect.provideService(References.MinimumLogLevel, keepsLines ? "Debug" : "Info"),
    Effect.provideContext(Context.merge(network, outside)),
    Effect.orDie
  )
  const operator = yield* Effect.provideContext(Layer.build(SimHttpClient.layer({ host: "operator" })), network)
  return {
    ...(yield* start),
    supervisords,
    network: Context.get(network, Network.Network),
    sql,
    disk: Context.get(outside, Disk.Disk),
    files,
    stats: Context.get(outside, SimProcessStats.SimProcessStats),
    http: Context.get(operator, HttpClient.HttpClient),
    connect: (from, query = "") =>
      Effect.provideContext(HubClient.connect({ from, host: "console", port: 80, query }), network),
    errors: () => errors,
    lines: () => lines,
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
            settings: Context.get(services, Settings),
            database: Context.get(services, Database),
            accounts: Context.get(services, Accounts),
            activity: Context.get(services, ActivityLog),
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
