/** `muster check`: sweeps properties over seeds. Exit status 0 when all hold, 1 when one failed. */
import { Console, Effect, FileSystem, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import packageJson from "../../package.json" with { type: "json" }
import type { CheckReport, PropertyReport } from "../../reports/CheckReport.ts"
import { properties } from "../../scenarios/Properties.ts"
import { findSubject, sweep } from "../../scenarios/Sweep.ts"
import type { Subject } from "../../scenarios/Sweep.ts"
import { ExitStatus } from "../ExitStatus.ts"

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
    const subjects = yield* choose(all ? properties.map((property) => property.id) : ids, mutant)
    const reports: Array<PropertyReport> = []
    for (const subject of subjects) reports.push(yield* checkOne(subject, { seed, seeds }))
    const report: CheckReport = {
      tool: "muster",
      format: 1,
      version: packageJson.version,
      seed,
      seeds,
      properties: reports
    }
    if (Option.isSome(json)) {
      const fs = yield* FileSystem.FileSystem
      yield* fs
        .writeFileString(json.value, `${JSON.stringify(report, undefined, 2)}\n`)
        .pipe(
          Effect.mapError(
            (error) => new ExitStatus({ status: 2, message: `cannot write ${json.value}: ${error.message}` })
          )
        )
    }
    // The lines above have told what failed.
    if (reports.some((property) => property.status === "failed"))
      return yield* new ExitStatus({ status: 1, message: "" })
  })
).pipe(Command.withDescription("Check properties of the console in the simulator"))

const wrongUsage = (message: string) => Effect.fail(new ExitStatus({ status: 2, message }))

const choose = (ids: ReadonlyArray<string>, mutant: Option.Option<string>) =>
  Effect.gen(function* () {
    if (ids.length === 0) return yield* wrongUsage("name the properties to check, or give --all")
    const suffix = Option.match(mutant, { onNone: () => "", onSome: (id) => `+${id}` })
    return yield* Effect.forEach(ids, (id) =>
      Effect.mapError(
        Effect.fromResult(findSubject(id + suffix)),
        (error) => new ExitStatus({ status: 2, message: error.message })
      )
    )
  })

const checkOne = Effect.fnUntraced(function* (
  subject: Subject,
  { seed, seeds }: { readonly seed: number; readonly seeds: number }
) {
  const startedMs = performance.now()
  const result = sweep(subject, { runs: seeds, seed })
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
    `${failure === undefined ? "holds " : "FAILED"} ${report.id} ${title}: ${report.runs} runs, ${report.steps} steps, ` +
      `${Math.round(report.virtualMs / 1_000)} virtual seconds, ${report.distinctTraces} distinct traces, ${wallMs} ms`
  )
  if (failure !== undefined) {
    yield* Console.log(`${failure.message}\nreplay: npx muster replay ${failure.token}`)
  }
  return report
})
