/**
 * The programs of one manager, and the changes to which programs there are: groups that come and go, and whole new
 * lists. Changes come one after another, each in a fiber of the manager: who asked for one may give up waiting, and it
 * is done to its end all the same. Only the end of the manager stops one in between; then all programs are stopped.
 */
import { Cause, Effect, Exit, Fiber, Ref, Scope, Semaphore } from "effect"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type * as Program from "./Program.ts"
import { type ProgramConfig, repeatedPrograms } from "./ProgramConfig.ts"
import { byPriority, diffPrograms } from "./ProgramDiff.ts"

export const programSetLimits = {
  /** How long a change of a group waits for its turn. */
  turnMsMax: 5_000,
  /** How long programs of the next priority wait for the processes of this one. */
  launchMsMax: 1_000
} as const

/** Why a change was not made, by supervisord's names. `BUSY`: another change took too long. */
export type ChangeRefusal = "ALREADY_ADDED" | "BAD_NAME" | "STILL_RUNNING" | "SHUTDOWN_STATE" | "BUSY"

/** What a reload has done, by `group:name`. */
export interface Reloaded {
  readonly kept: ReadonlyArray<string>
  readonly added: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
}

interface State {
  readonly programs: ReadonlyArray<Program.Program>
  /** What the configuration says, which may be ahead of what there is. */
  readonly known: ReadonlyArray<ProgramConfig>
  readonly isClosing: boolean
}

export interface ProgramSet {
  readonly programs: Effect.Effect<ReadonlyArray<Program.Program>>
  readonly find: (id: ProcessId) => Effect.Effect<Program.Program | undefined>
  readonly isClosing: Effect.Effect<boolean>
  /** What the configuration says, as far as it was learnt. */
  readonly known: Effect.Effect<ReadonlyArray<ProgramConfig>>
  /** Remembers what the configuration says, for `addGroup`. */
  readonly learn: (known: ReadonlyArray<ProgramConfig>) => Effect.Effect<void>
  readonly addGroup: (group: string) => Effect.Effect<void, ChangeRefusal>
  readonly removeGroup: (group: string) => Effect.Effect<void, ChangeRefusal>
  /** Comes from the programs that there are to these. No two of them may have the same group and name. */
  readonly reload: (programs: ReadonlyArray<ProgramConfig>) => Effect.Effect<Reloaded, "SHUTDOWN_STATE">
}

/** Stops them, those of the highest priority number first, and waits for each part of the same number. */
const closeAll = (programs: ReadonlyArray<Program.Program>) =>
  Effect.forEach(
    byPriority(programs).toReversed(),
    (level) => Effect.forEach(level, (program) => program.close, { concurrency: "unbounded", discard: true }),
    { discard: true }
  )

/** Starts them, those of the lowest priority number first. The next ones wait until these have processes. */
const startAll = (programs: ReadonlyArray<Program.Program>) =>
  Effect.forEach(
    byPriority(programs),
    Effect.fnUntraced(function* (level, index) {
      yield* Effect.forEach(level, (program) => program.command("Start"), { discard: true })
      if (index === byPriority(programs).length - 1) return
      yield* Effect.forEach(level, (program) => program.launched, { concurrency: "unbounded", discard: true }).pipe(
        Effect.timeoutOption(programSetLimits.launchMsMax)
      )
    }),
    { discard: true }
  )

const isOf = (ids: ReadonlySet<string>) => (program: Program.Program) => ids.has(formatId(program.config))

const idsOf = (configs: ReadonlyArray<ProgramConfig>): ReadonlySet<string> => new Set(configs.map(formatId))

class Changes<R> {
  private readonly state: Ref.Ref<State>
  private readonly create: (config: ProgramConfig) => Effect.Effect<Program.Program, never, R>

  constructor(state: Ref.Ref<State>, create: (config: ProgramConfig) => Effect.Effect<Program.Program, never, R>) {
    this.state = state
    this.create = create
  }

  /** Makes programs. Each is in the list as soon as it is there, so that the end of the manager ends it. */
  add(configs: ReadonlyArray<ProgramConfig>): Effect.Effect<ReadonlyArray<Program.Program>, never, R> {
    const one = (config: ProgramConfig) =>
      Effect.tap(this.create(config), (program) =>
        Ref.update(this.state, (state) => ({ ...state, programs: [...state.programs, program] }))
      ).pipe(Effect.uninterruptible)
    return Effect.forEach(configs, one)
  }

  /** Stops programs and takes them off the list once nothing of them is left. */
  drop(programs: ReadonlyArray<Program.Program>): Effect.Effect<void> {
    return Effect.forEach(
      byPriority(programs).toReversed(),
      (level) =>
        Effect.andThen(
          closeAll(level),
          Ref.update(this.state, (state) => ({
            ...state,
            programs: state.programs.filter((program) => !level.includes(program))
          }))
        ),
      { discard: true }
    )
  }

  addGroup(group: string): Effect.Effect<void, ChangeRefusal, R> {
    return Effect.gen({ self: this }, function* () {
      const { known, programs } = yield* Ref.get(this.state)
      if (programs.some(({ config }) => config.group === group))
        return yield* Effect.fail<ChangeRefusal>("ALREADY_ADDED")
      const configs = known.filter((config) => config.group === group)
      if (configs.length === 0) return yield* Effect.fail<ChangeRefusal>("BAD_NAME")
      const added = yield* this.add(configs)
      yield* startAll(added.filter(({ config }) => config.autostart))
    })
  }

