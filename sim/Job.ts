/**
 * A part of a sweep that may be done elsewhere: plain data in, plain data out. Whoever does it finds the program by its
 * name, so that the same job gives the same answer in this thread and in another.
 */
import type { Effect } from "effect"
import { Schema } from "effect"
import { examine } from "./Check.ts"
import { describeError } from "./DescribeError.ts"
import type { Picture } from "./Picture.ts"
import type { RunContext } from "./RunContext.ts"
import type { Outcome, RunOptions, RunResult } from "./Run.ts"
import type { PlannedRun } from "./Strategy.ts"
import { doRun } from "./Sweep.ts"
import type { RunReport } from "./Sweep.ts"

export type Program = Effect.Effect<unknown, unknown, RunContext>

/** The program of that name; undefined when there is none. May throw: the error then names the program. */
export type FindProgram = (name: string) => Program | undefined

/** A job was not done. */
export class WorkerError extends Schema.TaggedError<WorkerError>()("WorkerError", {
  /** Name of the program that it was about. */
  program: Schema.String,
  /**
   * - `unknown-program`: there is none of that name.
   * - `unknown-strategy`: a strategy of a run cannot be found by its name on another thread.
   * - `threw`: the program could not be made, or wrong options.
   * - `ended`: the worker thread ended before it answered.
   */
  reason: Schema.Literals(["unknown-program", "unknown-strategy", "threw", "ended"]),
  message: Schema.String
}) {}

export interface JobOptions extends Pick<RunOptions, "leaks" | "stepsMax"> {
  /** Of the program, as it stands in tokens too. */
  readonly name: string
}

/** Runs of a round, in their order. The answer ends with the first that did not end well. */
export interface RunsJob<Planned = PlannedRun> extends JobOptions {
  readonly kind: "runs"
  readonly runs: ReadonlyArray<Planned>
  /** How many runs of the sweep come before these. */
  readonly before: number
}

/** A failing run to examine: done again with its story, and shrunk if that is wanted. */
export interface ExamineJob<Planned = PlannedRun> extends JobOptions {
  readonly kind: "examine"
  readonly planned: Planned
  readonly report: RunReport
  readonly run: number
  readonly shrink: boolean
}

/** `Planned` is how it carries the runs: as they are, or packed for a journey. */
export type Job<Planned = PlannedRun> = RunsJob<Planned> | ExamineJob<Planned>

export const plannedOf = <Planned>(job: Job<Planned>): ReadonlyArray<Planned> =>
  job.kind === "runs" ? job.runs : [job.planned]

export const mapPlanned = <A, B>(job: Job<A>, f: (planned: A) => B): Job<B> =>
  job.kind === "runs" ? { ...job, runs: job.runs.map(f) } : { ...job, planned: f(job.planned) }

/** A failing run, as plain data. */
export interface FailureReport {
  readonly outcome: Outcome
  readonly message: string
  /** How many runs it took, this one included. */
  readonly run: number
  readonly seed: number
  readonly strategy: string
  readonly steps: number
  /** Choices of the run that were not the dullest. */
  readonly deviations: number
  readonly traceHash: string
  /** Replays the run as it was found. */
  readonly token: string
  /** A run that fails in the same way with fewer deviations; undefined without shrinking. */
  readonly shrunk: ShrunkReport | undefined
  /** Numbered steps in the words of the program: of the shrunk run if there is one. */
  readonly story: string
  /** The same run to be drawn. */
  readonly picture: Picture
}

export interface ShrunkReport {
  readonly token: string
  readonly message: string
  readonly steps: number
  readonly deviations: number
  readonly traceHash: string
  /** No deviation can be left out. */
  readonly minimal: boolean
  /** Runs that were tried. */
  readonly candidates: number
}

export type Answer =
  | { readonly kind: "runs"; readonly reports: ReadonlyArray<RunReport> }
  | { readonly kind: "examine"; readonly failure: FailureReport }
  | { readonly kind: "refused"; readonly reason: WorkerError["reason"]; readonly message: string }

/** Whether a sweep ends with this run. */
const endsSweep = ({ outcome, unstable }: RunReport): boolean => outcome !== "done" || unstable !== undefined

/** Does a job, synchronously. Never throws. */
export const perform = (find: FindProgram, job: Job): Answer => {
  try {
    const program = find(job.name)
    if (program === undefined) return refused("unknown-program", `there is no program ${JSON.stringify(job.name)}`)
    return job.kind === "runs" ? { kind: "runs", reports: doRuns(program, job) } : doExamine(program, job)
  } catch (error) {
    return refused("threw", `${job.name} cannot be run: ${describeError(error)}`)
  }
}

export const refused = (reason: WorkerError["reason"], message: string): Answer => ({
  kind: "refused",
  reason,
  message
})

const doRuns = (program: Program, { before, runs, ...options }: RunsJob): ReadonlyArray<RunReport> => {
  const reports: Array<RunReport> = []
  for (const [i, planned] of runs.entries()) {
    const { report } = doRun(program, planned, before + i, runOptions(options))
    reports.push(report)
    if (endsSweep(report)) break
  }
  return reports
}

const doExamine = (program: Program, { planned, report, run, shrink, ...options }: ExamineJob): Answer => {
  const failure = examine(program, { planned, report, run }, { ...runOptions(options), shrink })
  const { candidates, minimal, outcome, picture, seed, shrunk, story, strategy } = failure
  return {
    kind: "examine",
    failure: {
      outcome,
      ...told(failure),
      run,
      seed,
      strategy,
      shrunk: shrunk === undefined ? undefined : { ...told(shrunk), minimal, candidates },
      story,
      picture
    }
  }
}

const told = ({ deviations, message, steps, token, traceHash }: RunResult<unknown, unknown>) => ({
  token,
  message,
  steps,
  deviations: deviations.length,
  traceHash
})

const runOptions = ({ leaks, name, stepsMax }: JobOptions): JobOptions => ({
  name,
  ...(leaks === undefined ? {} : { leaks }),
  ...(stepsMax === undefined ? {} : { stepsMax })
})
