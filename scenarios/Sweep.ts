/**
 * Checks properties over many seeds: as they are, or with one of their mutants in place. Worker threads load this file,
 * so it does nothing but declare.
 */
import { Effect, Result, Schema } from "effect"
import { parts } from "../core/Console.ts"
import { Marks } from "../core/Marks.ts"
import { RunContext } from "../sim/RunContext.ts"
import { shrink } from "../sim/Shrink.ts"
import * as Sim from "../sim/Sim.ts"
import type { SweepCounts } from "../sim/Sweep.ts"
import { systematic } from "../sim/strategies/Systematic.ts"
import type { Search } from "../sim/strategies/Systematic.ts"
import * as Workers from "../sim/Workers.ts"
import { properties } from "./Properties.ts"
import type { Mutant, Property, Scope, Violation } from "./Property.ts"
import { alone, type ProgramCounts, together } from "./Together.ts"

/** A name that no property, or no mutant of the property, has. */
export class UnknownName extends Schema.TaggedError<UnknownName>()("UnknownName", { message: Schema.String }) {}

/** What one sweep runs: a property, with a mutant in place of the real parts if one is named. */
export interface Subject {
  readonly property: Property
  /** Undefined: a sweep takes both programs, and a single run is of the whole console. */
  readonly scope: Scope | undefined
  readonly mutant: Mutant | undefined
  /** As it stands in tokens: `P1`, `P1/focus`, or `P1+racy-count`. */
  readonly name: string
}

/** The subject of that name: `P1`, `P1/focus`, `P1+racy-count` or `P1/focus+racy-count`. */
export const findSubject = (name: string): Result.Result<Subject, UnknownName> => {
  const [programName = "", ...rest] = name.split("+")
  const [id = "", ...scopes] = programName.split("/")
  const property = properties.find((candidate) => candidate.id === id)
  if (property === undefined) {
    return unknown(`there is no property ${JSON.stringify(id)}; there are ${names(properties)}`)
  }
  const scope = scopes.length === 0 ? undefined : scopesOf(property).find((candidate) => candidate === scopes.join("/"))
  if (scope === undefined && scopes.length > 0) {
    const known = scopesOf(property).map((candidate) => ({ id: `${id}/${candidate}` }))
    return unknown(`${id} has no program ${JSON.stringify(scopes.join("/"))}; it has ${names(known)}`)
  }
  const subject = { property, scope, mutant: undefined, name }
  if (rest.length === 0) return Result.succeed(subject)
  const mutantId = rest.join("+")
  const mutant = property.mutants.find((candidate) => candidate.id === mutantId)
  return mutant === undefined
    ? unknown(`${id} has no mutant ${JSON.stringify(mutantId)}; it has ${names(property.mutants)}`)
    : Result.succeed({ ...subject, mutant })
}

const scopesOf = ({ focus }: Property): ReadonlyArray<Scope> => (focus === undefined ? ["whole"] : ["whole", "focus"])

const names = (known: ReadonlyArray<{ readonly id: string }>): string => known.map(({ id }) => id).join(", ")

const unknown = (message: string) => Result.fail(new UnknownName({ message }))

/** What the console says that it has reached counts like what the scenario says by `sometimes`. */
const programOf = ({ mutant, property, scope }: Subject) => {
  const { focus = property.program, program } = property
  const run = scope === "focus" ? focus : program
  return RunContext.use(({ reach }) =>
    Effect.provideService(run(mutant === undefined ? parts : mutant.mutate(parts)), Marks, reach)
  )
}

/** All properties and mutants, for threads to run. */
const programs = Workers.programs(import.meta.url, (name) =>
  Result.getOrUndefined(Result.map(findSubject(name), programOf))
)

/** A pool for sweeps of properties; with one worker everything is done in this thread. */
export const pool = (workers: number) => Workers.pool(programs, { workers })

/** A run that takes longer is a failure: one that comes to its end takes a small part of it. */
const stepsMax = 1_000_000

const leaksOf = ({ property: { leaks } }: Subject) => (leaks === undefined ? {} : { leaks })

export type CheckOptions = Omit<Workers.PoolCheckOptions, "leaks" | "stepsMax">

export type CheckResult = ProgramCounts & Omit<Workers.PoolCheckResult, keyof SweepCounts>

/** Of the runs of a property with a focused program, one in so many is over the whole console. */
const wholeEvery = 24

const withScope = (subject: Subject, scope: Scope): Subject => {
  const [id = "", ...rest] = subject.name.split("+")
  return { ...subject, scope, name: [`${id}/${scope}`, ...rest].join("+") }
}

/** The runs of a sweep by program; undefined when there is one alone. */
const shared = ({ property: { focus }, scope }: Subject, runs: number) => {
  const whole = Math.ceil(runs / wholeEvery)
  return focus === undefined || scope !== undefined || whole === runs ? undefined : { focus: runs - whole, whole }
}

