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
import * as Lanes from "../../sim/Lanes.ts"
import type { Pool } from "../../sim/Workers.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import { Progress } from "../Progress.ts"
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

interface Sought {
  readonly property: string
  readonly mutant: Mutant
}

/** Adds a result for each mutant of the subjects, in their order; ends early when told to stop, or cannot go on. */
const sweepAll = Effect.fnUntraced(function* (
  over: Pool,
  subjects: ReadonlyArray<Subject>,
  options: CheckOptions,
  results: Array<MutantResult>
) {
  const progress = new Progress()
  const sought = subjects.flatMap(({ property }) =>
    property.mutants.map((mutant): Sought => ({ property: property.id, mutant }))
  )
  let isInterrupted = false
  yield* Lanes.forEach(over, sought, {
    sweep: (lane, one) => sweepOne(lane, one, options, progress),
    isLast: (result) => (isInterrupted ||= result === undefined),
    tell: (result) => {
      if (result === undefined) return Effect.void
      results.push(result)
      return tell(result)
    }
  })
  return { isInterrupted }
})

/** Undefined when it was stopped before it was known whether the mutant is caught. */
const sweepOne = Effect.fnUntraced(function* (
  over: Pool,
  { mutant, property }: Sought,
  options: CheckOptions,
  progress: Progress
): Effect.fn.Return<MutantResult | undefined, ExitStatus> {
  const subject = yield* SweepFlags.subjectOf(`${property}+${mutant.id}`)
  const startedMs = performance.now()
  const onProgress: CheckOptions["onProgress"] = (counts) => progress.show(subject.name, counts)
  const { ended, failure, runs } = yield* check(over, subject, { ...options, onProgress }).pipe(
    Effect.ensuring(Effect.sync(() => progress.end(subject.name))),
    Effect.mapError(({ message }) => new ExitStatus({ status: 1, message }))
  )
  const caught = failure !== undefined
  if (ended === "stopped" && !caught) return undefined
  const seconds = (performance.now() - startedMs) / millisecondsPerSecond
  return { id: mutant.id, what: mutant.what, property, caught, runs, seconds }
})

const tell = ({ caught, id, property, runs, seconds, what }: MutantResult): Effect.Effect<void> =>
  Console.log(
    `${caught ? "caught" : "MISSED"} ${property} ${id} after ${counted(runs, "run")}, ${seconds.toFixed(2)} s: ${what}`
  )
