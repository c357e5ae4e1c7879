/** The console that a configuration describes: options for its parts and drivers for its nodes. */
import { Duration, Effect, type FileSystem, Layer, Schema } from "effect"
import { accountsOptions } from "./auth/AccountsOptions.ts"
import type { AccountsSurroundings } from "./auth/AccountsOptions.ts"
import type { EventBusOptions } from "./bus/EventBus.ts"
import { workersFor } from "./bus/Workers.ts"
import type { Config } from "./config/ConfigSchema.ts"
import type { ConsoleOptions, LiveOptions } from "./Console.ts"
import type { FleetOptions, ManagedNode } from "./fleet/Fleet.ts"
import { memoryDefaults } from "./fleet/FleetMemory.ts"
import type { HubOptions } from "./hub/Hub.ts"
import type { SessionOptions } from "./hub/Session.ts"
import * as NodeDrivers from "./NodeDrivers.ts"
import { databaseOptions } from "./storage/DatabaseOptions.ts"
import type { TlsOptions } from "./supervisor/Connection.ts"
import * as TlsMaterial from "./supervisor/TlsMaterial.ts"

/** The longest wait for a close frame to be written, and for all clients to be gone at shutdown. */
const closeTimeoutMs = { client: 1_000, hub: 2_000 } as const

/** Polls of nodes that are down may take a quarter of the places that live ones have, on top of them. */
const downShare = 4

const ms = Duration.toMillis

/** What is not in the configuration. */
export interface OptionsSurroundings {
  readonly version: string
  readonly cores: number
  readonly accounts: AccountsSurroundings
  /** What can change while the console runs, as it is now; see `liveOptions`. */
  readonly live: () => LiveOptions
}

export const options = (config: Config, { accounts, cores, live, version }: OptionsSurroundings): ConsoleOptions => ({
  version,
  live,
  bus: busOptions(config.bus, cores),
  database: databaseOptions(config),
  accounts: accountsOptions(config, accounts),
  activity: {
    retentionMs: ms(config.activity.retention),
    entriesMax: config.activity.entriesMax,
    waitingMax: config.activity.waitingMax
  },
  memory: memoryDefaults,
  memoryLookEveryMs: ms(config.limits.memoryInterval),
  fleet: fleetOptions(config),
  batches: {
    concurrency: config.operations.batchConcurrency,
    timeoutMs: ms(config.operations.batchTimeout),
    runningMax: config.operations.batchesMax,
    waitingMax: config.operations.batchesWaitingMax,
    kept: config.operations.batchesKept
  },
  hub: hubOptions(config.hub),
  session: sessionOptions(config.hub),
  shutdown: { deadlineMs: ms(config.server.shutdownDeadline) }
})

/** Of what a reload can change. */
export const liveOptions = ({ auth, limits, server }: Config): LiveOptions => ({
  http: {
    sources: auth.sources,
    publicHealth: auth.publicHealth,
    publicMetrics: auth.publicMetrics,
    cookieSecure: auth.cookieSecure,
    corsOrigins: server.corsOrigins,
    trustedProxies: server.trustedProxies
  },
  budget: { requests: limits.requestsMax, operations: limits.operationsMax },
  memory: { warningBytes: limits.memoryWarning, criticalBytes: limits.memoryCritical }
})

const busOptions = (bus: Config["bus"], cores: number): EventBusOptions => ({
  workers: bus.workers === 0 ? workersFor(cores) : bus.workers,
  queueEventsMax: { high: bus.queueHigh, normal: bus.queueNormal, low: bus.queueLow },
  overflow: bus.overflow,
  handlerTimeoutMs: ms(bus.handlerTimeout)
})

/** What the guard of a node adds to the deadline of a call before it gives the call up itself. */
const guardSlackMs = 1_000

