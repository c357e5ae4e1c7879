/** `muster check`: sweeps properties over seeds. Exit status 0 when all hold, 1 when one failed. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { CheckReport, PropertyReport } from "../../reports/CheckReport.ts"
import { properties } from "../../scenarios/Properties.ts"
import { findSubject, sweep } from "../../scenarios/Sweep.ts"
import type { Subject } from "../../scenarios/Sweep.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Progress from "../Progress.ts"
import * as ResultsFile from "../ResultsFile.ts"
import { version } from "../Version.ts"

/** Seeds for each property when `--seeds` is not given. */
const seedsDefault = 100

const flags = {
  ids: Argument.String("property").pipe(Argument.withDescription("P1, P2 .."), Argument.variadic()),
  all: Flag.Boolean("all").pipe(Flag.withDefault(false), Flag.withDescription("Check every property")),
  seeds: Flag.Int("seeds").pipe(Flag.withDefault(seedsDefault), Flag.withDescription("Runs of each property")),
  seed: Flag.Int("seed").pipe(Flag.withDefault(0), Flag.withDescription("First seed; the others follow it")),
  mutant: Flag.String("mutant").pipe(Flag.optional, Flag.withDescription("Put this wrong version in place first")),
  json: Flag.File("json").pipe(Flag.optional, Flag.withDescription("Write the results to this file"))
}

export const check = Command.make("check", flags, ({ all, ids, json, mutant, seed, seeds }) =>
  Effect.gen(function* () {
    if (seeds < 1) return yield* wrongUsage(`--seeds is ${seeds}, expected at least 1`)
    const subjects = yield* choose(ids, all, mutant)
    const write = yield* ResultsFile.open(json)
    const reports: Array<PropertyReport> = []
    for (const subject of subjects) reports.push(yield* checkOne(subject, { seed, seeds }))
    const report: CheckReport = {
      tool: "muster",
      format: 1,
      version,
      seed,
      seeds,
      properties: reports
    }
    yield* write(report)
    // The lines above have told what failed.
    if (reports.some((property) => property.status === "failed"))
      return yield* new ExitStatus({ status: 1, message: "" })
  })
).pipe(Command.withDescription("Check properties of the console in the simulator"))

const wrongUsage = (message: string) => Effect.fail(new ExitStatus({ status: 2, message }))

const choose = (ids: ReadonlyArray<string>, all: boolean, mutant: Option.Option<string>) =>
  Effect.gen(function* () {
    if (all && ids.length > 0) return yield* wrongUsage("name the properties to check or give --all, not both")
    if (!all && ids.length === 0) return yield* wrongUsage("name the properties to check, or give --all")
    const suffix = Option.match(mutant, { onNone: () => "", onSome: (id) => `+${id}` })
    const chosen = all ? properties.map((property) => property.id) : new Set(ids)
    return yield* Effect.forEach(chosen, (id) =>
      Effect.catch(Effect.fromResult(findSubject(id + suffix)), (error) => wrongUsage(error.message))
    )
  })

const checkOne = Effect.fnUntraced(function* (
  subject: Subject,
  { seed, seeds }: { readonly seed: number; readonly seeds: number }
) {
  const startedMs = performance.now()
  const progress = Progress.make(subject.name, seeds)
  const result = sweep(subject, { runs: seeds, seed, onRun: progress.show })
  progress.clear()
  const wallMs = Math.round(performance.now() - startedMs)
  const { failure } = result
  const { requirements, title } = subject.property
  const report: PropertyReport = {
    id: subject.name,
    title,
    requirements,
    status: failure === undefined ? "holds" : "failed",
    runs: result.runs,
    steps: result.steps,
    virtualMs: Math.round(result.virtualMs),
    wallMs,
    distinctTraces: result.distinctTraces,
    traceHash: result.traceHash,
    faults: Object.fromEntries(result.faults),
    sometimes: Object.fromEntries(result.sometimes),
    ...(failure === undefined
      ? {}
      : {
          failure: {
            token: failure.token,
            message: failure.message,
            run: failure.run,
            seed: failure.seed,
            steps: failure.steps,
            deviations: failure.deviations.length,
            traceHash: failure.traceHash
          }
        })
  }
  yield* Console.log(
    `${failure === undefined ? "holds " : "FAILED"} ${report.id} ${title}: ${counted(report.runs, "run")}, ` +
      `${counted(report.steps, "step")}, ${counted(Math.round(report.virtualMs / 1_000), "virtual second")}, ` +
      `${counted(report.distinctTraces, "distinct trace")}, ${wallMs} ms`
  )
  if (failure !== undefined) {
    yield* Console.log(`${failure.message}\nreplay: npx muster replay ${failure.token}`)
  }
  return report
})
