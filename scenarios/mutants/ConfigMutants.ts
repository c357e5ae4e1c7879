/** Wrong versions of the settings. */
import { Deferred, Effect, type FileSystem, Layer, Semaphore } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import { configChange } from "../../core/config/ConfigChange.ts"
import type { Complete } from "../../core/config/ConfigChange.ts"
import { ConfigErrors, formatProblem } from "../../core/config/ConfigErrors.ts"
import { componentName } from "../../core/config/LiveSettings.ts"
import type { LiveSettingsOptions } from "../../core/config/LiveSettings.ts"
import { ReloadFailed, Settings } from "../../core/config/Settings.ts"
import type { ReloadReport, Versioned } from "../../core/config/Settings.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { Components } from "../../core/health/Components.ts"
import { NodeDrivers } from "../../core/NodeDrivers.ts"
import { loadTls } from "../../core/Setup.ts"
import type { Mutant } from "../Property.ts"

type Change = Fleet["Service"]["change"]

/** The real settings over a fleet that changes its nodes in another way. */
const withChange =
  (change: (real: Change) => Change) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    settings: (options) =>
      parts.settings(options).pipe(
        Layer.provide(
          Layer.effect(
            Fleet,
            Effect.map(Fleet, (fleet) => ({ ...fleet, change: change(fleet.change) }))
          )
        )
      )
  })

/** The real settings, started with other options. */
const withOptions =
  (options: (real: LiveSettingsOptions) => LiveSettingsOptions) =>
  (parts: ConsoleParts): ConsoleParts => ({ ...parts, settings: (real) => parts.settings(options(real)) })

const nothing = () => {}

export const valueAfterNodes: Mutant = {
  id: "value-after-nodes",
  what: "the nodes change first, and the value in a step of its own",
  mutate: withChange(
    (change) =>
      (nodes, applied = nothing) =>
        Effect.andThen(change(nodes), Effect.sync(applied))
  )
}

export const valueBeforeNodes: Mutant = {
  id: "value-before-nodes",
  what: "the value is swapped, and then the nodes follow",
  mutate: withChange(
    (change) =>
      (nodes, applied = nothing) =>
        Effect.andThen(Effect.sync(applied), change(nodes))
  )
}

export const nodeByNode: Mutant = {
  id: "node-by-node",
  what: "nodes come and go one by one, and the value is swapped with the last",
  mutate: withChange(
    (change) =>
      ({ added, removed }, applied = nothing) =>
        Effect.forEach(removed, (name) => change({ removed: [name], added: [] })).pipe(
          Effect.andThen(Effect.forEach(added.slice(0, -1), (node) => change({ removed: [], added: [node] }))),
          Effect.andThen(change({ removed: [], added: added.slice(-1) }, applied))
        )
  )
}

interface Carelessness {
  /** One reload may run beside another. */
  readonly unserialised?: boolean
  /** The nodes are changed before what they need for TLS is read. */
  readonly appliedFirst?: boolean
  /** What cannot be read is left out. */
  readonly lenientTls?: boolean
}

/** Settings that do the same as the real ones, with less care. */
const careless =
  (how: Carelessness): ConsoleParts["settings"] =>
  (options) =>
    Layer.effect(Settings, make(how, options))

const make = Effect.fnUntraced(function* (
  { appliedFirst = false, lenientTls = false, unserialised = false }: Carelessness,
  { applied = nothing, initial, load = Effect.succeed(initial), tls: firstTls }: LiveSettingsOptions
) {
  const context = yield* Effect.context<FileSystem.FileSystem>()
  const turn = yield* Semaphore.make(1)
  const apply = yield* makeApply
  const components = yield* Components
  let value: Versioned = { version: 1, config: initial.config }
  let overview = { version: 1, settings: initial.settings, needs_restart: [] }
  let tls = firstTls
  const reload = Effect.gen(function* () {
    const before = { config: value.config, tls }
    const version = value.version + 1
    const next = yield* load
    const read = loadTls(next.config).pipe(
      Effect.catch(({ detail, field }) =>
        lenientTls ? Effect.succeed(before.tls) : Effect.fail(new ReloadFailed({ field, detail }))
      )
    )
    const material = appliedFirst ? before.tls : yield* read
    const swap = (config: Versioned["config"]) => {
      value = { version, config }
      applied(value)
      overview = { version, settings: next.settings, needs_restart: [] }
      tls = material
    }
    const report = yield* apply(before, { config: next.config, tls: material }, version, swap)
    if (appliedFirst) yield* read
    return report
  }).pipe(
    Effect.provideContext(context),
    Effect.tap(components.assessed(componentName, "healthy", "the configuration is that of the file")),
    Effect.tapError((error) =>
      Effect.andThen(
        components.assessed(
          componentName,
          "degraded",
          error._tag === "ReloadFailed" ? error.field : formatProblems(error)
        ),
        Effect.logError("the configuration stays as it was", error)
      )
    )
  )
  return Settings.of({
    current: Effect.sync(() => value),
    currentUnsafe: () => value,
    overview: Effect.sync(() => overview),
    reload: unserialised ? reload : turn.withPermit(reload)
  })
})