/** A sweep over a pool: of the focused program first, which finds most soonest, then of the whole console. */
export const check = (
  over: Workers.Pool,
  subject: Subject,
  options: CheckOptions
): Effect.Effect<CheckResult, Workers.WorkerError> =>
  Effect.gen(function* () {
    const { onProgress, runs = runsDefault, timeMs } = options
    const runsOf = shared(subject, runs)
    if (runsOf === undefined) return yield* checkOne(over, subject, options)
    const each = { ...options, ...(timeMs === undefined ? {} : { timeMs: timeMs / 2 }) }
    const focus = yield* checkOne(over, withScope(subject, "focus"), {
      ...each,
      runs: runsOf.focus,
      onProgress: (progress) => onProgress?.({ ...progress, total: progress.total + runsOf.whole })
    })
    if (focus.failure !== undefined || focus.ended === "stopped") return alone("focus", focus)
    const whole = yield* checkOne(over, withScope(subject, "whole"), {
      ...each,
      runs: runsOf.whole,
      onProgress: ({ distinctTraces, done, failed, total }) =>
        onProgress?.({
          done: focus.runs + done,
          total: focus.runs + total,
          distinctTraces: focus.distinctTraces + distinctTraces,
          failed
        })
    })
    const failure = whole.failure === undefined ? undefined : { ...whole.failure, run: focus.runs + whole.failure.run }
    const ended = whole.ended === "complete" ? focus.ended : whole.ended
    return { ...together(focus, whole), failure, ended }
  })

/** As many as `Sim.check` does. */
const runsDefault = 100

const checkOne = (over: Workers.Pool, subject: Subject, options: CheckOptions) =>
  Workers.check(over, subject.name, { ...options, ...leaksOf(subject), stepsMax })

export interface ExploreOptions extends Pick<CheckOptions, "onProgress" | "seed" | "stop"> {
  /** In one run at most. */
  readonly preemptions: number
  readonly runsMax: number
}

export interface ExploreResult extends Workers.PoolCheckResult {
  /** The largest number of preemptions of which every schedule was run; -1 when not even those without. */
  readonly completeTo: number
}

/**
 * Every schedule up to so many preemptions of one program, of the whole console if none is named, for the values of one
 * seed, over a pool; ends at the first failure.
 */
export const explore = (
  over: Workers.Pool,
  subject: Subject,
  { preemptions, runsMax, ...options }: ExploreOptions
): Effect.Effect<ExploreResult, Workers.WorkerError> =>
  Effect.suspend(() => {
    let search: Search | undefined
    const planner: Sim.Planner = {
      name: "systematic",
      begin: (seedOf) => (search = systematic(seedOf(0), preemptions))
    }
    return Effect.map(checkOne(over, subject, { ...options, runs: runsMax, planner }), (result) => ({
      ...result,
      completeTo: result.failure === undefined ? (search?.completeTo() ?? -1) : -1
    }))
  })

export interface SweepOptions extends Pick<Sim.CheckOptions, "planner" | "shrink"> {
  readonly runs: number
  readonly seed: number
}

/** A sweep in this thread, at one go. */
export const sweep = (
  subject: Subject,
  options: SweepOptions
): ProgramCounts & Pick<Sim.CheckResult<void, Violation>, "failure"> => {
  const runsOf = shared(subject, options.runs)
  if (runsOf === undefined) return sweepOne(subject, options)
  const focus = sweepOne(withScope(subject, "focus"), { ...options, runs: runsOf.focus })
  if (focus.failure !== undefined) return alone("focus", focus)
  const whole = sweepOne(withScope(subject, "whole"), { ...options, runs: runsOf.whole })
  const failure = whole.failure === undefined ? undefined : { ...whole.failure, run: focus.runs + whole.failure.run }
  return { ...together(focus, whole), failure }
}

const sweepOne = (subject: Subject, options: SweepOptions) =>
  Sim.check(programOf(subject), { ...options, ...leaksOf(subject), stepsMax, name: subject.name })

export interface ReplayOptions {
  /** Shrinks the run, if it fails, as the sweep did that found it. */
  readonly shrink?: boolean
  /** Gives the run up after so many steps. */
  readonly until?: number
}

export interface Replayed {
  readonly subject: Subject
  /** Recorded. */
  readonly run: Sim.RunResult<void, Violation>
  readonly shrunk: Sim.RunResult<void, Violation> | undefined
}

/** A run of the subject by the choices of a token, whether or not they give the token's own trace. */
export const retrace = (
  subject: Subject,
  token: string
): Result.Result<Sim.RunResult<void, Violation>, Sim.TokenError> =>
  Sim.retrace(programOf(subject), token, { name: subject.name, ...leaksOf(subject), stepsMax })

/** The run of a token again. */
export const replay = (
  token: string,
  options: ReplayOptions = {}
): Result.Result<Replayed, UnknownName | Sim.TokenError> =>
  Result.gen(function* () {
    const subject = yield* findSubject((yield* Sim.parseToken(token)).name)
    const same = { name: subject.name, ...leaksOf(subject) }
    const { until } = options
    const run = yield* Sim.replay(programOf(subject), token, { ...same, ...(until === undefined ? {} : { until }) })
    const wanted = options.shrink === true && run.outcome !== "done"
    return { subject, run, shrunk: wanted ? shrink(programOf(subject), run, { ...same, stepsMax })?.run : undefined }
  })