  removeGroup(group: string): Effect.Effect<void, ChangeRefusal> {
    return Effect.gen({ self: this }, function* () {
      const programs = (yield* Ref.get(this.state)).programs.filter(({ config }) => config.group === group)
      if (programs.length === 0) return yield* Effect.fail<ChangeRefusal>("BAD_NAME")
      const stopped = yield* Effect.forEach(programs, (program) => program.isStopped)
      if (stopped.includes(false)) return yield* Effect.fail<ChangeRefusal>("STILL_RUNNING")
      yield* this.drop(programs)
    })
  }

  reload(wanted: ReadonlyArray<ProgramConfig>): Effect.Effect<Reloaded, never, R> {
    return Effect.gen({ self: this }, function* () {
      const { programs } = yield* Ref.get(this.state)
      const diff = diffPrograms(
        programs.map(({ config }) => config),
        wanted
      )
      yield* Ref.update(this.state, (state) => ({ ...state, known: wanted }))
      const changed = programs.filter(isOf(idsOf(diff.changed)))
      const running = yield* Effect.filter(changed, (program) => Effect.map(program.isStopped, (is) => !is))
      yield* this.drop([...changed, ...programs.filter(isOf(idsOf(diff.removed)))])
      const added = yield* this.add([...diff.changed, ...diff.added])
      yield* Ref.update(this.state, (state) => ({ ...state, programs: inOrderOf(wanted, state.programs) }))
      const ran = idsOf(running.map(({ config }) => config))
      yield* startAll(added.filter((program) => program.config.autostart || isOf(ran)(program)))
      return {
        kept: diff.kept.map(formatId),
        added: diff.added.map(formatId),
        changed: diff.changed.map(formatId),
        removed: diff.removed.map(formatId)
      }
    })
  }
}

const inOrderOf = (wanted: ReadonlyArray<ProgramConfig>, programs: ReadonlyArray<Program.Program>) => {
  const places = new Map(wanted.map((config, place) => [formatId(config), place]))
  const placeOf = ({ config }: Program.Program) => places.get(formatId(config)) ?? wanted.length
  return programs.toSorted((a, b) => placeOf(a) - placeOf(b))
}

/**
 * A set with these programs, of which those with `autostart` are asked to start. When the scope closes, all programs
 * are stopped. `create` puts a program under supervision without starting it.
 */
export const make = Effect.fnUntraced(function* <R>(
  configs: ReadonlyArray<ProgramConfig>,
  create: (config: ProgramConfig) => Effect.Effect<Program.Program, never, R>
) {
  const context = yield* Effect.context<R>()
  const scope = yield* Scope.Scope
  const turn = yield* Semaphore.make(1)
  const state = yield* Ref.make<State>({ programs: [], known: configs, isClosing: false })
  const changes = new Changes(state, create)
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(
      Ref.updateAndGet(state, (now) => ({ ...now, isClosing: true })),
      ({ programs }) => closeAll(programs)
    )
  )
  /** In a fiber of the scope; interrupted only by its end. */
  const change = <A, E>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | "SHUTDOWN_STATE"> =>
    Effect.gen(function* () {
      if ((yield* Ref.get(state)).isClosing) return yield* Effect.fail("SHUTDOWN_STATE" as const)
      const provided = Effect.provideContext(effect, context)
      const exit = yield* Effect.flatMap(Effect.forkIn(provided, scope, { startImmediately: true }), Fiber.await)
      if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
        return yield* Effect.fail("SHUTDOWN_STATE" as const)
      }
      return yield* exit
    })
  const inTurn = (effect: Effect.Effect<void, ChangeRefusal, R>) =>
    change(
      Effect.uninterruptibleMask((restore) =>
        restore(turn.take(1)).pipe(
          Effect.timeoutOrElse({
            duration: programSetLimits.turnMsMax,
            orElse: () => Effect.fail<ChangeRefusal>("BUSY")
          }),
          Effect.andThen(Effect.ensuring(restore(effect), turn.release(1)))
        )
      )
    )
  yield* startAll((yield* changes.add(configs)).filter(({ config }) => config.autostart))
  const programs = Effect.map(Ref.get(state), (now) => now.programs)
  const set: ProgramSet = {
    programs,
    find: (id) => Effect.map(programs, (all) => all.find(({ config }) => formatId(config) === formatId(id))),
    isClosing: Effect.map(Ref.get(state), (now) => now.isClosing),
    known: Effect.map(Ref.get(state), (now) => now.known),
    learn: (known) => Ref.update(state, (now) => ({ ...now, known })),
    addGroup: (group) => inTurn(changes.addGroup(group)),
    removeGroup: (group) => inTurn(changes.removeGroup(group)),
    reload: (wanted) => change(turn.withPermit(changes.reload(wanted)))
  }
  return set
})

/** The first program whose group and name another one has; undefined when there is none. */
export const duplicateIn = (programs: ReadonlyArray<ProgramConfig>): ProgramConfig | undefined =>
  programs[repeatedPrograms(programs)[0] ?? -1]
