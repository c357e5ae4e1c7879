/**
 * Makes the drivers of single nodes, at the start and when the configuration changes. Nothing is said to a node before
 * somebody uses its driver.
 */
import { Context, Duration, Effect, type FileSystem, Layer, type Scope, Semaphore } from "effect"
import { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import type { Config, NodeConfig } from "./config/ConfigSchema.ts"
import { overrides } from "./config/Overrides.ts"
import type { NodeError } from "./domain/NodeError.ts"
import type { ManagedNode } from "./fleet/Fleet.ts"
import { Components } from "./health/Components.ts"
import type { HostProcesses } from "./local/HostProcesses.ts"
import * as LocalDriver from "./local/LocalDriver.ts"
import type { ProgramConfig } from "./local/ProgramConfig.ts"
import type { Reloaded } from "./local/ProgramSet.ts"
import type { TlsOptions } from "./supervisor/Connection.ts"
import * as SupervisorDriver from "./supervisor/SupervisorDriver.ts"

/** The node whose processes are the programs of the configuration. */
export interface LocalNode {
  readonly node: ManagedNode
  /** Comes from the programs that there are to these; see LocalDriver. */
  readonly reload: (
    programs: ReadonlyArray<ProgramConfig>
  ) => Effect.Effect<Reloaded, LocalDriver.DuplicateProgram | NodeError>
}

export class NodeDrivers extends Context.Service<
  NodeDrivers,
  {
    /** With the deadlines that the console started with. */
    readonly supervisor: (node: NodeConfig, tls: TlsOptions | undefined) => Effect.Effect<ManagedNode>
    /**
     * The local node: it is made, and these programs are started, when it is asked for for the first time; later it is
     * the same one, whatever the programs. It ends with the scope of this service. Undefined where there can be none.
     */
    readonly local: ((programs: ReadonlyArray<ProgramConfig>) => Effect.Effect<LocalNode>) | undefined
  }
>()("core/NodeDrivers") {}

/** What the console is, for its local node. */
export interface Surroundings {
  readonly version: string
  readonly pid: number
  /** What it is known by across its restarts; see LocalDriver. */
  readonly instance: string
  /** Reads its own programs again; see LocalDriver. */
  readonly reread?: Effect.Effect<ReadonlyArray<ProgramConfig>, { readonly message: string }>
}

/** Variables of the console's own environment that local programs do not get: its settings, and what lets people in. */
const withheld = [
  ...overrides.map(({ variable }) => variable),
  "MUSTER_ADMIN_PASSWORD",
  "MUSTER_PASSWORD",
  "MUSTER_TOKEN"
]

const ms = Duration.toMillis

const makeSupervisor = Effect.fnUntraced(function* ({ operations, poll }: Config) {
  const client = yield* HttpClient.HttpClient
  return (
    { connections, environment, identifier, name, password, url, username }: NodeConfig,
    tls: TlsOptions | undefined
  ) =>
    SupervisorDriver.make({
      url,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      deadlineMs: ms(poll.deadline),
      replyBytesMax: poll.replyBytesMax,
      readLogDeadlineMs: ms(operations.readLogTimeout),
      connections,
      tls
    }).pipe(
      Effect.provideService(HttpClient.HttpClient, client),
      Effect.map((driver): ManagedNode => ({ entry: { name, environment, kind: driver.kind, identifier }, driver }))
    )
})

const makeLocal = Effect.fnUntraced(function* ({ local: { name } }: Config, self: Surroundings) {
  const context = yield* Effect.context<
    ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | HostProcesses | Scope.Scope
  >()
  const health = yield* Components
  const turn = yield* Semaphore.make(1)
  let made: LocalNode | undefined
  const make = Effect.fnUntraced(function* (programs: ReadonlyArray<ProgramConfig>) {
    if (made !== undefined) return made
    const driver = yield* LocalDriver.make({ nodeName: name, programs, withhold: withheld, health, ...self }).pipe(
      Effect.provideContext(context),
      // The configuration is refused when two of its programs have the same name.
      Effect.orDie
    )
    made = { node: { entry: { name, environment: undefined, kind: driver.kind }, driver }, reload: driver.reload }
    return made
  })
  // What has begun belongs to the scope: it is not made twice when whoever asked first goes away.
  return (programs: ReadonlyArray<ProgramConfig>) => turn.withPermit(Effect.uninterruptible(make(programs)))
})

/** Drivers with the deadlines of this configuration, and the name that it gives to the local node. */
export const layer = (
  config: Config,
  self: Surroundings
): Layer.Layer<
  NodeDrivers,
  never,
  HttpClient.HttpClient | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | HostProcesses | Components
> => Layer.effect(NodeDrivers, Effect.all({ supervisor: makeSupervisor(config), local: makeLocal(config, self) }))

/** Drivers for nodes elsewhere alone. */
export const layerSupervisors = (config: Config): Layer.Layer<NodeDrivers, never, HttpClient.HttpClient> =>
  Layer.effect(
    NodeDrivers,
    Effect.map(makeSupervisor(config), (supervisor) => ({ supervisor, local: undefined }))
  )
