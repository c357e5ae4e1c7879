/**
 * A simulated machine that runs processes. It outlives the program under test that starts them: when that one crashes,
 * its children go on as orphans, as on a real machine, and the next instance finds them there.
 *
 * Models: a table of processes with parents, groups, sessions and zombies; programs by the name of their command;
 * pipes that are full at some point; signals that are ignored, handled, lost (by a rule), kept while a process is
 * stopped, and that come too early for a handler; an init that adopts orphans and, if it is a real one, reaps them; a
 * bound on the number of processes.
 * Does not model: users and permissions, files, terminals and job control, memory, CPU time, descriptors as a bounded
 * resource, pids that come again. A stopped process's plain `Effect.sleep` goes on; only its system calls wait.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { make as makeRules, type Rule } from "../Rules.ts"
import { RunContext } from "../RunContext.ts"
import { MachineKernel } from "./MachineKernel.ts"
import type { ProcessInfo } from "./Process.ts"
import type { Entry } from "./ProcessTable.ts"
import type { Signal } from "./Signal.ts"
import type { MachineOptions, ProcessPoint, System } from "./System.ts"

export class Machine extends Context.Service<
  Machine,
  {
    /** All processes, zombies included, by age. The program under test and init are not among them. */
    readonly processes: Effect.Effect<ReadonlyArray<ProcessInfo>>
    /** Sends a signal from outside, as an operator or the kernel would; no rule is asked. False when there is none. */
    readonly kill: (target: number, signal: Signal) => Effect.Effect<boolean>
    /** Adds a rule until the scope closes. */
    readonly rule: (rule: Rule<ProcessPoint>) => Effect.Effect<void, never, Scope.Scope>
    /**
     * The programs that use the machine have ended without a chance to clean up. Their ends of pipes are closed, and
     * their children are orphans. To be called together with the end of their fibers.
     */
    readonly crash: Effect.Effect<void>
    /** For spawners. */
    readonly system: System
  }
>()("muster/sim/process/Machine") {}

const defaults = {
  env: { PATH: "/usr/bin:/bin" },
  folders: ["/", "/tmp"],
  pipeBytesMax: 65_536,
  processesMax: 256,
  initReaps: true,
  spawnMsMax: 3,
  splitReads: true
} as const

export const layer = (options: MachineOptions): Layer.Layer<Machine, never, RunContext> =>
  Layer.effect(Machine, make({ ...defaults, ...options }))

const describePoint = ({ command, operation, pid, signal }: ProcessPoint): string => {
  const what = signal === undefined ? operation : `${operation} ${signal}`
  return pid === 0 ? `${what} of ${command}` : `${what}, ${command} (pid ${pid})`
}

const make = Effect.fnUntraced(function* (options: Required<MachineOptions>) {
  const context = yield* RunContext
  const rules = yield* makeRules<ProcessPoint>({ service: "process", describe: describePoint })
  const scope = yield* Effect.scope
  const kernel = new MachineKernel({ options, context, decide: rules.decide, scope })
  yield* Effect.forkIn(kernel.run, scope, { startImmediately: true })
  return Machine.of({
    processes: Effect.sync(() => kernel.table.all().map(toInfo)),
    kill: (target, signal) => Effect.sync(() => kernel.table.signal(target, signal)),
    rule: rules.add,
    crash: Effect.sync(() => kernel.crash()),
    system: kernel
  })
})

const toInfo = ({ args, command, group, pid, ppid, state }: Entry): ProcessInfo => ({
  pid,
  ppid,
  group,
  command,
  args,
  state
})
