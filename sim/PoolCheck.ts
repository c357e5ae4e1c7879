/**
 * Many runs of a program until one does not end well, done by a pool: `check`, for long work on many threads that shows
 * its progress and can be stopped. The result is that of the same sweep in one thread, whoever does the runs.
 */
import { Clock, Effect } from "effect"
import { WorkerError } from "./Job.ts"
import type { Answer, FailureReport, Job, JobOptions } from "./Job.ts"
import type { RunOptions } from "./Run.ts"
import type { PlannedRun } from "./Strategy.ts"
import { Sweep } from "./Sweep.ts"
import type { Found, RunReport, SweepCounts, SweepOptions } from "./Sweep.ts"

/** What does jobs, one at a time. */
export interface Thread {
  readonly ask: (job: Job) => Effect.Effect<Answer, WorkerError>
}

export interface Pool {
  /** At least one; there may be more from one round of runs to the next. */
  readonly threads: ReadonlyArray<Thread>
}

export interface PoolCheckOptions extends SweepOptions, Pick<RunOptions, "leaks" | "stepsMax"> {
  /** Whether a failure is shrunk. Default true. */
  readonly shrink?: boolean
  /** No run begins after this time, milliseconds by the clock of the caller. */
  readonly timeMs?: number
  /** When this succeeds, the sweep ends with what has been done so far. */
  readonly stop?: Effect.Effect<unknown>
  /** Called when there is something new. */
  readonly onProgress?: (progress: SweepProgress) => void
}

export interface SweepProgress {
  readonly done: number
  /** How many runs there will be at most. */
  readonly total: number
  readonly distinctTraces: number
  /** A run has failed; it is being examined and shrunk. */
  readonly failed: boolean
}

export interface PoolCheckResult extends SweepCounts {
  /** The first run that did not end well. */
  readonly failure: FailureReport | undefined
  /** Why it ended: nothing was left to do, a run failed, the time was over, or it was told to stop. */
  readonly ended: "complete" | "failed" | "time" | "stopped"
}

/** Fails when the program cannot be made, or does not survive on a thread. Dies on wrong options. */
export const check = (
  pool: Pool,
  name: string,
  options: PoolCheckOptions = {}
): Effect.Effect<PoolCheckResult, WorkerError> =>
  Effect.gen(function* () {
    const { leaks, stepsMax, stop = Effect.never } = options
    const sweep = new Sweep(options)
    const job: JobOptions = {
      name,
      ...(leaks === undefined ? {} : { leaks }),
      ...(stepsMax === undefined ? {} : { stepsMax })
    }
    let failure: FailureReport | undefined
    const whole = Effect.gen(function* () {
      const isComplete = yield* doSweep(pool, sweep, job, options)
      if (sweep.found === undefined) return isComplete ? ("complete" as const) : ("time" as const)
      // What is known of the failure is kept before the long work of shrinking begins.
      failure = yield* examineOn(pool, job, sweep.found, false)
      if (options.shrink !== false) failure = yield* examineOn(pool, job, sweep.found, true)
      return "failed" as const
    })
    const ended = yield* Effect.raceFirst(whole, Effect.as(stop, "stopped" as const))
    if (sweep.found !== undefined) failure ??= yield* examineOn(pool, job, sweep.found, false)
    return { ...sweep.counts, failure, ended }
  })

/** About how long a thread works before it answers, so that one that is done does not wait for the others for long. */
const chunkMs = 20

/** True when nothing is left to do, false when the time was over before. */
const doSweep = Effect.fnUntraced(function* (
  pool: Pool,
  sweep: Sweep,
  job: JobOptions,
  { onProgress, timeMs = Infinity }: PoolCheckOptions
) {
  const startMs = yield* Clock.currentTimeMillis
  const isLate = Effect.map(Clock.currentTimeMillis, (nowMs) => nowMs - startMs >= timeMs)
  let runMs = chunkMs
  for (let planned = sweep.next(); planned.length > 0; planned = sweep.next()) {
    const round = new Round(sweep, planned)
    const work = Effect.fnUntraced(function* (thread: Thread) {
      for (;;) {
        if (yield* isLate) return
        // Smaller ones towards the end of the round, where a thread that is done has to wait for the others.
        const share = Math.ceil(round.left / (2 * pool.threads.length))
        const chunk = round.give(Math.max(1, Math.min(share, Math.floor(chunkMs / runMs))))
        if (chunk === undefined) return
        const askedMs = yield* Clock.currentTimeMillis
        const answer = yield* accepted(job.name, thread.ask({ ...job, kind: "runs", ...chunk }))
        if (answer.kind !== "runs") return yield* Effect.die("PoolCheck: a thread answered another question")
        runMs = ((yield* Clock.currentTimeMillis) - askedMs) / Math.max(1, answer.reports.length)
        round.put(chunk.before, answer.reports)
        const { distinctTraces, done, found, total } = sweep
        onProgress?.({ done, total, distinctTraces, failed: found !== undefined })
      }
    })
    // As many as there are now: others may come to help with a later round.
    yield* Effect.forEach([...pool.threads], work, { concurrency: "unbounded", discard: true })
    if (sweep.found !== undefined) return true
    if (!round.isTaken) return false
  }
  return true
})

/** The runs of a round: given out in parts, taken by the sweep in their order. */
class Round {
  private readonly sweep: Sweep
  private readonly planned: ReadonlyArray<PlannedRun>
  /** Runs of the sweep before this round. */
  private readonly before: number
  private readonly reports: Array<RunReport | undefined> = []
  private given = 0
  private taken = 0

  constructor(sweep: Sweep, planned: ReadonlyArray<PlannedRun>) {
    this.sweep = sweep
    this.planned = planned
    this.before = sweep.done
  }

  /** The next runs; undefined when there are no more, or no use in more. */
  give(runsMax: number): { readonly runs: ReadonlyArray<PlannedRun>; readonly before: number } | undefined {
    if (this.sweep.found !== undefined || this.given === this.planned.length) return undefined
    const runs = this.planned.slice(this.given, this.given + runsMax)
    const before = this.before + this.given
    this.given += runs.length
    return { runs, before }
  }

  /** Results of the runs given with that `before`. */
  put(before: number, reports: ReadonlyArray<RunReport>): void {
    for (const [i, report] of reports.entries()) this.reports[before - this.before + i] = report
    for (; this.sweep.found === undefined; this.taken++) {
      const report = this.reports[this.taken]
      if (report === undefined) return
      this.sweep.take(report)
    }
  }

  /** Runs that are not given out yet. */
  get left(): number {
    return this.planned.length - this.given
  }

  get isTaken(): boolean {
    return this.taken === this.planned.length
  }
}

const examineOn = Effect.fnUntraced(function* (pool: Pool, job: JobOptions, found: Found, shrink: boolean) {
  const [thread] = pool.threads
  if (thread === undefined) return yield* Effect.die("PoolCheck: a pool without threads")
  const answer = yield* accepted(job.name, thread.ask({ ...job, kind: "examine", ...found, shrink }))
  return answer.kind === "examine" ? answer.failure : yield* Effect.die("PoolCheck: a thread answered another question")
})

const accepted = <E>(program: string, asked: Effect.Effect<Answer, E>) =>
  Effect.flatMap(asked, (answer) =>
    answer.kind === "refused"
      ? Effect.fail(new WorkerError({ program, reason: answer.reason, message: answer.message }))
      : Effect.succeed(answer)
  )
