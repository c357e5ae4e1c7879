/**
 * `muster explore`: every schedule of a scenario up to a number of preemptions, for the values of one seed. Exit status
 * 1 when one fails.
 */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { failureLines, propertyReport } from "../../reports/CheckReport.ts"
import { explore as exploreOver, pool } from "../../scenarios/Sweep.ts"
import type { ExploreResult } from "../../scenarios/Sweep.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import { type Counts, Progress } from "../Progress.ts"
import * as SweepFlags from "./SweepFlags.ts"

const runsDefault = 100_000

const flags = {
  scenario: Argument.String("scenario").pipe(Argument.withDescription("P1, or with a wrong version in place P1+name")),
  preemptions: Flag.Int("preemptions").pipe(Flag.withDescription("In one run at most")),
  maxRuns: Flag.Int("max-runs").pipe(Flag.withDefault(runsDefault), Flag.withDescription("Runs at most")),
  seed: Flag.Int("seed").pipe(Flag.withDefault(0), Flag.withDescription("The values that the scenario draws")),
  workers: SweepFlags.workersFlag
}

export const explore = Command.make("explore", flags, ({ maxRuns, preemptions, scenario, seed, workers }) =>
  Effect.gen(function* () {
    const limits = {
      preemptions: yield* SweepFlags.atLeast(0, "--preemptions", preemptions),
      runsMax: yield* SweepFlags.atLeast(1, "--max-runs", maxRuns)
    }
    const workerCount = yield* SweepFlags.workersOf(workers)
    const subject = yield* SweepFlags.subjectOf(scenario)
    const interruption = yield* Interruption.listen
    const over = yield* pool(workerCount)
    const progress = new Progress()
    const startedMs = performance.now()
    const options = {
      ...limits,
      seed,
      stop: interruption.asked,
      onProgress: (counts: Counts) => progress.show(subject.name, counts)
    }
    const result = yield* exploreOver(over, subject, options).pipe(
      Effect.ensuring(Effect.sync(() => progress.end(subject.name))),
      Effect.mapError(({ message }) => new ExitStatus({ status: 1, message }))
    )
    const report = propertyReport(subject, result, performance.now() - startedMs)
    yield* Console.log(
      `${subject.name} ${report.title}: ${counted(report.runs, "run")}, ${counted(report.steps, "step")}, ` +
        `${counted(report.distinctTraces, "distinct trace")}, ${report.wallMs} ms`
    )
    const { failure } = report
    if (failure !== undefined) {
      yield* Console.log(`FAILED ${failureLines(failure)}`)
    } else {
      yield* Console.log(coverage(result, preemptions, seed))
    }
    if (result.ended === "stopped") return yield* interruption.end
    if (failure !== undefined) return yield* new ExitStatus({ status: 1, message: "" })
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("Run every schedule of a scenario up to a number of preemptions"))

/** What no failure means. */
const coverage = ({ completeTo, ended }: ExploreResult, preemptions: number, seed: number): string => {
  const upTo = `of seed ${seed} with up to ${counted(Math.max(0, completeTo), "preemption")}`
  if (completeTo === preemptions) return `complete: every schedule ${upTo} was run, and none fails`
  const more = ended === "stopped" ? "" : "; --max-runs allows for more"
  return completeTo < 0
    ? `not complete: not even every schedule without a preemption was run, and none of these fails${more}`
    : `not complete: every schedule ${upTo} was run, and none fails${more}`
}
