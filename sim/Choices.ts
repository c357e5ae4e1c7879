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
/** The streams that programs and services draw from; the strategy answers for the schedule. */
export type DrawnStream = Exclude<Stream, "schedule">

/**
 * One choice that was not the dullest: the `index`-th of its stream gave `value`. The rest names it in a way that
 * outlasts changes to other parts of the run.
 */
export interface Deviation {
  readonly stream: Stream
  readonly index: number
  readonly value: number
  /** Path of the fiber that it befell, or that drew it; `-` outside of any. */
  readonly fiber: string
  /** Schedule: the fiber's own steps before it. Other streams: how many choices of the stream it had drawn before. */
  readonly at: number
  /** Schedule only. */
  readonly turn?: Turn
}

/** How the schedule left its dullest course at one point. */
export interface Turn {
  /** The current fiber was preempted; or, while none ran, one was picked; or one that was resumed had to wait. */
  readonly kind: "preempted" | "picked" | "held-back"
  /** How many choices of this kind had befallen the fiber at the same step before. */
  readonly nth: number
  /** Path of the fiber that ran instead. */
  readonly to: string
  /** How many older tasks of that fiber were passed over. */
  readonly skipped: number
}

/** Gives the values of the choices that programs and services draw. */
export interface ChoiceSource {
  /** From 0 to n - 1, n from 2 to 2^32: the `index`-th choice of the stream, drawn by the fiber of this path. */
  readonly value: (stream: DrawnStream, n: number, index: number, fiber: () => string) => number
}

const streamNumber: Record<Stream, number> = { schedule: 0, faults: 1, workload: 2, data: 3 }

/** Choices from a seed, one generator for each stream. */
export const seeded = (seed: number): ChoiceSource => {
  const generators = {
    faults: new Prng(seed, streamNumber.faults),
    workload: new Prng(seed, streamNumber.workload),
    data: new Prng(seed, streamNumber.data)
  }
  return { value: (stream, n) => generators[stream].below(n) }
}

/** The generator of the schedule of a seed, for the strategy to draw from. */
export const scheduling = (seed: number): Prng => new Prng(seed, streamNumber.schedule)

export interface ChoicesOptions {
  readonly source: ChoiceSource
  readonly hash: TraceHash
  /** Keeps the deviations. */
  readonly record: boolean
  /** Number and path of the fiber that runs. */
  readonly drawer: () => number
  readonly pathOf: (fiber: number) => string
}

const choicesMax = 2 ** 32

export class Choices {
  /** Choices made so far: of the schedule, and of the other streams by their number. */
  private scheduled = 0
  private readonly counts = [0, 0, 0, 0]
  private readonly drawnByFiber = new Map<string, number>()
  private readonly options: ChoicesOptions
  private readonly recorded: Array<Deviation> = []

  constructor(options: ChoicesOptions) {
    this.options = options
  }

  /** A value from 0 to n - 1 of a stream, n up to 2^32. */
  choose(stream: DrawnStream, n: number): number {
    if (!Number.isInteger(n) || n > choicesMax) {
      throw new RangeError(`Sim: a choice among ${n}, expected an integer of at most 2^32`)
    }
    // No choice at all, and so nothing that a replay has to meet again.
    if (n <= 1) return 0
    const number = streamNumber[stream]
    const index = this.counts[number] ?? 0
    this.counts[number] = index + 1
    const { drawer, hash, pathOf, record, source } = this.options
    const fiber = () => pathOf(drawer())
    const value = source.value(stream, n, index, fiber)
    if (value !== 0) hash.fold(number + 1, value)
    if (record) {
      const path = fiber()
      const at = this.count(`${number}${path}`)
      if (value !== 0) this.recorded.push({ stream, index, value, fiber: path, at })
    }
    return value
  }

  /** Counts a choice that the strategy made. The trace hash gets to know of it by the switches that it leads to. */
  noteSchedule(): void {
    this.scheduled++
  }

  /** Records the latest choice of the strategy, one that was not the dullest; `fiber` had taken `at` steps itself. */
  recordSchedule(value: number, fiber: number, at: number, turn: Turn): void {
    const index = this.scheduled - 1
    this.recorded.push({ stream: "schedule", index, value, fiber: this.options.pathOf(fiber), at, turn })
  }

  /** Choices that the strategy made. */
  get decisions(): number {
    return this.scheduled
  }

  /** How many values were drawn from each stream. */
  get drawn(): Readonly<Record<DrawnStream, number>> {
    const of = (stream: DrawnStream) => this.counts[streamNumber[stream]] ?? 0
    return { faults: of("faults"), workload: of("workload"), data: of("data") }
  }

  /** The deviations so far, in the order in which they were made; empty unless the run records. */
  get deviations(): ReadonlyArray<Deviation> {
    return this.recorded
  }

  private count(key: string): number {
    const count = this.drawnByFiber.get(key) ?? 0
    this.drawnByFiber.set(key, count + 1)
    return count
  }
}
