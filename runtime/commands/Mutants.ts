/** `muster mutants`: which property catches which wrong version, and after how many runs. Exit status 1 when one is not caught. */
import { Console, Effect, FileSystem, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { properties } from "../../scenarios/Properties.ts"
import { findSubject, sweep } from "../../scenarios/Sweep.ts"
import { ExitStatus } from "../ExitStatus.ts"

/** Runs within which a mutant has to be caught. */
const runsDefault = 1_000

const millisecondsPerSecond = 1_000

export const mutants = Command.make(
  "mutants",
  {
    ids: Argument.String("property").pipe(Argument.variadic()),
    seeds: Flag.Int("seeds").pipe(Flag.withDefault(runsDefault), Flag.withDescription("Runs for each mutant at most")),
    json: Flag.File("json").pipe(Flag.optional, Flag.withDescription("Write the results to this file"))
  },
  ({ ids, json, seeds }) =>
    Effect.gen(function* () {
      const chosen = ids.length === 0 ? properties.map((property) => property.id) : ids
      const results = []
      for (const id of chosen) {
        const { property } = yield* subjectOf(id)
        for (const mutant of property.mutants) {
          const subject = yield* subjectOf(`${id}+${mutant.id}`)
          const startedMs = performance.now()
          const { failure, runs } = sweep(subject, { runs: seeds, seed: 0 })
          const seconds = (performance.now() - startedMs) / millisecondsPerSecond
          const caught = failure !== undefined
          results.push({ id: mutant.id, property: id, caught, runs, seconds })
          yield* Console.log(
            `${caught ? "caught" : "MISSED"} ${id} ${mutant.id} after ${runs} runs, ${seconds.toFixed(2)} s: ${mutant.what}`
          )
        }
      }
      if (Option.isSome(json)) {
        const fs = yield* FileSystem.FileSystem
        yield* fs
          .writeFileString(json.value, `${JSON.stringify({ mutants: results }, undefined, 2)}\n`)
          .pipe(
            Effect.mapError(
              (error) => new ExitStatus({ status: 2, message: `cannot write ${json.value}: ${error.message}` })
            )
          )
      }
      if (results.some((result) => !result.caught)) return yield* new ExitStatus({ status: 1, message: "" })
    })
).pipe(Command.withDescription("Check that each property catches its wrong versions"))

const subjectOf = (name: string) =>
  Effect.mapError(
    Effect.fromResult(findSubject(name)),
    (error) => new ExitStatus({ status: 2, message: error.message })
  )
