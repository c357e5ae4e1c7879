/**
 * `Settings` of a console that runs. A reload goes through two halves. In the first it loads, validates, reads what
 * nodes need for TLS and makes their drivers: all of this can fail or be given up, and leaves nothing. The second is
 * one step that nobody can interrupt: nodes, value and version change together, so that whoever reads the fleet and the
 * settings in one go sees the old ones or the new ones (P9), and an error is always one of the first half (P10).
 *
 * Programs of the local node are handed over after that step, which decides what they shall be; stopping some of them
 * may take their `stopwaitsecs`, and the next reload does not wait for it.
 */
import { Effect, type FileSystem, Layer, Semaphore } from "effect"
import { CurrentPrincipal } from "../domain/Access.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { ManagedNode } from "../fleet/Fleet.ts"
import { Components } from "../health/Components.ts"
import * as Marks from "../Marks.ts"
import { NodeDrivers } from "../NodeDrivers.ts"
import type { LocalNode } from "../NodeDrivers.ts"
import { loadTls } from "../Setup.ts"
import type { TlsByNode } from "../Setup.ts"
import { configChange } from "./ConfigChange.ts"
import type { Complete, ConfigChange } from "./ConfigChange.ts"
import { type ConfigErrors, formatProblem } from "./ConfigErrors.ts"
import type { Loaded } from "./ConfigFile.ts"
import type { Config } from "./ConfigSchema.ts"
import type { EffectiveSetting } from "./EffectiveSettings.ts"
import { ReloadAskedBy, ReloadFailed, Settings } from "./Settings.ts"
import type { ConfigOverview, ReloadReport, Versioned } from "./Settings.ts"

export interface LiveSettingsOptions {
  /** What the console starts with. */
  readonly initial: Loaded
  readonly tls: TlsByNode
  /** Loads it again; absent where there is nothing to load from. */
  readonly load?: Effect.Effect<Loaded, ConfigErrors, FileSystem.FileSystem>
  /** Is called in the step that changes the value, for what has no other way to learn of it. Synchronous. */
  readonly applied?: (config: Versioned) => void
}

/** The name under which reloads tell how they went. */
export const componentName = "configuration"

export const liveSettingsLimits = {
  /** For the certificates and keys of all nodes: files, maybe on a disk that does not answer. */
  tlsMsMax: 10_000
} as const

/** All that changes with the version. */
interface InUse extends Complete {
  readonly value: Versioned
  readonly overview: ConfigOverview
}

export const layer = (
  options: LiveSettingsOptions
): Layer.Layer<Settings, never, Fleet | Components | NodeDrivers | FileSystem.FileSystem> =>
  Layer.effect(Settings, make(options))

const make = Effect.fnUntraced(function* ({ applied = () => {}, initial, load, tls }: LiveSettingsOptions) {
  const components = yield* Components
  const context = yield* Effect.context<FileSystem.FileSystem>()
  const takesPrograms = (yield* NodeDrivers).local !== undefined
  const turn = yield* Semaphore.make(1)
  let reloads = 0
  const loaded = load ?? Effect.succeed(initial)
  let inUse = inUseOf({ version: 1, config: initial.config }, tls, initial.settings, [])
  const carryOut = yield* makeCarryOut(() => inUse.config)
  yield* components.register(
    componentName,
    Effect.sync(() => ({ version: inUse.value.version }))
  )

  const prepare = Effect.gen(function* () {
    const next = yield* loaded
    const nextTls = yield* tlsOf(next)
    const change = configChange(inUse, { config: next.config, tls: nextTls }, takesPrograms)
    const version = inUse.value.version + (change.isChange ? 1 : 0)
    const settings = settingsInUse(inUse.overview.settings, next.settings, change)
    const value = change.isChange ? { version, config: change.config } : inUse.value
    return { change, next: inUseOf(value, nextTls, settings, change.needsRestart) }
  }).pipe(Effect.provideContext(context))

  const reload = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const { change, next } = yield* restore(prepare)
      yield* carryOut({ before: inUse.config, change, tls: next.tls }, () => {
        inUse = next
        if (change.isChange) applied(next.value)
      })
      return reportOf(change, next.value.version)
    }).pipe(told(components, load !== undefined))
  )

  return Settings.of({
    current: Effect.sync(() => inUse.value),
    currentUnsafe: () => inUse.value,
    overview: Effect.sync(() => inUse.overview),
    reload: Effect.acquireUseRelease(
      Effect.sync(() => {
        if (reloads++ > 0) Marks.reached("a reload waited for another one")
      }),
      () => turn.withPermit(reload),
      () => Effect.sync(() => reloads--)
    ).pipe(Effect.withSpan("Settings.reload"))
  })
})

const inUseOf = (
  value: Versioned,
  tls: TlsByNode,
  settings: ReadonlyArray<EffectiveSetting>,
  needsRestart: ReadonlyArray<string>
): InUse => ({
  value,
  config: value.config,
  tls,
  overview: { version: value.version, settings, needs_restart: needsRestart }
})

/** Reads what the nodes need; nothing that is read is in use by then. */
const tlsOf = ({ config }: Loaded): Effect.Effect<TlsByNode, ReloadFailed, FileSystem.FileSystem> =>
  loadTls(config).pipe(
    Effect.mapError(({ detail, field }) => new ReloadFailed({ field, detail })),
    Effect.timeoutOrElse({
      duration: liveSettingsLimits.tlsMsMax,
      orElse: () =>
        Effect.fail(
          new ReloadFailed({
            field: "nodes",
            detail: `certificates and keys could not be read within ${liveSettingsLimits.tlsMsMax} ms`
          })
        )
    })
  )

