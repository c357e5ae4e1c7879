/** What tests of simulated processes share: a machine with programs, and a program under test on it. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Option, type PlatformError, type Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { type Behaviour, program } from "../../../sim/process/Behaviour.ts"
import * as Machine from "../../../sim/process/Machine.ts"
import type { Program } from "../../../sim/process/Process.ts"
import * as SimProcesses from "../../../sim/process/SimProcesses.ts"
import type { MachineOptions } from "../../../sim/process/System.ts"
import * as Sim from "../../../sim/Sim.ts"

export type Test<E = unknown> = Effect.Effect<
  void,
  E,
  Machine.Machine | ChildProcessSpawner.ChildProcessSpawner | Scope.Scope | Sim.RunContext
>

export type Programs = Readonly<Record<string, Behaviour | Program | "not executable">>

const programsOf = (programs: Programs): MachineOptions["programs"] =>
  Object.fromEntries(
    Object.entries(programs).map(([name, does]) => [
      name,
      does === "not executable" || "main" in does ? does : program(does)
    ])
  )

export const onMachine = (test: Test, programs: Programs, options: Omit<MachineOptions, "programs"> = {}) =>
  Effect.provide(
    Effect.scoped(test),
    Layer.provideMerge(SimProcesses.layer, Machine.layer({ ...options, programs: programsOf(programs) }))
  )

/** Holds in every run; gives the result of the check. */
export const holds = (test: Test, programs: Programs, options: Omit<MachineOptions, "programs"> = {}) => {
  const result = Sim.check(onMachine(test, programs, options), { runs: 100 })
  assert.isUndefined(result.failure?.message)
  return result
}

/** A command without words, which is killed at once with its scope unless told otherwise. */
export const command = (name: string, options: ChildProcess.CommandOptions = {}) =>
  ChildProcess.make(name, [], { killSignal: "SIGKILL", ...options })

/** The table in short: `web 1001<1000 running`. */
export const table = Machine.Machine.use(({ processes }) =>
  Effect.map(processes, (all) => all.map(({ command: name, pid, ppid, state }) => `${name} ${pid}<${ppid} ${state}`))
)

export const textOf = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>) =>
  Stream.mkString(Stream.decodeText(stream))

/** The tag and the code or words of a platform error. */
export const errorOf = <A, R>(effect: Effect.Effect<A, PlatformError.PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    const { cause } = reason
    if (!(cause instanceof Error)) return reason._tag
    return `${reason._tag} ${"code" in cause ? String(cause.code) : cause.message}`
  })

export const isStuck = <A, E, R>(effect: Effect.Effect<A, E, R>, ms: number) =>
  Effect.map(Effect.timeoutOption(effect, ms), Option.isNone)
