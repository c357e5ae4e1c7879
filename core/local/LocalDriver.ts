/**
 * The local process manager: programs on the console's own machine as a node like any other (S22).
 *
 * It takes the world from ChildProcessSpawner, Clock and the logger only. It ends with its scope: all programs are
 * stopped at the same time, each by its stop signal and, after its `stopwaitsecs`, by SIGKILL to its process group.
 */
import { Effect, Option, Schema, type Scope } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { Fault, NodeError, type NodeErrorReason, ShuttingDown, TimedOut } from "../domain/NodeError.ts"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { NodeDriver } from "../fleet/NodeDriver.ts"
import type { OutputTail } from "./OutputRing.ts"
import * as Program from "./Program.ts"
import { type ProgramConfig, repeatedPrograms } from "./ProgramConfig.ts"
import type { Refusal } from "./ProgramState.ts"

export const localDriverLimits = {
  /** How long a start or stop may wait until the program's fiber has taken it. */
  commandMsMax: 5_000
} as const

/** supervisord's numbers of the faults that the manager answers with. */
const faultCodes = { BAD_NAME: 10, ALREADY_STARTED: 60, NOT_RUNNING: 70, STILL_RUNNING: 91 } as const

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
   * What the program has written, from `offset` on or, when that is not possible, the newest `lengthBytesMax` bytes;
   * see `OutputTail`. An unknown program is a `Fault` named `BAD_NAME`.
   */
  readonly output: (
    id: ProcessId,
    options: { readonly channel: Program.OutputChannel; readonly offset: number; readonly lengthBytesMax: number }
  ) => Effect.Effect<OutputTail, NodeError>
}

export interface LocalDriverOptions {
  /** Name of the node in log lines. */
  readonly nodeName?: string
  readonly programs: ReadonlyArray<ProgramConfig>
  /** Variables of the console's own environment that programs do not get, such as its secrets. */
  readonly withhold?: ReadonlyArray<string>
}

const faultOf = (name: keyof typeof faultCodes, id: ProcessId): Fault =>
  new Fault({ code: faultCodes[name], name, text: `${name}: ${formatId(id)}` })

const refusalReason = (refusal: Refusal, id: ProcessId): NodeErrorReason =>
  refusal === "SHUTDOWN_STATE" ? new ShuttingDown({}) : faultOf(refusal, id)

const ask = Effect.fnUntraced(function* (program: Program.Program, command: "Start" | "Stop", operation: string) {
  const refusal = yield* program.command(command).pipe(
    Effect.timeoutOrElse({
      duration: localDriverLimits.commandMsMax,
      orElse: () =>
        Effect.fail(new NodeError({ operation, reason: new TimedOut({ afterMs: localDriverLimits.commandMsMax }) }))
    })
  )
  if (Option.isSome(refusal)) {
    return yield* new NodeError({ operation, reason: refusalReason(refusal.value, program.config) })
  }
})

const closeAll = (programs: ReadonlyArray<Program.Program>) =>
  Effect.forEach(programs, (program) => program.close, { concurrency: "unbounded", discard: true })

/**
 * Starts the manager and asks for a start of each program with `autostart`. Fails with `DuplicateProgram`.
 *
 * Beside supervisord's faults BAD_NAME, ALREADY_STARTED and NOT_RUNNING, a start of a program that is STOPPING is
 * refused with STILL_RUNNING (91), and a start after the beginning of the end with `ShuttingDown`.
 */
export const make = Effect.fnUntraced(function* (
  options: LocalDriverOptions
): Effect.fn.Return<LocalDriver, DuplicateProgram, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
  const { nodeName: node = "local", programs: configs, withhold = [] } = options
  const duplicate = configs[repeatedPrograms(configs)[0] ?? -1]
  if (duplicate !== undefined) {
    return yield* new DuplicateProgram({ group: duplicate.group, name: duplicate.name })
  }
  const programs = yield* Effect.acquireRelease(
    Effect.forEach(configs, (config) => Program.make({ config, node, withhold })),
    closeAll
  )
  const byId = new Map(programs.map((program) => [formatId(program.config), program]))

  const find = (operation: string, id: ProcessId) => {
    const program = byId.get(formatId(id))
    return program === undefined
      ? Effect.fail(new NodeError({ operation, reason: faultOf("BAD_NAME", id) }))
      : Effect.succeed(program)
  }
  yield* Effect.forEach(
    programs.filter((program) => program.config.autostart),
    (program) => program.command("Start"),
    { discard: true }
  )
  return {
    kind: "local",
    processes: Effect.forEach(programs, (program) => program.report),
    process: (id) => Effect.flatMap(find("local.process", id), (program) => program.report),
    start: (id) => Effect.flatMap(find("local.start", id), (program) => ask(program, "Start", "local.start")),
    stop: (id) => Effect.flatMap(find("local.stop", id), (program) => ask(program, "Stop", "local.stop")),
    timing: (id) =>
      Effect.map(find("local.timing", id), ({ config }) => ({
        startSecs: config.startsecs,
        startRetries: config.startretries,
        stopWaitSecs: config.stopwaitsecs
      })),
    output: (id, { channel, ...range }) =>
      Effect.map(find("local.output", id), (program) => program.output[channel].tail(range))
  }
})
