/**
 * `muster mutants`: which property catches which wrong version, and after how many runs. Exit status 1 when one is not
 * caught.
 */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { MutantResult, MutantsReport } from "../../reports/MutantsReport.ts"
import { properties } from "../../scenarios/Properties.ts"
import type { Mutant } from "../../scenarios/Property.ts"
import { check, pool } from "../../scenarios/Sweep.ts"
import type { CheckOptions, Subject } from "../../scenarios/Sweep.ts"
import type { Pool } from "../../sim/Workers.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import * as Progress from "../Progress.ts"
import * as ResultsFile from "../ResultsFile.ts"
import { version } from "../Version.ts"
import * as SweepFlags from "./SweepFlags.ts"

/** Runs within which a mutant has to be caught. */
const runsDefault = 1_000

const seedFirst = 0

const millisecondsPerSecond = 1_000

const flags = {
  ids: Argument.String("property").pipe(Argument.withDescription("P1, P2 .."), Argument.variadic()),
  seeds: Flag.Int("seeds").pipe(Flag.withDefault(runsDefault), Flag.withDescription("Runs for each mutant at most")),
  workers: SweepFlags.workersFlag,
  json: SweepFlags.jsonFlag
}

export const mutants = Command.make("mutants", flags, ({ ids, json, seeds, workers }) =>
  Effect.gen(function* () {
    const runs = yield* SweepFlags.atLeast(1, "--seeds", seeds)
    const workerCount = yield* SweepFlags.workersOf(workers)
    const chosen = ids.length === 0 ? properties.map((property) => property.id) : ids
    const subjects = yield* Effect.forEach(new Set(chosen), SweepFlags.subjectOf)
    const write = yield* ResultsFile.open(json)
    const interruption = yield* Interruption.listen
    const over = yield* pool(workerCount)
    const results: Array<MutantResult> = []
    // The sweep is over at the first failure, which need not be told any shorter.
    const options = { runs, seed: seedFirst, shrink: false, stop: interruption.asked }
    const ended = yield* Effect.result(sweepAll(over, subjects, options, results))
    const report: MutantsReport = { tool: "muster", format: 1, version, seed: seedFirst, seeds: runs, mutants: results }
    yield* write(report)
    const { isInterrupted } = yield* Effect.fromResult(ended)
    if (isInterrupted) return yield* interruption.end
    if (results.some(({ caught }) => !caught)) return yield* new ExitStatus({ status: 1, message: "" })
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("Check that each property catches its wrong versions"))

/** Adds a result for each mutant of the subjects; ends early when it is told to stop, or cannot go on. */
const sweepAll = Effect.fnUntraced(function* (
  over: Pool,
  subjects: ReadonlyArray<Subject>,
  options: CheckOptions,
  results: Array<MutantResult>
) {
  for (const { property } of subjects) {
    for (const mutant of property.mutants) {
      const result = yield* sweepOne(over, property.id, mutant, options)
      if (result === undefined) return { isInterrupted: true }
      results.push(result)
    }
  }
  return { isInterrupted: false }
})

/** Undefined when it was stopped before it was known whether the mutant is caught. */
const sweepOne = Effect.fnUntraced(function* (
  over: Pool,
  property: string,
  mutant: Mutant,
  options: CheckOptions
): Effect.fn.Return<MutantResult | undefined, ExitStatus> {
  const subject = yield* SweepFlags.subjectOf(`${property}+${mutant.id}`)
  const progress = Progress.make(subject.name)
  const startedMs = performance.now()
  const { ended, failure, runs } = yield* check(over, subject, { ...options, onProgress: progress.show }).pipe(
    Effect.ensuring(Effect.sync(progress.clear)),
    Effect.mapError(({ message }) => new ExitStatus({ status: 1, message }))
  )
  const caught = failure !== undefined
  if (ended === "stopped" && !caught) return undefined
  const seconds = (performance.now() - startedMs) / millisecondsPerSecond
  yield* Console.log(
    `${caught ? "caught" : "MISSED"} ${property} ${mutant.id} after ${counted(runs, "run")}, ` +
      `${seconds.toFixed(2)} s: ${mutant.what}`
  )
  return { id: mutant.id, what: mutant.what, property, caught, runs, seconds }
})
