/**
 * The local process manager: programs on the console's own machine as a node like any other (S22).
 *
 * It takes the world from ChildProcessSpawner, HostProcesses, FileSystem, Clock and the logger only. It ends with its
 * scope: programs are stopped in the order of their priorities, those of one priority at the same time, each by its
 * stop signal and, after its `stopwaitsecs`, by SIGKILL to its process group. What a console that was killed has left
 * running is ended before anything is started.
 */
import { Effect, type FileSystem, Option, Schema, type Scope, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { Fault, NodeError, type NodeErrorReason, ShuttingDown, TimedOut } from "../domain/NodeError.ts"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { NodeDriver } from "../fleet/NodeDriver.ts"
import type { Components } from "../health/Components.ts"
import { SupervisorFaultCode } from "../supervisor/SupervisorFault.ts"
import { HostProcesses, markOf } from "./HostProcesses.ts"
import { logFileLimits } from "./LogFile.ts"
import * as Orphans from "./Orphans.ts"
import * as Program from "./Program.ts"
import type { ProgramConfig } from "./ProgramConfig.ts"
import { diffGroups } from "./ProgramDiff.ts"
import { runLimits } from "./ProgramRun.ts"
import * as ProgramSet from "./ProgramSet.ts"
import type { Refusal } from "./ProgramState.ts"
import { parseSignal } from "./SignalName.ts"

export const localDriverLimits = {
  /** How long a start or stop may wait until the program's fiber has taken it. */
  commandMsMax: 5_000,
  /** How long reading the configuration again may take. */
  rereadMsMax: 30_000
} as const

/** The name under which the manager tells of its health. */
export const componentName = "local programs"

/** Two programs have the same group and name. */
export class DuplicateProgram extends Schema.TaggedError<DuplicateProgram>()("DuplicateProgram", {
  group: Schema.String,
  name: Schema.String
}) {
  override get message(): string {
    return `program "${this.group}:${this.name}" is there twice; expected group and name to differ`
  }
}

export interface LocalDriver extends NodeDriver {
  readonly kind: "local"
  /**
   * Comes from the programs that run to this list: those that are the same are left alone, removed ones are stopped,
   * changed ones are stopped and, if they ran or have `autostart`, started with their new section, and added ones are
   * started if they have `autostart`. One reload after another. It goes on when the one who asked stops waiting; the
   * end of the driver stops it, and then all programs. Fails with `DuplicateProgram` before anything is done.
   */
  readonly reload: (
    programs: ReadonlyArray<ProgramConfig>
  ) => Effect.Effect<ProgramSet.Reloaded, DuplicateProgram | NodeError>
}

export interface LocalDriverOptions {
  /** Name of the node, in log lines and as its identifier. */
  readonly nodeName?: string
  readonly programs: ReadonlyArray<ProgramConfig>
  /** Variables of the console's own environment that programs do not get, such as its secrets. */
  readonly withhold?: ReadonlyArray<string>
  /** The console's version, as the node's. */
  readonly version?: string
  /** The console's pid, as the node's. */
  readonly pid?: number
  /**
   * What this console is known by across its restarts, such as its node's name and the path of its configuration. Two
   * consoles must not have the same. Without it nothing is known of what an earlier console has left.
   */
  readonly instance?: string
  /** Reads the programs of the configuration as it is now; without it the configuration never changes. */
  readonly reread?: Effect.Effect<ReadonlyArray<ProgramConfig>, { readonly message: string }>
  /** Is told of log files that cannot be written. */
  readonly health?: Components["Service"]
}

type FaultName = keyof typeof SupervisorFaultCode

const fault = (name: FaultName, text: string): Fault =>
  new Fault({ code: SupervisorFaultCode[name], name, text: `${name}: ${text}` })

const shutsDown = new ShuttingDown({})

/** A program that is stopped for good belongs to a driver that ends, or it is being replaced. */
const refusalReason = (refusal: Refusal, id: ProcessId, isClosing: boolean): NodeErrorReason => {
  if (refusal !== "SHUTDOWN_STATE") return fault(refusal, formatId(id))
  return isClosing ? shutsDown : fault("STILL_RUNNING", formatId(id))
}

const changeReason = (refusal: ProgramSet.ChangeRefusal, what: string): NodeErrorReason => {
  if (refusal === "SHUTDOWN_STATE") return shutsDown
  if (refusal === "BUSY") return new TimedOut({ afterMs: ProgramSet.programSetLimits.turnMsMax })
  return fault(refusal, what)
}

const notDoneReason = (why: Program.NotDone, id: ProcessId): NodeErrorReason => {
  switch (why._tag) {
    case "NotRunning":
      return fault("NOT_RUNNING", formatId(id))
    case "Closed":
      return fault("NO_FILE", `${formatId(id)} has closed its standard input`)
    case "NotRead":
      return new TimedOut({ afterMs: runLimits.stdinMsMax })
    case "Failed":
      return fault("FAILED", `${formatId(id)}: ${why.detail}`)
  }
}

/** What a driver works with. */
interface Parts {
  readonly set: ProgramSet.ProgramSet
  readonly options: LocalDriverOptions
}

const find = ({ set }: Parts, operation: string, id: ProcessId) =>
  Effect.flatMap(set.find(id), (program) =>
    program === undefined
      ? Effect.fail(new NodeError({ operation, reason: fault("BAD_NAME", formatId(id)) }))
      : Effect.succeed(program)
  )

const ask = (parts: Parts, command: "Start" | "Stop", operation: string) =>
  Effect.fnUntraced(function* (id: ProcessId) {
    const program = yield* find(parts, operation, id)
    const refusal = yield* program.command(command).pipe(
      Effect.timeoutOrElse({
        duration: localDriverLimits.commandMsMax,
        orElse: () =>
          Effect.fail(new NodeError({ operation, reason: new TimedOut({ afterMs: localDriverLimits.commandMsMax }) }))
      })
    )
    if (Option.isNone(refusal)) return
    const isClosing = yield* parts.set.isClosing
    return yield* new NodeError({ operation, reason: refusalReason(refusal.value, id, isClosing) })
  })

const communication = (parts: Parts): Pick<NodeDriver, "signal" | "sendStdin"> => ({
  signal: Effect.fnUntraced(function* (id, text) {
    const operation = "local.signal"
    const program = yield* find(parts, operation, id)
    const signal = parseSignal(text)
    if (signal === undefined) return yield* new NodeError({ operation, reason: fault("BAD_SIGNAL", text) })
    yield* Effect.mapError(
      program.signal(signal),
      (why) => new NodeError({ operation, reason: notDoneReason(why, id) })
    )
  }),
  sendStdin: Effect.fnUntraced(function* (id, chars) {
    const operation = "local.sendStdin"
    const program = yield* find(parts, operation, id)
    yield* Effect.mapError(
      program.writeStdin(new TextEncoder().encode(chars)),
      (why) => new NodeError({ operation, reason: notDoneReason(why, id) })
    )
  })
})

const logs = (parts: Parts): Pick<NodeDriver, "clearLog" | "readLog" | "followLog"> => ({
  clearLog: Effect.fnUntraced(function* (id) {
    const operation = "local.clearLog"
    const program = yield* find(parts, operation, id)
    yield* Effect.all([program.logs.stdout.clear, program.logs.stderr.clear], { discard: true }).pipe(
      Effect.mapError((detail) => new NodeError({ operation, reason: fault("FAILED", `${formatId(id)}: ${detail}`) }))
    )
  }),
  readLog: Effect.fnUntraced(function* (id, channel, range) {
    const operation = "local.readLog"
    const program = yield* find(parts, operation, id)
    return yield* Effect.mapError(
      program.logs[channel].read(range),
      (detail) => new NodeError({ operation, reason: fault("FAILED", `${formatId(id)}: ${detail}`) })
    )
  }),
  followLog: (id, channel) => {
    const operation = "local.followLog"
    const gone = new NodeError({ operation, reason: fault("BAD_NAME", `${formatId(id)} was removed or replaced`) })
    return Stream.unwrap(
      Effect.map(find(parts, operation, id), (program) =>
        Stream.concat(program.logs[channel].follow, Stream.fail(gone))
      )
    )
  }
})

const configuration = (parts: Parts): Pick<NodeDriver, "reread" | "addGroup" | "removeGroup"> => {
  const { options, set } = parts
  const change = (operation: string, group: string, effect: Effect.Effect<void, ProgramSet.ChangeRefusal>) =>
    Effect.mapError(effect, (refusal) => new NodeError({ operation, reason: changeReason(refusal, group) }))
  const operation = "local.reread"
  const refuse = (text: string) => new NodeError({ operation, reason: fault("CANT_REREAD", text) })
  const { reread = set.known } = options
  return {
    reread: Effect.gen(function* () {
      const known = yield* reread.pipe(
        Effect.mapError(({ message }) => refuse(message)),
        Effect.timeoutOrElse({
          duration: localDriverLimits.rereadMsMax,
          orElse: () =>
            Effect.fail(new NodeError({ operation, reason: new TimedOut({ afterMs: localDriverLimits.rereadMsMax }) }))
        })
      )
      const duplicate = ProgramSet.duplicateIn(known)
      if (duplicate !== undefined) return yield* refuse(new DuplicateProgram(duplicate).message)
      yield* set.learn(known)
      const running = yield* set.programs
      return diffGroups(
        running.map(({ config }) => config),
        known
      )
    }),
    addGroup: (group) => change("local.addGroup", group, set.addGroup(group)),
    removeGroup: (group) => change("local.removeGroup", group, set.removeGroup(group))
  }
}

const reload = ({ set }: Parts): LocalDriver["reload"] =>
  Effect.fnUntraced(function* (programs) {
    const duplicate = ProgramSet.duplicateIn(programs)
    if (duplicate !== undefined) {
      return yield* new DuplicateProgram({ group: duplicate.group, name: duplicate.name })
    }
    return yield* Effect.mapError(
      set.reload(programs),
      () => new NodeError({ operation: "local.reload", reason: shutsDown })
    )
  })

/** Says it once when a log file cannot be written any more, and once when it can again. */
const logTrouble =
  (health: LocalDriverOptions["health"]): Program.ProgramOptions["onLogTrouble"] =>
  (path, reason) =>
    Option.match(reason, {
      onSome: (detail) =>
        Effect.andThen(
          Effect.logError(
            `${path} cannot be written (${detail}): output is dropped; next try in ${logFileLimits.retryMs / 1_000} s`
          ),
          health?.errored(componentName, `${path} cannot be written: ${detail}`) ?? Effect.void
        ),
      onNone: () =>
        Effect.andThen(Effect.logInfo(`${path} is written again`), health?.succeeded(componentName) ?? Effect.void)
    })

const detailOf = (set: ProgramSet.ProgramSet) =>
  Effect.gen(function* () {
    const programs = yield* set.programs
    const stopped = yield* Effect.forEach(programs, (program) => program.isStopped)
    return {
      programs: programs.length,
      running: stopped.filter((is) => !is).length,
      bytes_dropped: programs.reduce((sum, { logs: all }) => sum + all.stdout.dropped() + all.stderr.dropped(), 0)
    }
  })

/**
 * Ends what an earlier life of the console has left, and then asks for a start of each program with `autostart`. Fails
 * with `DuplicateProgram`. How long it takes is bounded by `orphanLimits`.
 *
 * Beside supervisord's faults, a start of a program that is STOPPING is refused with STILL_RUNNING (91), and a start
 * after the beginning of the end with `ShuttingDown`.
 */
export const make = Effect.fnUntraced(function* (
  options: LocalDriverOptions
): Effect.fn.Return<
  LocalDriver,
  DuplicateProgram,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | HostProcesses | Scope.Scope
> {
  const {
    health,
    instance,
    nodeName: node = "local",
    pid = 0,
    programs: configs,
    version = "",
    withhold = []
  } = options
  const duplicate = ProgramSet.duplicateIn(configs)
  if (duplicate !== undefined) {
    return yield* new DuplicateProgram({ group: duplicate.group, name: duplicate.name })
  }
  const { self } = yield* HostProcesses
  if (instance !== undefined) yield* Effect.annotateLogs(Orphans.endOrphans(instance, configs), { node })
  const onLogTrouble = logTrouble(health)
  const set = yield* ProgramSet.make(configs, (config) =>
    Program.make({ config, node, withhold, mark: markOf(config, { instance, self }), onLogTrouble })
  )
  if (health !== undefined) yield* health.register(componentName, detailOf(set))
  const parts: Parts = { set, options }
  const all = Effect.flatMap(
    set.programs,
    Effect.forEach((program) => program.report)
  )
  return {
    kind: "local",
    identify: Effect.succeed({ identifier: node, version, pid }),
    processes: all,
    process: (id) => Effect.flatMap(find(parts, "local.process", id), (program) => program.report),
    start: ask(parts, "Start", "local.start"),
    stop: ask(parts, "Stop", "local.stop"),
    ...communication(parts),
    ...logs(parts),
    timing: (id) =>
      Effect.map(find(parts, "local.timing", id), ({ config }) => ({
        startSecs: config.startsecs,
        startRetries: config.startretries,
        stopWaitSecs: config.stopwaitsecs
      })),
    ...configuration(parts),
    reload: reload(parts)
  }
})
