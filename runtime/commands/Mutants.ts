/**
 * `muster mutants`: which property catches which wrong version, and after how many runs. Exit status 1 when one is not
 * caught.
 */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { properties } from "../../scenarios/Properties.ts"
import { findSubject, sweep } from "../../scenarios/Sweep.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Progress from "../Progress.ts"
import * as ResultsFile from "../ResultsFile.ts"

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
      if (seeds < 1) return yield* wrongUsage(`--seeds is ${seeds}, expected at least 1`)
      const chosen = ids.length === 0 ? properties.map((property) => property.id) : ids
      const subjects = yield* Effect.forEach(new Set(chosen), subjectOf)
      const write = yield* ResultsFile.open(json)
      const results = []
      for (const { name: id, property } of subjects) {
        for (const mutant of property.mutants) {
          const subject = yield* subjectOf(`${id}+${mutant.id}`)
          const progress = Progress.make(subject.name, seeds)
          const startedMs = performance.now()
          const { failure, runs } = sweep(subject, { runs: seeds, seed: 0, onRun: progress.show })
          progress.clear()
          const seconds = (performance.now() - startedMs) / millisecondsPerSecond
          const caught = failure !== undefined
          results.push({ id: mutant.id, property: id, caught, runs, seconds })
          yield* Console.log(
            `${caught ? "caught" : "MISSED"} ${id} ${mutant.id} after ${counted(runs, "run")}, ` +
              `${seconds.toFixed(2)} s: ${mutant.what}`
          )
        }
      }
      yield* write({ mutants: results })
      if (results.some((result) => !result.caught)) return yield* new ExitStatus({ status: 1, message: "" })
    })
).pipe(Command.withDescription("Check that each property catches its wrong versions"))

const wrongUsage = (message: string) => Effect.fail(new ExitStatus({ status: 2, message }))

const subjectOf = (name: string) =>
  Effect.catch(Effect.fromResult(findSubject(name)), (error) => wrongUsage(error.message))