const formatProblems = ({ problems }: ConfigErrors): string => problems.map(formatProblem).join("\n")

const makeApply = Effect.gen(function* () {
  const drivers = yield* NodeDrivers
  const fleet = yield* Fleet
  return Effect.fnUntraced(function* (
    before: Complete,
    after: Complete,
    version: number,
    swap: (config: Versioned["config"]) => void
  ) {
    const { applied, config, needsRestart, nodes, programs } = configChange(before, after, false)
    const come = config.nodes.filter(({ name }) => nodes.added.includes(name) || nodes.changed.includes(name))
    const added = yield* Effect.forEach(come, (node) => drivers.supervisor(node, after.tls.get(node.name)))
    yield* fleet.change({ removed: [...nodes.removed, ...nodes.changed], added }, () => swap(config))
    const report: ReloadReport = { version, changed: true, nodes, programs, applied, needs_restart: needsRestart }
    return report
  })
})

export const notSerialised: Mutant = {
  id: "reloads-not-serialised",
  what: "a reload that is asked for while another one runs begins at once",
  mutate: (parts) => ({ ...parts, settings: careless({ unserialised: true }) })
}

export const joinedTooLate: Mutant = {
  id: "reload-joined-under-way",
  what: "a reload that is asked for while another one runs gets the report of that one",
  mutate: (parts) => ({
    ...parts,
    settings: (options) =>
      Layer.effect(
        Settings,
        Effect.gen(function* () {
          const settings = yield* Settings
          let running: Deferred.Deferred<ReloadReport, ConfigErrors | ReloadFailed> | undefined
          const begin = Effect.gen(function* () {
            const done = yield* Deferred.make<ReloadReport, ConfigErrors | ReloadFailed>()
            running = done
            const exit = yield* Effect.exit(settings.reload)
            running = undefined
            yield* Deferred.done(done, exit)
            return yield* exit
          })
          return {
            ...settings,
            reload: Effect.suspend(() =>
              running === undefined ? Effect.uninterruptible(begin) : Deferred.await(running)
            )
          }
        })
      ).pipe(Layer.provide(parts.settings(options)))
  })
}

/** How long the wrong version shows what it has found once. */
const overviewKeptMs = 20

export const overviewIsKept: Mutant = {
  id: "overview-is-kept",
  what: "the configuration that people see is worked out once in a while, and shown until the next time",
  mutate: (parts) => ({
    ...parts,
    settings: (options) =>
      Layer.effect(
        Settings,
        Effect.gen(function* () {
          const settings = yield* Settings
          return { ...settings, overview: yield* Effect.cachedWithTTL(settings.overview, overviewKeptMs) }
        })
      ).pipe(Layer.provide(parts.settings(options)))
  })
}

export const originsOfTheStart: Mutant = {
  id: "origins-of-the-start",
  what: "the origins of other pages are asked for once, by the first request",
  mutate: (parts) => {
    // The options of a run are its own: their settings are made once in each.
    let first: ReadonlyArray<string> | undefined
    return {
      ...parts,
      settings: (options) => {
        first = undefined
        return parts.settings(options)
      },
      middleware: ((app, options) => {
        first ??= options.corsOrigins
        return parts.middleware(app, { ...options, corsOrigins: first })
      }) satisfies ConsoleParts["middleware"]
    }
  }
}

export const appliedFirst: Mutant = {
  id: "applied-before-checked",
  what: "the nodes are changed before the certificates that they name are read",
  mutate: (parts) => ({ ...parts, settings: careless({ appliedFirst: true }) })
}

export const lenientTls: Mutant = {
  id: "certificates-left-out",
  what: "a certificate that cannot be read is left out, and the rest is applied",
  mutate: (parts) => ({ ...parts, settings: careless({ lenientTls: true }) })
}

export const usedOnceRead: Mutant = {
  id: "used-once-read",
  what: "limits and origins change as soon as the file is read, before the certificates that it names are",
  mutate: withOptions((real) => {
    const { applied, load } = real
    if (applied === undefined || load === undefined) return real
    return { ...real, load: Effect.tap(load, ({ config }) => Effect.sync(() => applied({ version: 0, config }))) }
  })
}

export const emptyOnError: Mutant = {
  id: "empty-on-error",
  what: "a file that cannot be used counts as one without nodes",
  mutate: withOptions((real) => ({
    ...real,
    ...(real.load === undefined
      ? {}
      : {
          load: Effect.catch(real.load, () =>
            Effect.succeed({ ...real.initial, config: { ...real.initial.config, nodes: [] } })
          )
        })
  }))
}

const withProblems = (change: (problem: ConfigErrors["problems"][number]) => ConfigErrors["problems"][number]) =>
  withOptions((real) => ({
    ...real,
    ...(real.load === undefined
      ? {}
      : {
          load: Effect.mapError(real.load, ({ problems }) => new ConfigErrors({ problems: problems.map(change) }))
        })
  }))

export const withoutField: Mutant = {
  id: "problem-without-field",
  what: "a problem says what is wrong, and not where",
  mutate: withProblems((problem) => ({ ...problem, field: "" }))
}
