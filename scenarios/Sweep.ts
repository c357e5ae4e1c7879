/** Checks properties over many seeds: as they are, or with one of their mutants in place. */
import { Result, Schema } from "effect"
import { parts } from "../core/Console.ts"
import * as Sim from "../sim/Sim.ts"
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

const programOf = ({ mutant, property }: Subject) =>
  property.program(mutant === undefined ? parts : mutant.mutate(parts))

export interface SweepOptions {
  readonly runs: number
  readonly seed: number
  /** Called after each run with how many are done. */
  readonly onRun?: (done: number) => void
}

export const sweep = (subject: Subject, options: SweepOptions): Sim.CheckResult<void, Violation> =>
  Sim.check(programOf(subject), {
    runs: options.runs,
    seed: options.seed,
    name: subject.name,
    ...(options.onRun === undefined ? {} : { onRun: options.onRun })
  })

/** The run of a token again, recorded. */
export const replay = (
  token: string
): Result.Result<
  { readonly subject: Subject; readonly run: Sim.RunResult<void, Violation> },
  UnknownName | Sim.TokenError
> =>
  Result.gen(function* () {
    const subject = yield* findSubject((yield* Sim.parseToken(token)).name)
    const run = yield* Sim.replay(programOf(subject), token, { name: subject.name })
    return { subject, run }
  })
