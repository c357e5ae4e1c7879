/**
 * Shrinking: from a failing run to one that fails in the same way with as few deviations as possible. Workload, faults,
 * schedule and values shrink together, by removing parts of the list of deviations (in the manner of delta debugging,
 * Zeller and Hildebrandt 2002) and by lowering values. At the end no single deviation can be removed, unless the budget
 * ran out first.
 *
 * Each candidate is a tolerant replay (`Guide`); what is kept is always the deviations that a run really had. The
 * result is done twice more, strictly, from its written-out choices: equal traces or no result.
 */
import type { Effect } from "effect"
import type { Deviation, DrawnStream, Stream } from "./Choices.ts"
import { guided } from "./Guide.ts"
import type { RunContext } from "./RunContext.ts"
import { execute } from "./Run.ts"
import type { ExecuteOptions, RunResult } from "./Run.ts"
import { listed, scriptOf } from "./Script.ts"
import type { Strategy } from "./Strategy.ts"
import { listedSchedule } from "./strategies/Listed.ts"
import { sparse } from "./strategies/Sparse.ts"

export interface ShrinkOptions extends Pick<ExecuteOptions, "name" | "stepsMax" | "leaks"> {
  /** Candidate runs at most. Default 2,000. */
  readonly candidatesMax?: number
  /** Steps of all candidate runs together at most. Default 20,000,000. */
  readonly candidateStepsMax?: number
}

export interface Shrunk<A, E> {
  /** The shrunk run, with its story; its token has the choices written out. */
  readonly run: RunResult<A, E>
  /** Candidates that were run. */
  readonly candidates: number
  /** No single deviation can be removed. False when the budget ran out before that was sure. */
  readonly minimal: boolean
}

const candidatesMaxDefault = 2_000
const candidateStepsMaxDefault = 20_000_000

/**
 * Two failures are alike when they end the same way and say the same, numbers, quoted values and hexadecimal ids apart.
 * Deadlocks are alike, whoever waits; so are runs that do not end.
 */
export const failureClass = ({
  leaks,
  message,
  outcome
}: Pick<RunResult<unknown, unknown>, "leaks" | "message" | "outcome">): string => {
  if (outcome === "deadlock" || outcome === "step-limit") return outcome
  if (leaks.length === 0) return `${outcome} ${withoutValues(message)}`
  // What was left over, whoever left it.
  const kinds = new Set(leaks.map((leak) => withoutValues(leak).split(/ in |, | made by /)[0] ?? ""))
  return `leaked ${Array.from(kinds)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join()}`
}

