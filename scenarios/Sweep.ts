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
import { systematic } from "../sim/strategies/Systematic.ts"
import type { Search } from "../sim/strategies/Systematic.ts"
import * as Workers from "../sim/Workers.ts"
import { properties } from "./Properties.ts"
import type { Mutant, Property, Violation } from "./Property.ts"

/** A name that no property, or no mutant of the property, has. */
export class UnknownName extends Schema.TaggedError<UnknownName>()("UnknownName", { message: Schema.String }) {}

/** What one sweep runs: a property, with a mutant in place of the real parts if one is named. */
export interface Subject {
  readonly property: Property
  readonly mutant: Mutant | undefined
  /** As it stands in tokens: `P1`, or `P1+racy-count`. */
  readonly name: string
}

/** The subject of that name: `P1` or `P1+racy-count`. */
export const findSubject = (name: string): Result.Result<Subject, UnknownName> => {
  const [id = "", ...rest] = name.split("+")
  const property = properties.find((candidate) => candidate.id === id)
  if (property === undefined) {
    return unknown(`there is no property ${JSON.stringify(id)}; there are ${names(properties)}`)
  }
  if (rest.length === 0) return Result.succeed({ property, mutant: undefined, name: property.id })
  const mutantId = rest.join("+")
  const mutant = property.mutants.find((candidate) => candidate.id === mutantId)
  return mutant === undefined
    ? unknown(`${id} has no mutant ${JSON.stringify(mutantId)}; it has ${names(property.mutants)}`)
    : Result.succeed({ property, mutant, name: `${property.id}+${mutant.id}` })
}

const names = (known: ReadonlyArray<{ readonly id: string }>): string => known.map(({ id }) => id).join(", ")

const unknown = (message: string) => Result.fail(new UnknownName({ message }))

/** What the console says that it has reached counts like what the scenario says by `sometimes`. */
const programOf = ({ mutant, property }: Subject) =>
  RunContext.use(({ reach }) =>
    Effect.provideService(property.program(mutant === undefined ? parts : mutant.mutate(parts)), Marks, reach)
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
