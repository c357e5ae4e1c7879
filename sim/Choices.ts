/**
 * Everything about a run that the program does not determine is a choice: an integer below `n`, where 0 is the dullest
 * answer (go on with the current fiber; no fault; the smallest value). The non-zero choices are the deviations of the
 * run; the run without any is the canonical one.
 *
 * Choices come from separate streams, so that changing or dropping those of one does not shift the others.
 */
import { Prng } from "./Prng.ts"
import type { TraceHash } from "./TraceHash.ts"

export const streams = ["schedule", "faults", "workload", "data"] as const
export type Stream = (typeof streams)[number]

/** One choice that was not the dullest: the `index`-th of its stream gave `value`. */
export interface Deviation {
  readonly stream: Stream
  readonly index: number
  readonly value: number
}

const streamNumber: Record<Stream, number> = { schedule: 0, faults: 1, workload: 2, data: 3 }

export class Choices {
  /** Generators by stream number; strategies draw from the first one themselves. */
  private readonly generators: ReadonlyArray<Prng>
  /** Choices made so far: of the schedule, and of the other streams by their number. */
  private scheduled = 0
  private readonly counts = [0, 0, 0, 0]
  private readonly hash: TraceHash
  private readonly recorded: Array<Deviation> | undefined

  constructor(options: { readonly seed: number; readonly hash: TraceHash; readonly record: boolean }) {
    this.generators = streams.map((_, i) => new Prng(options.seed, i))
    this.hash = options.hash
    this.recorded = options.record ? [] : undefined
  }

  /** The generator of the schedule stream, for the strategy to draw from. */
  get scheduling(): Prng {
    return this.generator("schedule")
  }

  /** A value from 0 to n - 1 of a stream, n up to 2^32. */
  choose(stream: Stream, n: number): number {
    const value = n <= 1 ? 0 : this.generator(stream).below(n)
    if (stream === "schedule") this.noteSchedule(value)
    else this.note(stream, value)
    return value
  }

  /** Counts a choice that the strategy made. The trace hash gets to know of it by the switches that it leads to. */
  noteSchedule(value: number): void {
    const index = this.scheduled++
    if (value !== 0) this.recorded?.push({ stream: "schedule", index, value })
  }

  private note(stream: Exclude<Stream, "schedule">, value: number): void {
    const number = streamNumber[stream]
    const index = this.counts[number] ?? 0
    this.counts[number] = index + 1
    if (value === 0) return
    this.hash.fold(number + 1, value)
    this.recorded?.push({ stream, index, value })
  }

  /** The deviations so far, in the order in which they were made; empty unless the run records. */
  get deviations(): ReadonlyArray<Deviation> {
    return this.recorded ?? []
  }

  private generator(stream: Stream): Prng {
    const generator = this.generators[streamNumber[stream]]
    if (generator === undefined) throw new Error(`Choices: no generator for stream ${stream}`)
    return generator
  }
}
