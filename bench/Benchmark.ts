/** A benchmark: something measured in one run of this process, with the number that it has to reach. */
import { Effect } from "effect"

export interface Measured {
  readonly value: number
  readonly unit: string
  /** What it is compared with, measured in the same run, and value in relation to it. */
  readonly against?: string
  readonly ratio?: number
}

export interface Benchmark {
  readonly name: string
  readonly what: string
  /** In words, for the table. */
  readonly target: string
  readonly met: (measured: Measured) => boolean
  readonly measure: Effect.Effect<Measured>
}

/** The median of some numbers: what a noisy machine disturbs least. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (lower + upper) / 2
}

/**
 * Milliseconds of processor time that `body` takes, all threads of the process together: what it costs on one core,
 * whoever else uses the machine.
 */
export const timed = <A>(body: () => A): { readonly ms: number; readonly value: A } => {
  const before = process.cpuUsage()
  const value = body()
  return { ms: cpuMsSince(before), value }
}

/** The same of an effect. */
export const timedEffect = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.gen(function* () {
    const before = process.cpuUsage()
    yield* effect
    return cpuMsSince(before)
  })

const microsPerMilli = 1_000

const cpuMsSince = (before: NodeJS.CpuUsage): number => {
  const { system, user } = process.cpuUsage(before)
  return (user + system) / microsPerMilli
}
