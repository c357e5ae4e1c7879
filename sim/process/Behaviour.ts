/** Programs by what is remarkable about them; the plainest one prints nothing and stays until it is killed. */
import { Effect } from "effect"
import type { Process, Program } from "./Process.ts"
import type { Signal } from "./Signal.ts"

export interface Behaviour {
  /** Exits by itself after this time; default is never. */
  readonly runMs?: number | undefined
  /** Exit status, by itself or after a slow stop. Default 0. */
  readonly exitCode?: number | undefined
  /** Signals that it ignores from its first moment on. */
  readonly ignores?: ReadonlyArray<Signal> | undefined
  /** Takes this time from SIGTERM or SIGINT to its exit, as a server that ends its work; default is to die of them. */
  readonly stopMs?: number | undefined
  /** Printed at the start, in this order. */
  readonly stdout?: ReadonlyArray<string> | undefined
  readonly stderr?: ReadonlyArray<string> | undefined
  /** Prints so many bytes more, as fast as they are read; Infinity for a flood without an end. */
  readonly floodBytes?: number | undefined
  /** Prints what it reads until the end of its input, and exits then. */
  readonly echoes?: boolean | undefined
  /** Starts these in its group, before it prints. What they print goes to the same pipes. */
  readonly children?: ReadonlyArray<Behaviour> | undefined
  /** Leaves the group of its parent, as a daemon does. Of children. */
  readonly session?: boolean | undefined
}

/** One write of a flood. */
const floodChunk = new Uint8Array(8_192).fill(0x7e)

/** A program that behaves as told, for the number of its start on the machine. */
export const program = (behave: Behaviour | ((start: number) => Behaviour)): Program => {
  if (typeof behave !== "function") return { ignores: behave.ignores ?? [], main: (process) => live(process, behave) }
  return {
    main: (process) =>
      Effect.gen(function* () {
        const behaviour = behave(process.start)
        for (const signal of behaviour.ignores ?? []) yield* process.on(signal, "ignore")
        return yield* live(process, behaviour)
      })
  }
}

const live = Effect.fnUntraced(function* (process: Process, behaviour: Behaviour) {
  const { children = [], exitCode = 0, floodBytes = 0, stderr = [], stdout = [], stopMs } = behaviour
  if (stopMs !== undefined) {
    const stop = Effect.andThen(Effect.sleep(stopMs), process.exit(exitCode))
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      if (behaviour.ignores?.includes(signal) !== true) yield* process.on(signal, stop)
    }
  }
  for (const child of children) yield* process.fork(program(child), { session: child.session === true })
  for (const text of stdout) yield* process.print(text)
  for (const text of stderr) yield* process.printError(text)
  for (let left = floodBytes; left > 0; left -= floodChunk.length) {
    yield* process.print(floodChunk.subarray(0, Math.min(left, floodChunk.length)))
  }
  if (behaviour.echoes === true) {
    for (let read = yield* process.read(); read !== undefined; read = yield* process.read()) yield* process.print(read)
    return exitCode
  }
  yield* behaviour.runMs === undefined ? Effect.never : Effect.sleep(behaviour.runMs)
  return exitCode
})