/** Values become marks, and lists of them one mark, whatever their length. */
const withoutValues = (message: string): string =>
  message
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\b[0-9a-f]{8,}\b/g, "#")
    .replace(/-?\d+(?:\.\d+)?/g, "#")
    .replace(/(#|"")(?:,\s*(?:#|""))+/g, "$1")

/** `failed` did not end well, and has its deviations. Undefined when tolerant replay cannot lead to it again. */
export const shrink = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  failed: RunResult<A, E>,
  options: ShrinkOptions = {}
): Shrunk<A, E> | undefined => {
  const search = new Search(program, failed, options)
  if (!search.start()) return undefined
  const minimal = search.run()
  const run = search.confirmed()
  return run === undefined ? undefined : { run, candidates: search.candidates, minimal }
}

/** What leads a candidate, where it is not the candidate's own turns and the seeds that there are. */
interface Lead {
  readonly dataSeed?: number | "none"
  readonly seed?: number | undefined
  readonly strategy?: Strategy | undefined
}

/** Pairs are tried among so many turns at most. */
const pairsOfMax = 24

/** Schedules of few turns to try, and how many turns at most. */
const samples = 120
const sampledTurnsMax = 4

/** From what usually holds the most that can go to what holds the least. */
const order: ReadonlyArray<Exclude<Stream, "data">> = ["workload", "faults", "schedule"]

class Search<A, E> {
  candidates = 0
  private steps = 0
  private best: RunResult<A, E>
  /** Seed of the data, or that all of it can be the dullest. */
  private dataSeed: number | "none"
  private sampled = 0
  private readonly program: Effect.Effect<A, E, RunContext>
  private readonly options: ShrinkOptions
  private readonly wanted: string
  private readonly stepsMax: number

  constructor(program: Effect.Effect<A, E, RunContext>, failed: RunResult<A, E>, options: ShrinkOptions) {
    this.program = program
    this.options = options
    this.best = failed
    this.dataSeed = failed.seed
    this.wanted = failureClass(failed)
    // A candidate that takes much longer than the failure is another story; a run without an end needs its full length.
    this.stepsMax =
      failed.outcome === "step-limit" ? failed.steps : Math.min(options.stepsMax ?? Infinity, 4 * failed.steps + 10_000)
  }

  /** Whether the failure, led by all of its deviations, comes again. */
  start(): boolean {
    return this.holds(this.best.deviations)
  }

  /** Shrinks until nothing changes any more; false when the budget ran out. */
  run(): boolean {
    if (this.best.drawn.data > 0) this.holds(this.deviations(), { dataSeed: "none" })
    for (let size = Infinity; !this.spent;) {
      const now = weight(this.deviations())
      if (now === size && !this.resample() && !this.dropPairs()) return true
      size = now
      for (const stream of order) this.dropAll(stream)
      for (const stream of order) this.dropParts(stream)
      for (const stream of ["workload", "faults"] as const) {
        this.lowerValues(stream)
        this.cutOut(stream)
      }
    }
    return false
  }

  /** The result, done twice from its written-out choices; undefined if that does not give the same run. */
  confirmed(): RunResult<A, E> | undefined {
    const { deviations } = this.best
    const strictly = (): RunResult<A, E> =>
      execute(this.program, {
        ...this.options,
        stepsMax: this.stepsMax,
        seed: this.dataSeed === "none" || this.best.drawn.data === 0 ? 0 : this.dataSeed,
        strategy: listedSchedule(listed(deviations, "schedule")),
        script: scriptOf(deviations, this.dataSeed === "none"),
        record: "story"
      })
    const [first, second] = [strictly(), strictly()]
    return first.traceHash === second.traceHash && failureClass(first) === this.wanted ? second : undefined
  }

  private get spent(): boolean {
    const { candidateStepsMax = candidateStepsMaxDefault, candidatesMax = candidatesMaxDefault } = this.options
    return this.candidates >= candidatesMax || this.steps >= candidateStepsMax
  }

  /** The deviations that shrink; data is all or nothing. */
  private deviations(): ReadonlyArray<Deviation> {
    return this.best.deviations.filter(({ stream }) => stream !== "data")
  }

  /** Runs the candidate, and keeps it as the best if it fails in the same way. */
  private holds(
    candidate: ReadonlyArray<Deviation>,
    { dataSeed = this.dataSeed, seed = this.best.seed, strategy }: Lead = {}
  ): boolean {
    if (this.spent) return false
    const lead = guided(candidate, dataSeed === "none" ? undefined : dataSeed)
    const result = execute(this.program, {
      ...this.options,
      stepsMax: this.stepsMax,
      seed,
      strategy: strategy ?? lead.strategy,
      source: lead.source,
      record: "deviations",
      stacks: false
    })
    this.candidates++
    this.steps += result.steps
    if (failureClass(result) !== this.wanted) return false
    this.best = result
    this.dataSeed = dataSeed
    return true
  }

  /** Keeps the candidate only if it is smaller than what there is. */
  private accepts(candidate: ReadonlyArray<Deviation>, strategy?: Strategy, seed?: number): boolean {
    const before = this.best
    const size = weight(this.deviations())
    if (!this.holds(candidate, { strategy, seed })) return false
    if (weight(this.deviations()) < size) return true
    this.best = before
    return false
  }

  private dropAll(stream: Stream): void {
    const rest = this.deviations().filter((deviation) => deviation.stream !== stream)
    if (rest.length < this.deviations().length) this.accepts(rest)
  }

  /** Drops parts of the deviations of a stream: halves, quarters .. single ones, the latest first. */
  private dropParts(stream: Stream): void {
    const ofStream = () => this.deviations().filter((deviation) => deviation.stream === stream)
    for (let part = ofStream().length; part >= 1; part = Math.floor(part / 2)) {
      let end = ofStream().length
      while (end > 0 && !this.spent) {
        const items = ofStream()
        end = Math.min(end, items.length)
        const dropped = new Set(items.slice(Math.max(0, end - part), end))
        if (dropped.size === 0) break
        this.accepts(this.deviations().filter((deviation) => !dropped.has(deviation)))
        end -= part
      }
    }
  }

  /** Drops two turns at once: the second may only have made up for the first. */
  private dropPairs(): boolean {
    const turns = this.deviations().filter(({ stream }) => stream === "schedule")
    if (turns.length > pairsOfMax) return false
    return turns.some((first, i) =>
      turns
        .slice(i + 1)
        .some((second) => this.accepts(this.deviations().filter((other) => other !== first && other !== second)))
    )
  }

  /** With the workload as small as it is, looks for the same failure in schedules of few turns. */
  private resample(): boolean {
    const turns = this.deviations().filter(({ stream }) => stream === "schedule").length
    for (let i = 0; i < samples && !this.spent; i++) {
      const count = 1 + (i % sampledTurnsMax)
      if (count >= turns) continue
      if (this.accepts(this.deviations(), sparse(count, this.best.decisions), this.sampled++)) return true
    }
    return false
  }

  /** Lowers each value of a stream as far as the failure allows. */
  private lowerValues(stream: DrawnStream): void {
    const count = () => this.deviations().filter((deviation) => deviation.stream === stream).length
    for (let i = count() - 1; i >= 0 && !this.spent; i--) {
      const target = () => this.deviations().filter((deviation) => deviation.stream === stream)[i]
      const lowerTo = (value: number): boolean => {
        const from = target()
        return (
          from !== undefined &&
          value < from.value &&
          this.accepts(this.deviations().map((deviation) => (deviation === from ? { ...from, value } : deviation)))
        )
      }
      const value = target()?.value ?? 0
      if (value > 1 && !lowerTo(1)) {
        remainders(value).some(lowerTo)
        this.bisect(() => target()?.value ?? 0, lowerTo)
      }
    }
  }

  /** Between a value that does not fail and the one that does; for a plain bound this finds it. */
  private bisect(value: () => number, lowerTo: (value: number) => boolean): void {
    for (let low = 1; value() - low > 1 && !this.spent;) {
      const middle = low + Math.floor((value() - low) / 2)
      if (!lowerTo(middle)) low = middle
    }
  }

  /**
   * Takes an item out of the middle of a list that a fiber drew: lowers a small value (the length) by one, and a few
   * draws after it go, so that those behind move up.
   */
  private cutOut(stream: DrawnStream): void {
    const small = (deviation: Deviation) => deviation.stream === stream && deviation.value <= lengthMax
    for (let i = this.deviations().filter(small).length - 1; i >= 0 && !this.spent; i--) {
      const length = this.deviations().filter(small)[i]
      if (length === undefined) continue
      for (let from = 1; from <= cutFromMax; from++) {
        const shifted = [1, 2, 3].some((draws) =>
          this.accepts(without(this.deviations(), length, length.at + from, draws))
        )
        if (shifted) break
      }
    }
  }
}

/** What counts as a length, and how far behind it items are tried. */
const lengthMax = 16
const cutFromMax = 12

const without = (
  deviations: ReadonlyArray<Deviation>,
  length: Deviation,
  from: number,
  draws: number
): ReadonlyArray<Deviation> =>
  deviations.flatMap((deviation) => {
    if (deviation === length) return [{ ...deviation, value: deviation.value - 1 }]
    const { at, fiber, stream } = deviation
    if (stream !== length.stream || fiber !== length.fiber || at < from) return [deviation]
    return at < from + draws ? [] : [{ ...deviation, at: at - draws }]
  })

/** What remains of a large value in small ranges: generators of values often take it modulo the size of theirs. */
const remainders = (value: number): ReadonlyArray<number> =>
  [2, 10].flatMap((base) => {
    const tries: Array<number> = []
    for (let power = base; power < value; power *= base) tries.push(value % power)
    return tries.filter((rest) => rest > 1)
  })

/** Fewer deviations weigh less, whatever their values; among as many, lower values do. */
const weight = (deviations: ReadonlyArray<Deviation>): number =>
  deviations.reduce((sum, { stream, value }) => sum + 64 + (stream === "schedule" ? 0 : Math.log2(value + 1)), 0)
