/** The console that a configuration describes: options for its parts and drivers for its nodes. */
import { Duration, Effect, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import type { Config, NodeConfig } from "./config/ConfigSchema.ts"
import type { ConsoleOptions } from "./Console.ts"
import type { ManagedNode } from "./fleet/Fleet.ts"
import * as LocalDriver from "./local/LocalDriver.ts"
import * as SupervisorDriver from "./supervisor/SupervisorDriver.ts"

/** The longest wait for a close frame to be written, and for all clients to be gone at shutdown. */
const closeTimeoutMs = { client: 1_000, hub: 2_000 } as const

/** Polls of nodes that are down may take a quarter of the places that live ones have, on top of them. */
const downShare = 4

export const options = ({ hub, operations, poll }: Config): ConsoleOptions => ({
  fleet: {
    poll: {
      intervalMs: Duration.toMillis(poll.interval),
      jitter: Duration.toMillis(poll.jitter) / Duration.toMillis(poll.interval),
      concurrency: poll.concurrency,
      concurrencyDown: Math.ceil(poll.concurrency / downShare)
    },
    operations: {
      observeIntervalMs: Duration.toMillis(operations.observeInterval),
      deadlineMs: {
        start: Duration.toMillis(operations.startTimeout),
        stop: Duration.toMillis(operations.stopTimeout),
        restart: Duration.toMillis(operations.restartTimeout)
      }
    }
  },
  hub: {
    clientsMax: hub.clientsMax,
    outboxFramesMax: hub.outboxFramesMax,
    slowClientPolicy: hub.slowClientPolicy,
    heartbeatIntervalMs: Duration.toMillis(hub.heartbeatInterval),
    closeTimeoutMs: closeTimeoutMs.hub
  },
  session: {
    heartbeatIntervalMs: Duration.toMillis(hub.heartbeatInterval),
    // The configuration counts from the ping, a session from the last frame that it heard.
    heartbeatTimeoutMs: Duration.toMillis(hub.heartbeatInterval) + Duration.toMillis(hub.heartbeatTimeout),
    frameBytesMax: hub.frameBytesMax,
    invalidFramesMax: hub.invalidFramesMax,
    closeTimeoutMs: closeTimeoutMs.client
  }
})

/** Variables of the console's own environment that local programs do not get. */
const secrets = ["MUSTER_ADMIN_PASSWORD"]

/** Drivers for all nodes; programs of the local node start with them and end with the scope. */
export const nodes = Effect.fnUntraced(function* (
  config: Config
): Effect.fn.Return<
  ReadonlyArray<ManagedNode>,
  never,
  HttpClient.HttpClient | ChildProcessSpawner.ChildProcessSpawner | Scope.Scope
> {
  const supervisors = yield* Effect.forEach(config.nodes, (node) => supervisorNode(config, node))
  if (config.programs.length === 0) return supervisors
  const { name } = config.local
  const driver = yield* LocalDriver.make({ nodeName: name, programs: config.programs, withhold: secrets }).pipe(
    // The configuration is refused when two of its programs have the same name.
    Effect.orDie
  )
  return [...supervisors, { entry: { name, environment: undefined, kind: driver.kind }, driver }]
})

const supervisorNode = ({ poll }: Config, { environment, name, password, url, username }: NodeConfig) =>
  Effect.map(
    SupervisorDriver.make({
      url,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      deadlineMs: Duration.toMillis(poll.deadline),
      replyBytesMax: poll.replyBytesMax
    }),
    (driver): ManagedNode => ({ entry: { name, environment, kind: driver.kind }, driver })
  )
