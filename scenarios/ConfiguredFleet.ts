/**
 * A fleet whose nodes come from a configuration file on a simulated disk: settings, fleet and registry of the console
 * with what they stand on, a SIGHUP away from a reload.
 */
import { Context, Effect, FileSystem, Layer, Logger, type Scope } from "effect"
import type { ConsoleParts } from "../core/Console.ts"
import { inspectConfig, type Loaded } from "../core/config/ConfigFile.ts"
import { inspectFile } from "../core/config/LoadConfig.ts"
import * as ReloadOnSignal from "../core/config/ReloadOnSignal.ts"
import { Settings } from "../core/config/Settings.ts"
import { Fleet } from "../core/fleet/Fleet.ts"
import { Registry } from "../core/fleet/Registry.ts"
import { Components } from "../core/health/Components.ts"
import * as NodeDrivers from "../core/NodeDrivers.ts"
import * as Setup from "../core/Setup.ts"
import * as Disk from "../sim/fs/Disk.ts"
import * as SimFileSystem from "../sim/fs/SimFileSystem.ts"
import * as Network from "../sim/net/Network.ts"
import * as SimHttpClient from "../sim/net/SimHttpClient.ts"
import type { RunContext } from "../sim/RunContext.ts"
import * as Supervisord from "./peers/Supervisord.ts"
import * as SimSignals from "./ports/SimSignals.ts"
import * as World from "./World.ts"

export const file = "/muster.toml"

/** Of the one node that answers, at `http://steady:9001`. */
export const credentials = { username: "muster", password: "s3cr3t-steady" }

export interface ConfiguredFleet {
  readonly settings: Settings["Service"]
  readonly fleet: Fleet["Service"]
  readonly registry: Registry["Service"]
  readonly components: Components["Service"]
  /** The file system of whoever edits the file. */
  readonly fs: FileSystem.FileSystem
  /** Puts the file there whole, as an editor does. */
  readonly write: (text: string) => Effect.Effect<void>
  readonly hangUp: Effect.Effect<void>
  /** Loads under way, and the names of nodes for which a driver was made. */
  readonly loading: () => number
  readonly made: () => ReadonlyArray<string>
  /** Everything that was logged. */
  readonly logged: () => string
}

export interface ConfiguredFleetOptions {
  readonly parts: ConsoleParts
  readonly text: string
  /**
   * What a text means is worked out once for all runs: most of the time of a run goes into that, and it depends on
   * nothing else. For texts of which there are few, and all sound.
   */
  readonly remembers?: boolean
  /** Other files, by path. */
  readonly files?: Readonly<Record<string, string>>
}

const meanings = new Map<string, Loaded>()

const remembered: ReturnType<typeof inspectFile> = Effect.gen(function* () {
  const text = yield* Effect.orDie((yield* FileSystem.FileSystem).readFileString(file))
  const known = meanings.get(text)
  if (known !== undefined) return known
  const loaded = yield* Effect.fromResult(inspectConfig({ file, text, environment: {} }))
  meanings.set(text, loaded)
  return loaded
})

/** Starts it with this text; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  files = {},
  parts,
  remembers = false,
  text
}: ConfiguredFleetOptions): Effect.fn.Return<ConfiguredFleet, never, RunContext | Scope.Scope> {
  const network = yield* Layer.build(Network.layer())
  yield* Supervisord.make({
    host: "steady",
    port: 9001,
    programs: [World.steady("app", "api")],
    ...credentials
  }).pipe(Effect.provideContext(network), Effect.orDie)
  const disk = yield* Layer.build(SimFileSystem.layer({ uid: 0, gid: 0 }).pipe(Layer.provideMerge(Disk.layer())))
  const fs = Context.get(disk, FileSystem.FileSystem)
  let writes = 0
  const write = (content: string) =>
    Effect.suspend(() => {
      const draft = `${file}.${++writes}`
      return Effect.andThen(fs.writeFileString(draft, content), fs.rename(draft, file))
    }).pipe(Effect.orDie)
  yield* write(text)
  yield* Effect.orDie(
    Effect.forEach(Object.entries(files), ([path, content]) => fs.writeFileString(path, content), { discard: true })
  )
  let loading = 0
  const load = Effect.acquireUseRelease(
    Effect.sync(() => loading++),
    () => (remembers ? remembered : inspectFile({ file, environment: {} })),
    () => Effect.sync(() => loading--)
  )
  const initial = yield* load.pipe(Effect.provideContext(disk), Effect.orDie)
  const tls = yield* Setup.loadTls(initial.config).pipe(Effect.provideContext(disk), Effect.orDie)
  const lines: Array<string> = []
  const collector = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
  const made: Array<string> = []
  const built = yield* console({ parts, initial, tls, load, made }).pipe(
    Layer.provide([Layer.succeedContext(network), Layer.succeedContext(disk)]),
    Layer.provide(Logger.layer([collector])),
    Layer.build
  )
  const { send } = Context.get(built, SimSignals.SimSignals)
  return {
    settings: Context.get(built, Settings),
    fleet: Context.get(built, Fleet),
    registry: Context.get(built, Registry),
    components: Context.get(built, Components),
    fs,
    write,
    hangUp: send("SIGHUP"),
    loading: () => loading,
    made: () => made,
    logged: () => lines.join("\n")
  }
})

interface Started {
  readonly parts: ConsoleParts
  readonly initial: Loaded
  readonly tls: Setup.TlsByNode
  readonly load: ReturnType<typeof inspectFile>
  readonly made: Array<string>
}

const console = ({ initial, load, made, parts, tls }: Started) => {
  const { bus, fleet } = World.consoleOptions
  const drivers = Layer.effect(
    NodeDrivers.NodeDrivers,
    Effect.map(NodeDrivers.NodeDrivers, ({ local, supervisor }) => ({
      local,
      supervisor: (...[node, material]: Parameters<typeof supervisor>) =>
        Effect.tap(supervisor(node, material), () => Effect.sync(() => void made.push(node.name)))
    }))
  ).pipe(
    Layer.provide(NodeDrivers.layerSupervisors(initial.config)),
    Layer.provide(SimHttpClient.layer({ host: "console" }))
  )
  return ReloadOnSignal.layer.pipe(
    Layer.provideMerge(parts.settings({ initial, tls, load })),
    Layer.provideMerge(parts.fleet(Setup.managedNodes(initial.config, tls), fleet)),
    Layer.provideMerge(drivers),
    Layer.provideMerge(parts.registry),
    Layer.provideMerge(parts.components),
    Layer.provideMerge(parts.bus(bus)),
    Layer.provideMerge(SimSignals.layer)
  )
}