const fleetOptions = ({ operations, poll }: Config): FleetOptions => ({
  poll: {
    intervalMs: ms(poll.interval),
    jitter: ms(poll.jitter) / ms(poll.interval),
    concurrency: poll.concurrency,
    concurrencyDown: Math.ceil(poll.concurrency / downShare)
  },
  guard: {
    callsMax: poll.callsMax,
    callsWaitingMax: poll.callsWaitingMax,
    breakerFailures: poll.breakerFailures,
    breakerOpenMs: ms(poll.breakerOpen),
    breakerOpenMsMax: ms(poll.breakerOpenMax),
    deadlineMs: ms(poll.deadline) + guardSlackMs
  },
  staleAfterMs: ms(poll.staleAfter),
  operations: {
    observeIntervalMs: ms(operations.observeInterval),
    deadlineMs: {
      start: ms(operations.startTimeout),
      stop: ms(operations.stopTimeout),
      restart: ms(operations.restartTimeout),
      signal: ms(operations.signalTimeout),
      stdin: ms(operations.stdinTimeout),
      clear_log: ms(operations.clearLogTimeout)
    },
    readLogMs: ms(operations.readLogTimeout),
    updateMs: ms(operations.updateTimeout)
  }
})

const hubOptions = (hub: Config["hub"]): HubOptions => ({
  clientsMax: hub.clientsMax,
  clientsPerAddressMax: hub.clientsPerAddressMax,
  clientsPerUserMax: hub.clientsPerUserMax,
  eventsKept: hub.eventsKept,
  outboxFramesMax: hub.outboxFramesMax,
  slowClientPolicy: hub.slowClientPolicy,
  logsPerClientMax: hub.logsPerClientMax,
  heartbeatIntervalMs: ms(hub.heartbeatInterval),
  closeTimeoutMs: closeTimeoutMs.hub
})

const sessionOptions = (hub: Config["hub"]): SessionOptions => ({
  heartbeatIntervalMs: ms(hub.heartbeatInterval),
  // The configuration counts from the ping, a session from the last frame that it heard.
  heartbeatTimeoutMs: ms(hub.heartbeatInterval) + ms(hub.heartbeatTimeout),
  frameBytesMax: hub.frameBytesMax,
  framesPerSecondMax: hub.framesPerSecondMax,
  invalidFramesMax: hub.invalidFramesMax,
  closeTimeoutMs: closeTimeoutMs.client
})

/** What TLS needs for a node, by the name of the node. */
export type TlsByNode = ReadonlyMap<string, TlsOptions>

/** A setting of a node names what cannot be used. */
export class SetupError extends Schema.TaggedError<SetupError>()("SetupError", {
  /** As in the file, such as `nodes[0].tls_ca`. */
  field: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.field}: ${this.detail}`
  }
}

/** Loads the certificates and keys that the nodes name. Nothing has started yet. */
export const loadTls = (config: Config): Effect.Effect<TlsByNode, SetupError, FileSystem.FileSystem> =>
  Effect.map(
    Effect.forEach(config.nodes, (node, index) =>
      TlsMaterial.load(node).pipe(
        Effect.mapError(({ detail, field }) => new SetupError({ field: `nodes[${index}].${field}`, detail })),
        Effect.map((tls) => (tls === undefined ? [] : [[node.name, tls] as const]))
      )
    ),
    (entries) => new Map(entries.flat())
  )

/** All nodes of a configuration; programs of the local node start with them. */
export const managedNodes = Effect.fnUntraced(function* (
  config: Config,
  tls: TlsByNode
): Effect.fn.Return<ReadonlyArray<ManagedNode>, never, NodeDrivers.NodeDrivers> {
  const drivers = yield* NodeDrivers.NodeDrivers
  const supervisors = yield* Effect.forEach(config.nodes, (node) => drivers.supervisor(node, tls.get(node.name)))
  if (config.programs.length === 0 || drivers.local === undefined) return supervisors
  const local = yield* drivers.local(config.programs)
  return [...supervisors, local.node]
})

/** The same, with drivers that belong to the scope: for a console whose nodes never change. */
export const nodes = (config: Config, { tls, ...self }: NodeDrivers.Surroundings & { readonly tls: TlsByNode }) =>
  Effect.flatMap(Layer.build(NodeDrivers.layer(config, self)), (drivers) =>
    Effect.provideContext(managedNodes(config, tls), drivers)
  )
