/** The console that a configuration describes: options for its parts and drivers for its nodes. */
import { Duration, Effect, type FileSystem, Schema, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import type { EventBusOptions } from "./bus/EventBus.ts"
import { workersFor } from "./bus/Workers.ts"
import type { Config, NodeConfig } from "./config/ConfigSchema.ts"
import type { ConsoleOptions } from "./Console.ts"
import type { FleetOptions, ManagedNode } from "./fleet/Fleet.ts"
import { Components } from "./health/Components.ts"
import type { HubOptions } from "./hub/Hub.ts"
import type { SessionOptions } from "./hub/Session.ts"
import type { HostProcesses } from "./local/HostProcesses.ts"
import * as LocalDriver from "./local/LocalDriver.ts"
import type { ProgramConfig } from "./local/ProgramConfig.ts"
import type { TlsOptions } from "./supervisor/Connection.ts"
import * as SupervisorDriver from "./supervisor/SupervisorDriver.ts"
import * as TlsMaterial from "./supervisor/TlsMaterial.ts"

/** The longest wait for a close frame to be written, and for all clients to be gone at shutdown. */
const closeTimeoutMs = { client: 1_000, hub: 2_000 } as const

/** Polls of nodes that are down may take a quarter of the places that live ones have, on top of them. */
const downShare = 4

const ms = Duration.toMillis

export const options = (config: Config, cores: number): ConsoleOptions => ({
  bus: busOptions(config.bus, cores),
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

/** What the console is, for its local node. */
export interface Surroundings {
  readonly tls: TlsByNode
  readonly version: string
  readonly pid: number
  /** What it is known by across its restarts; see LocalDriver. */
  readonly instance: string
  /** Reads its own programs again; see LocalDriver. */
  readonly reread?: Effect.Effect<ReadonlyArray<ProgramConfig>, { readonly message: string }>
}

/** Variables of the console's own environment that local programs do not get. */
const secrets = ["MUSTER_ADMIN_PASSWORD"]

/** Drivers for all nodes; programs of the local node start with them and end with the scope. */
export const nodes = Effect.fnUntraced(function* (
  config: Config,
  { tls, ...local }: Surroundings
): Effect.fn.Return<
  ReadonlyArray<ManagedNode>,
  never,
  | HttpClient.HttpClient
  | ChildProcessSpawner.ChildProcessSpawner
  | FileSystem.FileSystem
  | HostProcesses
  | Components
  | Scope.Scope
> {
  const supervisors = yield* Effect.forEach(config.nodes, (node) => supervisorNode(config, node, tls.get(node.name)))
  if (config.programs.length === 0) return supervisors
  const { name } = config.local
  const health = yield* Components
  const driver = yield* LocalDriver.make({
    nodeName: name,
    programs: config.programs,
    withhold: secrets,
    health,
    ...local
  }).pipe(
    // The configuration is refused when two of its programs have the same name.
    Effect.orDie
  )
  return [...supervisors, { entry: { name, environment: undefined, kind: driver.kind }, driver }]
})

const supervisorNode = (
  { operations, poll }: Config,
  { connections, environment, identifier, name, password, url, username }: NodeConfig,
  tls: TlsOptions | undefined
) =>
  Effect.map(
    SupervisorDriver.make({
      url,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      deadlineMs: ms(poll.deadline),
      replyBytesMax: poll.replyBytesMax,
      readLogDeadlineMs: ms(operations.readLogTimeout),
      connections,
      tls
    }),
    (driver): ManagedNode => ({ entry: { name, environment, kind: driver.kind, identifier }, driver })
  )