/** Of what needs a restart people see what is in use, and that it is another than that of the file. */
const settingsInUse = (
  before: ReadonlyArray<EffectiveSetting>,
  after: ReadonlyArray<EffectiveSetting>,
  { needsRestart }: ConfigChange
): ReadonlyArray<EffectiveSetting> => {
  const waiting = new Set(needsRestart)
  const isWaiting = ({ name }: EffectiveSetting) =>
    waiting.has(name) || (waiting.has("programs") && name.startsWith("programs["))
  return [...after.filter((setting) => !isWaiting(setting)), ...before.filter(isWaiting)]
}

const reportOf = (
  { applied, isChange, needsRestart, nodes, programs }: ConfigChange,
  version: number
): ReloadReport => ({
  version,
  changed: isChange,
  nodes,
  programs,
  applied,
  needs_restart: needsRestart
})

interface Work {
  readonly before: Config
  readonly change: ConfigChange
  readonly tls: TlsByNode
}

/** Carries a change out: the nodes and `swap` in one step of the fleet. Must not be interrupted. */
const makeCarryOut = Effect.fnUntraced(function* (current: () => Config) {
  const drivers = yield* NodeDrivers
  const fleet = yield* Fleet
  const scope = yield* Effect.scope
  const programsTurn = yield* Semaphore.make(1)

  // Whichever of several has the turn takes what is in use by then, so that the last one leaves the last programs.
  const handOver = ({ reload }: LocalNode) =>
    programsTurn.withPermit(Effect.suspend(() => reload(current().programs))).pipe(
      Effect.catch((error) => Effect.logError("programs of the new configuration are not all in use", error)),
      Effect.annotateLogs({ operation: "Settings.programs" }),
      Effect.withSpan("Settings.programs"),
      Effect.forkIn(scope)
    )

  const supervisors = ({ change: { config, nodes }, tls }: Work): Effect.Effect<ReadonlyArray<ManagedNode>> => {
    const names = new Set([...nodes.added, ...nodes.changed])
    return Effect.forEach(
      config.nodes.filter(({ name }) => names.has(name)),
      (node) => drivers.supervisor(node, tls.get(node.name))
    )
  }

  return Effect.fnUntraced(function* (work: Work, swap: () => void) {
    const { before, change } = work
    const { config, nodes, programs } = change
    const added = yield* supervisors(work)
    const hadLocal = before.programs.length > 0
    const hasLocal = config.programs.length > 0
    if (nodes.changed.length > 0) Marks.reached("a reload replaced a node")
    const differ = programs.added.length + programs.changed.length + programs.removed.length > 0
    // It is made without programs: they are started when the change is in force.
    const local = differ && drivers.local !== undefined ? yield* drivers.local([]) : undefined
    yield* fleet.change(
      {
        removed: [...nodes.removed, ...nodes.changed, ...(hadLocal && !hasLocal ? [config.local.name] : [])],
        added: [...added, ...(local !== undefined && hasLocal && !hadLocal ? [local.node] : [])],
        // As after a start: canaries and groups go by it.
        order: [...config.nodes.map(({ name }) => name), config.local.name]
      },
      swap
    )
    if (local !== undefined) yield* handOver(local)
  })
})

type Outcome = Effect.Effect<ReloadReport, ConfigErrors | ReloadFailed>

/** Says in the log and to the health of the console how it went, and who asked. */
const told =
  (components: Components["Service"], hasSource: boolean) =>
  (reload: Outcome): Outcome =>
    Effect.gen(function* () {
      const by = (yield* ReloadAskedBy) ?? (yield* CurrentPrincipal)?.actor ?? "the console"
      const done = (report: ReloadReport) =>
        Effect.andThen(
          components.assessed(componentName, "healthy", "the configuration is that of the file"),
          Effect.logInfo(`${describe(report, hasSource)}; asked by ${by}`)
        )
      const refused = (error: ConfigErrors | ReloadFailed) => {
        Marks.reached("a reload was refused")
        return Effect.andThen(
          // However often it fails, the console works on with what it has.
          components.assessed(componentName, "degraded", firstProblem(error)),
          Effect.annotateLogs(
            Effect.logError(`the configuration stays as it was, asked by ${by} to load it again`, error),
            { operation: "Settings.reload" }
          )
        )
      }
      return yield* reload.pipe(Effect.tap(done), Effect.tapError(refused))
    })

const firstProblem = (error: ConfigErrors | ReloadFailed): string => {
  if (error._tag === "ReloadFailed") return error.message
  const [first] = error.problems
  return first === undefined ? "cannot be used" : formatProblem(first)
}

const counts = (what: string, { added, changed, removed }: ReloadReport["nodes"]): ReadonlyArray<string> =>
  added.length + changed.length + removed.length === 0
    ? []
    : [`${what}: ${added.length} added, ${changed.length} changed, ${removed.length} removed`]

const describe = (report: ReloadReport, hasSource: boolean): string => {
  if (!hasSource) return "no configuration file, so there is nothing to reload"
  const parts = [
    ...counts("nodes", report.nodes),
    ...counts("programs", report.programs),
    ...(report.applied.length === 0 ? [] : [`in use: ${report.applied.join(", ")}`]),
    ...(report.needs_restart.length === 0 ? [] : [`at the next start: ${report.needs_restart.join(", ")}`])
  ]
  const what = report.changed ? `configuration version ${report.version}` : "the configuration is the same"
  return [what, ...parts].join("; ")
}
