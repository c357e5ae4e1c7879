/**
 * Checks properties over many seeds: as they are, or with one of their mutants in place. Worker threads load this file,
 * so it does nothing but declare.
 */
import { Effect, Result, Schema } from "effect"
import { parts } from "../core/Console.ts"
import type { ConsoleParts } from "../core/Console.ts"
import { Marks } from "../core/Marks.ts"
import { RunContext } from "../sim/RunContext.ts"
import { shrink } from "../sim/Shrink.ts"
import * as Sim from "../sim/Sim.ts"
import { systematic } from "../sim/strategies/Systematic.ts"
import type { Search } from "../sim/strategies/Systematic.ts"
import * as Workers from "../sim/Workers.ts"
import { properties } from "./Properties.ts"
import type { Mutant, Property, Violation } from "./Property.ts"

/** A name that no property, or no mutant of the property, has. */
export class UnknownName extends Schema.TaggedError<UnknownName>()("UnknownName", { message: Schema.String }) {}

/** Of a property that has a focused program: which of its two programs runs. */
export type Scope = "whole" | "focus"

/** What one sweep runs: a property, with a mutant in place of the real parts if one is named. */
export interface Subject {
  readonly property: Property
  /** Undefined where each run draws its own. */
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

/** Of the runs of a property with a focused program, one in so many is over the whole console. */
const wholeEvery = 8

/** What a run of the whole console is counted as, among what was reached. */
export const wholeMark = "a run of the whole console"

/** The dullest choice is the focused program: what it shows as well shrinks to the smaller world. */
const runOf = ({ property, scope }: Subject, used: ConsoleParts) => {
  const { focus, program } = property
  const whole = Effect.andThen(Sim.sometimes(wholeMark), program(used))
  if (focus === undefined || scope === "whole") return whole
  if (scope === "focus") return focus(used)
  return Effect.flatMap(Sim.choose("workload", wholeEvery), (drawn) => (drawn < wholeEvery - 1 ? focus(used) : whole))
}

/** What the console says that it has reached counts like what the scenario says by `sometimes`. */
const programOf = (subject: Subject) =>
  RunContext.use(({ reach }) =>
    Effect.provideService(
      Effect.suspend(() => runOf(subject, subject.mutant === undefined ? parts : subject.mutant.mutate(parts))),
      Marks,
      reach
    )
  )

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

/** A sweep over a pool. */
export const check = (
  over: Workers.Pool,
  subject: Subject,
  options: CheckOptions
): Effect.Effect<Workers.PoolCheckResult, Workers.WorkerError> =>
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

/** Every schedule up to so many preemptions, for the values of one seed, over a pool; ends at the first failure. */
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
    return Effect.map(check(over, subject, { ...options, runs: runsMax, planner }), (result) => ({
      ...result,
      completeTo: result.failure === undefined ? (search?.completeTo() ?? -1) : -1
    }))
  })

export interface SweepOptions extends Pick<Sim.CheckOptions, "planner" | "shrink"> {
  readonly runs: number
  readonly seed: number
}

/** A sweep in this thread, at one go. */
export const sweep = (subject: Subject, options: SweepOptions): Sim.CheckResult<void, Violation> =>
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
