/** A local driver over a simulated machine, the fates of its programs there, and what the machine has seen of them. */
import { assert } from "@effect/vitest"
import { Clock, Context, type Duration, Effect, Exit, FileSystem, Layer, Schema, Scope } from "effect"
import * as LocalDriver from "../../../core/local/LocalDriver.ts"
import { ProgramConfig, type ProgramConfigInput } from "../../../core/local/ProgramConfig.ts"
import { type Behaviour, program } from "../../../sim/process/Behaviour.ts"
import * as Machine from "../../../sim/process/Machine.ts"
import type { Process, Program } from "../../../sim/process/Process.ts"
import * as SimHostProcesses from "../../../scenarios/ports/SimHostProcesses.ts"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as SimFileSystem from "../../../sim/fs/SimFileSystem.ts"
import * as SimProcesses from "../../../sim/process/SimProcesses.ts"
import { pass, type Verdict } from "../../../sim/Rules.ts"
import * as Sim from "../../../sim/Sim.ts"

/** What becomes of one start of a program. */
export interface Fate extends Behaviour {
  /** What befalls the start; default is that it goes well. */
  readonly spawn?: Verdict | undefined
  /** What befalls each signal that is sent to its group. */
  readonly signal?: Verdict | undefined
  /** Runs in place of the behaviour. */
  readonly program?: Program | undefined
}

/** A program that was started and has come to run. */
export interface Started {
  readonly process: Process
  readonly atMs: number
}

/** What everything is called that runs on the machine. */
const commands = ["serve", "quick"] as const

/** The environment of the console. */
const env = { PATH: "/bin", ADMIN_PASSWORD: "s3cret" } as const

export const programOf = (fields: Partial<ProgramConfigInput> = {}): ProgramConfig =>
  Schema.decodeSync(ProgramConfig)({ name: "web", command: "serve", ...fields })

/** Time goes by, and all is done that is due by then. Each call takes a microsecond more. */
export const elapse = (duration: Duration.Input) => Effect.andThen(Effect.sleep(duration), Effect.sleep(0.001))

/** All is done that can be done without time going by. */
export const settle = elapse(0)

/** What a driver needs, as one console on a machine with a disk. */
export const ports = Layer.mergeAll(SimProcesses.layer, SimHostProcesses.layer, SimFileSystem.layer())

/** A machine on which starts take no time; `decide` is asked at each, for the command and the number of its spawn. */
const machineOf = Effect.fnUntraced(function* (decide: (command: string, spawn: number) => Fate) {
  const spawns = new Map<string, number>()
  const fates = new Map<string, Fate>()
  const started: Array<Started> = []
  const sent: Array<string> = []
  const main = (process: Process) =>
    Effect.gen(function* () {
      const fate = fates.get(process.command) ?? {}
      started.push({ process, atMs: yield* Clock.currentTimeMillis })
      return yield* (fate.program ?? program(() => fate)).main(process)
    })
  const programs = Object.fromEntries(commands.map((command) => [command, { main }]))
  const options = { programs, env, folders: ["/", "/srv"], spawnMsMax: 0 } as const
  const services = yield* Layer.build(Layer.provideMerge(ports, Layer.merge(Machine.layer(options), Disk.layer())))
  const machine = Context.get(services, Machine.Machine)
  yield* machine.rule(({ command, operation, pid, signal }) => {
    if (operation === "spawn") {
      const spawn = (spawns.get(command) ?? 0) + 1
      const fate = decide(command, spawn)
      spawns.set(command, spawn)
      fates.set(command, fate)
      return fate.spawn ?? pass
    }
    if (signal === undefined) return pass
    if (signal !== "SIGCONT" && machine.system.table.hasGroup(pid)) sent.push(`${signal} ${pid}`)
    return fates.get(command)?.signal ?? pass
  })
  return {
    services,
    disk: Context.get(services, Disk.Disk),
    /** In the order of their first steps. */
    started,
    /** Signals that were sent to groups of which something was left, but for SIGCONT, which ends nothing. */
    sent,
    /** Groups with a member that runs, by the pids of their leaders. */
    alive: Effect.map(machine.processes, (all) =>
      Array.from(new Set(all.flatMap(({ group, state }) => (state === "zombie" ? [] : [group]))))
    ),
    /** Ends a group from outside. */
    kill: (leader: number) => machine.kill(-leader, "SIGKILL")
  }
})

/**
 * A driver on such a machine. It ends with `scope`, which is closed at the end of the test if that has not done it.
 * The fates of programs are those of `decide`, for a command and the number of its spawn, counted from 1.
 */
export const setUp = Effect.fnUntraced(function* (
  decide: (command: string, spawn: number) => Fate,
  ...programs: ReadonlyArray<Partial<ProgramConfigInput>>
) {
  return yield* setUpWith({}, decide, ...programs)
})

/** The same, with more options of the driver. */
export const setUpWith = Effect.fnUntraced(function* (
  options: Omit<LocalDriver.LocalDriverOptions, "programs">,
  decide: (command: string, spawn: number) => Fate,
  ...programs: ReadonlyArray<Partial<ProgramConfigInput>>
) {
  const { services, ...machine } = yield* machineOf(decide)
  const scope = yield* Effect.acquireRelease(Scope.make(), (made) => Scope.close(made, Exit.void))
  const startMs = yield* Clock.currentTimeMillis
  const driver = yield* LocalDriver.make({
    programs: programs.map(programOf),
    withhold: ["ADMIN_PASSWORD"],
    ...options
  }).pipe(Effect.provide(services), Scope.provide(scope))
  yield* settle
  return {
    ...machine,
    files: Context.get(services, FileSystem.FileSystem),
    driver,
    scope,
    /** Milliseconds since the driver was made. */
    now: Effect.map(Clock.currentTimeMillis, (nowMs) => nowMs - startMs),
    /** When programs were started, in such milliseconds. */
    starts: () => machine.started.map(({ atMs }) => atMs - startMs),
    /** Of the program `web`. */
    state: Effect.map(driver.process({ group: "web", name: "web" }), (process) => process.state)
  }
})

/** The test holds under many schedules; gives the result of the check. */
export const holds = <E>(test: Effect.Effect<void, E, Scope.Scope | Sim.RunContext>, { runs = 20 } = {}) => {
  const result = Sim.check(Effect.scoped(test), { runs, leaks: "fail", shrink: false })
  const { failure } = result
  assert.strictEqual(failure === undefined ? "" : `${failure.token}\n${failure.message}`, "")
  return result
}
