/**
 * A fleet whose nodes come from a configuration file: settings, fleet and registry of the console with what they stand
 * on. For claims that are kept there: the disk is a map of texts that are read in one go, and nodes are asked without a
 * wire. Nobody listens to what the fleet tells.
 */
import {
  ByteSize,
  Context,
  Effect,
  FileSystem,
  Layer,
  Logger,
  Option,
  PlatformError,
  type Result,
  type Scope
} from "effect"
import type { ConsoleParts } from "../core/Console.ts"
import type { ConfigErrors } from "../core/config/ConfigErrors.ts"
import { inspectConfig, type Loaded } from "../core/config/ConfigFile.ts"
import type { LiveSettingsOptions } from "../core/config/LiveSettings.ts"
import { Settings, type Versioned } from "../core/config/Settings.ts"
import { Fleet } from "../core/fleet/Fleet.ts"
import { Registry } from "../core/fleet/Registry.ts"
import { Components } from "../core/health/Components.ts"
import * as NodeDrivers from "../core/NodeDrivers.ts"
import * as Setup from "../core/Setup.ts"
import type { RunContext } from "../sim/RunContext.ts"
import * as DriverNode from "./peers/DriverNode.ts"
import * as QuietBus from "./stages/QuietBus.ts"
import * as World from "./World.ts"

export const file = "/muster.toml"

/** The one node that answers, if any does; all others keep the console waiting. */
export const answering = "steady"

export interface ConfiguredFleet {
  readonly settings: Settings["Service"]
  readonly fleet: Fleet["Service"]
  readonly registry: Registry["Service"]
  readonly components: Components["Service"]
  /** Puts the file there whole, as an editor does. */
  readonly write: (text: string) => void
  /** Takes another file away. */
  readonly remove: (path: string) => void
  /** Loads under way, and the names of nodes for which a driver was made. */
  readonly loading: () => number
  readonly made: () => ReadonlyArray<string>
  /** Everything that was logged. */
  readonly logged: () => string
}

export interface ConfiguredFleetOptions {
  readonly parts: ConsoleParts
  readonly text: string
  /** Other files, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Whether any node answers. Default true. */
  readonly isAnswered?: boolean
  /** See the options of the settings. */
  readonly applied?: (value: Versioned) => void
}

/**
 * What a text means is worked out once for all runs: most of the time of a run would go into that, and it depends on
 * nothing else. There must be few texts.
 */
const meanings = new Map<string, Result.Result<Loaded, ConfigErrors>>()

const meaningOf = (text: string): Result.Result<Loaded, ConfigErrors> => {
  const known = meanings.get(text)
  if (known !== undefined) return known
  const found = inspectConfig({ file, text, environment: {} })
  meanings.set(text, found)
  return found
}

/** Of every file; its size beside that. */
const info = {
  type: "File",
  mtime: Option.none(),
  atime: Option.none(),
  birthtime: Option.none(),
  dev: 0n,
  ino: Option.none(),
  mode: 0o600,
  nlink: Option.none(),
  uid: Option.none(),
  gid: Option.none(),
  rdev: Option.none(),
  blksize: Option.none(),
  blocks: Option.none()
} as const

/** Files that are read, each in one step, while others may run before it. */
const readingOf = (files: ReadonlyMap<string, string>): FileSystem.FileSystem => {
  const read = <A>(method: string, path: string, use: (text: string) => A) =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.suspend(() => {
        const text = files.get(path)
        return text === undefined
          ? Effect.fail(
              PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method, pathOrDescriptor: path })
            )
          : Effect.succeed(use(text))
      })
    )
  return FileSystem.makeNoop({
    stat: (path) => read("stat", path, (text) => ({ ...info, size: ByteSize.bytes(text.length) })),
    readFileString: (path) => read("readFileString", path, (text) => text)
  })
}

/** Starts it with this text; it lasts until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  applied = () => {},
  files: others = {},
  isAnswered = true,
  parts,
  text
}: ConfiguredFleetOptions): Effect.fn.Return<ConfiguredFleet, never, RunContext | Scope.Scope> {
  const files = new Map(Object.entries({ ...others, [file]: text }))
  const disk = Context.make(FileSystem.FileSystem, readingOf(files))
  let loading = 0
  const load = Effect.acquireUseRelease(
    Effect.sync(() => loading++),
    () =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.suspend(() => Effect.fromResult(meaningOf(files.get(file) ?? "")))
      ),
    () => Effect.sync(() => loading--)
  )
  const initial = yield* Effect.orDie(load)
  const tls = yield* Setup.loadTls(initial.config).pipe(Effect.provideContext(disk), Effect.orDie)
  const lines: Array<string> = []
  const collector = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
  const made: Array<string> = []
  const built = yield* console({ parts, made, isAnswered, settings: { initial, tls, load, applied } }).pipe(
    Layer.provide(Layer.succeedContext(disk)),
    Layer.provide(Logger.layer([collector])),
    Layer.build
  )
  return {
    settings: Context.get(built, Settings),
    fleet: Context.get(built, Fleet),
    registry: Context.get(built, Registry),
    components: Context.get(built, Components),
    write: (content) => void files.set(file, content),
    remove: (path) => void files.delete(path),
    loading: () => loading,
    made: () => made,
    logged: () => lines.join("\n")
  }
})

interface Started {
  readonly parts: ConsoleParts
  readonly settings: LiveSettingsOptions
  readonly made: Array<string>
  readonly isAnswered: boolean
}

const console = ({ isAnswered, made, parts, settings }: Started) => {
  const drivers = Layer.succeed(NodeDrivers.NodeDrivers, {
    supervisor: ({ environment, identifier, name }) =>
      Effect.sync(() => {
        made.push(name)
        const node = DriverNode.make(name, ["api"])
        if (!isAnswered || name !== answering) node.trouble = "hang"
        return { ...node.managed, entry: { ...node.managed.entry, environment, identifier } }
      }),
    local: undefined
  })
  return parts
    .settings(settings)
    .pipe(
      Layer.provideMerge(
        parts.fleet(Setup.managedNodes(settings.initial.config, settings.tls), World.consoleOptions.fleet)
      ),
      Layer.provideMerge(drivers),
      Layer.provideMerge(Layer.provide(parts.registry, QuietBus.layer)),
      Layer.provideMerge(Layer.provide(parts.components, QuietBus.layer))
    )
}
