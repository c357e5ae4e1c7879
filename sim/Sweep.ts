/**
 * A sweep: many runs of one program, in rounds that a plan makes, until one does not end well. It only plans and
 * counts; who does the runs, in which order and on how many threads, does not change its result.
 */
import type { Effect } from "effect"
import { PctBounds } from "./PctBounds.ts"
import type { DepthBound } from "./PctBounds.ts"
import type { RunContext } from "./RunContext.ts"
import { execute, positiveInteger, safeInteger } from "./Run.ts"
import type { ExecuteOptions, Outcome, RunResult } from "./Run.ts"
import type { Plan, PlannedRun, Planner, RunSummary } from "./Strategy.ts"
import { portfolio } from "./strategies/Portfolio.ts"
import { TraceHash } from "./TraceHash.ts"

export interface SweepOptions {
  /** Runs at most. Default 100. */
  readonly runs?: number
  /** The first seed. Default 0. */
  readonly seed?: number
  /** Default: the portfolio. */
  readonly planner?: Planner | undefined
  /** Every how-many-eth seed this sweep takes, from the `index`-th (from 0): one part of a sweep that is shared out. */
  readonly shard?: { readonly index: number; readonly count: number }
}

/** What a sweep counts of a run; plain data, so that it can come from another thread. */
export interface RunReport {
  readonly outcome: Outcome
  /** What went wrong; "" when nothing did. */
  readonly message: string
  readonly steps: number
  readonly fibers: number
  readonly decisions: number
  readonly virtualMs: number
  readonly traceHash: string
  readonly sometimes: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
  readonly branches: RunSummary["branches"]
  readonly draws: boolean
  /** The run was done twice and came out differently the second time: the trace of the second. */
  readonly unstable: string | undefined
}

/** One run in so many is done twice, even if it ends well. */
const doubleEvery = 20

/** Does a planned run, the `index`-th of its sweep. */
export const doRun = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  { seed, strategy }: PlannedRun,
  index: number,
  options: Omit<ExecuteOptions, "seed" | "strategy" | "record" | "stacks">
): { readonly report: RunReport; readonly result: RunResult<A, E> } => {
  const run = () => execute(program, { ...options, seed, strategy, stacks: false })
  const result = run()
  const { drawn, outcome, traceHash } = result
  const { branches, decisions, faults, fibers, message, sometimes, steps, virtualMs } = result
  const twice = index % doubleEvery === 0 || outcome !== "done"
  const again = twice ? run().traceHash : traceHash
  const unstable = again === traceHash ? undefined : again
  const draws = drawn.faults + drawn.workload + drawn.data > 0
  const counted = { steps, fibers, decisions, virtualMs, traceHash, sometimes, faults }
  return { result, report: { outcome, message, ...counted, branches, draws, unstable } }
}

/** What came of a sweep, but for its failure. */
export interface SweepCounts {
  /** Runs done: all of them, or as many as the first failure took, or all that a search could think of. */
  readonly runs: number
  readonly steps: number
  readonly virtualMs: number
  readonly distinctTraces: number
  /** Digest of the traces of all runs, in their order. */
  readonly traceHash: string
  readonly sometimes: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
  /** What the runs by PCT say of bugs of depth 1, 2 and 3. */
  readonly bounds: ReadonlyArray<DepthBound>
}

/** The run that ended a sweep. */
export interface Found {
  readonly planned: PlannedRun
  readonly report: RunReport
  /** How many runs it took, this one included. */
  readonly run: number
}

export class Sweep {
  steps = 0
  virtualMs = 0
  done = 0
  found: Found | undefined
  readonly sometimes = new Map<string, number>()
  readonly faults = new Map<string, number>()
  private readonly runs: number
  private readonly plan: Plan
  private readonly bounds = new PctBounds()
  private readonly traces = new Set<string>()
  private readonly digest = new TraceHash()
  private round: ReadonlyArray<PlannedRun> = []
  private summaries: Array<RunSummary> = []

  constructor({ planner = portfolio, runs = 100, seed = 0, shard = { index: 0, count: 1 } }: SweepOptions) {
    const count = positiveInteger("shard.count", shard.count)
    if (!Number.isSafeInteger(shard.index) || shard.index < 0 || shard.index >= count) {
      throw new RangeError(`Sim: shard.index is ${shard.index}, expected an integer from 0 to ${count - 1}`)
    }
    this.runs = Math.ceil((positiveInteger("runs", runs) - shard.index) / count)
    const first = safeInteger("seed", seed)
    safeInteger("seed of the last run", first + runs)
    this.plan = planner.begin((index) => first + index * shard.count + shard.index)
  }

  /** The next round, in order; empty when the sweep is over. Each of its runs has to be taken before the next. */
  next(): ReadonlyArray<PlannedRun> {
    if (this.round.length > 0) {
      if (this.summaries.length < this.round.length) throw new Error("Sweep: the round before is not complete")
      this.plan.learn(this.summaries)
    }
    this.summaries = []
    this.round = this.found !== undefined || this.done >= this.runs ? [] : this.plan.next(this.runs - this.done)
    return this.round
  }

  /** The result of the next run of the round. After a failure nothing more counts. */
  take(report: RunReport): void {
    const planned = this.round[this.summaries.length]
    if (planned === undefined) throw new Error("Sweep: a result of a run that was not planned")
    const isNew = !this.traces.has(report.traceHash)
    this.summaries.push({ decisions: report.decisions, isNew, branches: report.branches, draws: report.draws })
    if (this.found !== undefined) return
    this.done++
    this.steps += report.steps
    this.virtualMs += report.virtualMs
    this.bounds.add(planned.strategy.name, report)
    this.traces.add(report.traceHash)
    this.digest.fold(parseInt(report.traceHash.slice(0, 8), 16), parseInt(report.traceHash.slice(8), 16))
    addCounts(this.sometimes, report.sometimes)
    addCounts(this.faults, report.faults)
    if (report.outcome !== "done" || report.unstable !== undefined) this.found = { planned, report, run: this.done }
  }

  get distinctTraces(): number {
    return this.traces.size
  }

  get counts(): SweepCounts {
    const { distinctTraces, done: runs, faults, sometimes, steps, virtualMs } = this
    const bounds = this.bounds.ofDepths
    return { runs, steps, virtualMs, distinctTraces, traceHash: this.digest.digest, sometimes, faults, bounds }
  }

  /** How many runs there will be at most. */
  get total(): number {
    return this.runs
  }
}

const addCounts = (sums: Map<string, number>, counts: ReadonlyMap<string, number>): void => {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count)
}
