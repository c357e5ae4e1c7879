/**
 * `muster check`: sweeps properties over seeds, in the simulator or (`real/RealCommand.ts`) against a running console.
 * Exit status 0 when all hold, 1 when one failed. In the simulator each worker takes the next property.
 */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { failureLines, propertyReport } from "../../reports/CheckReport.ts"
import type { CheckReport, PropertyReport } from "../../reports/CheckReport.ts"
import { properties } from "../../scenarios/Properties.ts"
import { check as sweep, pool } from "../../scenarios/Sweep.ts"
import type { CheckOptions, Subject } from "../../scenarios/Sweep.ts"
import * as Lanes from "../../sim/Lanes.ts"
import type { Pool } from "../../sim/Workers.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import { Progress } from "../Progress.ts"
import * as RealCommand from "../real/RealCommand.ts"
import * as ReportFiles from "../ReportFiles.ts"
import { version } from "../Version.ts"
import * as SweepFlags from "./SweepFlags.ts"

/** More than any time is enough for, and yet every seed is a safe integer. */
const unlimited = 2 ** 40

/** Seeds for each property when neither `--seeds` nor `--time` is given. */
const seedsDefault = 1_000

const flags = {
  ids: Argument.String("property").pipe(Argument.withDescription("P1, P2 .."), Argument.variadic()),
  all: Flag.Boolean("all").pipe(Flag.withDefault(false), Flag.withDescription("Check every property")),
  seeds: Flag.Int("seeds").pipe(
    Flag.optional,
    Flag.withDescription(`Runs of each property; ${seedsDefault} if no --time is given`)
  ),
  seed: SweepFlags.seedFlag,
  strategy: SweepFlags.strategyFlag,
  time: Flag.String("time").pipe(
    Flag.optional,
    Flag.withDescription("Begin no run of a property after this time: 500ms, 60s, 5m, 2h")
  ),
  workers: SweepFlags.workersFlag,
  shard: Flag.String("shard").pipe(
    Flag.optional,
    Flag.withDescription("Take one part of the seeds: 2/4 is the second of four")
  ),
  mutant: Flag.String("mutant").pipe(Flag.optional, Flag.withDescription("Put this wrong version in place first")),
  world: Flag.Literals("world", ["sim", "real"]).pipe(
    Flag.withDefault("sim"),
    Flag.withDescription("sim: the simulator; real: a running console with real sockets, nodes and time")
  ),
  json: SweepFlags.jsonFlag,
  junit: SweepFlags.junitFlag,
  folder: Flag.Directory("report").pipe(
    Flag.optional,
    Flag.withDescription("Write results.json, junit.xml, summary.md and index.html to this folder")
  )
}

export const check = Command.make(
  "check",
  flags,
  ({ all, folder, ids, json, junit, mutant, workers, world, ...given }) =>
    Effect.gen(function* () {
      if (world === "real") {
        const refused = {
          strategy: given.strategy !== SweepFlags.strategyDefault,
          shard: Option.isSome(given.shard),
          workers: Option.isSome(workers),
          mutant: Option.isSome(mutant)
        }
        const write = yield* ReportFiles.open({ json, junit, folder })
        return yield* RealCommand.run({ ...given, all, ids, refused }, write)
      }
      const { options, described } = yield* understood(given)
      const workerCount = yield* SweepFlags.workersOf(workers)
      const subjects = yield* choose(ids, all, mutant)
      const write = yield* ReportFiles.open({ json, junit, folder })
      const interruption = yield* Interruption.listen
      const over = yield* pool(workerCount)
      const reports: Array<PropertyReport> = []
      const startedMs = performance.now()
      const ended = yield* Effect.result(checkAll(over, subjects, { ...options, stop: interruption.asked }, reports))
      // Also after an error or an interruption: what was done is done.
      const report: CheckReport = {
        tool: "muster",
        format: 4,
        version,
        world: "sim",
        uncontrolled: [],
        ...described,
        wallMs: Math.round(performance.now() - startedMs),
        properties: reports
      }
      yield* write(report)
      const { isInterrupted } = yield* Effect.fromResult(ended)
      if (isInterrupted) return yield* interruption.end
      // The lines above have told what failed.
      if (reports.some(({ status }) => status === "failed")) return yield* new ExitStatus({ status: 1, message: "" })
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Check properties of the console in the simulator, or of a running one"))

interface Given {
  readonly seed: number
  readonly seeds: Option.Option<number>
  readonly shard: Option.Option<string>
  readonly strategy: string
  readonly time: Option.Option<string>
}

/** The options of each sweep, and how the results describe them. */
const understood = ({ seed, seeds: seedsGiven, shard: shardText, strategy, time }: Given) =>
  Effect.gen(function* () {
    const isTimed = Option.isSome(time)
    const seeds = isTimed ? seedsGiven : Option.some(Option.getOrElse(seedsGiven, () => seedsDefault))
    // With a time alone there are seeds for as long as it lasts.
    const runs = yield* SweepFlags.atLeast(
      1,
      "--seeds",
      Option.getOrElse(seeds, () => unlimited)
    )
    const timeMs = isTimed ? yield* SweepFlags.timeOf(time.value) : Infinity
    const planner = yield* SweepFlags.plannerOf(strategy)
    const shard = Option.isSome(shardText) ? yield* SweepFlags.shardOf(shardText.value) : { index: 0, count: 1 }
    if (runs <= shard.index) {
      return yield* SweepFlags.wrongUsage(
        `--seeds is ${runs}, and the part --shard ${shard.index + 1}/${shard.count} of them is empty`
      )
    }
    if (!Number.isSafeInteger(seed + runs)) {
      return yield* SweepFlags.wrongUsage(`--seed is ${seed}, expected the last seed to be below 2^53`)
    }
    const options: CheckOptions = { runs, seed, planner, shard, timeMs }
    const described = {
      seed,
      ...(Option.isSome(seeds) ? { seeds: seeds.value } : {}),
      strategy,
      ...(Option.isSome(shardText) ? { shard: shardText.value } : {})
    }
    return { options, described }
  })

const choose = (ids: ReadonlyArray<string>, all: boolean, mutant: Option.Option<string>) =>
  Effect.gen(function* () {
    if (all && ids.length > 0) {
      return yield* SweepFlags.wrongUsage("name the properties to check or give --all, not both")
    }
    if (!all && ids.length === 0) {
      return yield* SweepFlags.wrongUsage("name the properties to check, or give --all")
    }
    const suffix = Option.match(mutant, { onNone: () => "", onSome: (id) => `+${id}` })
    const chosen = all ? properties.map((property) => property.id) : new Set(ids)
    return yield* Effect.forEach(chosen, (id) => SweepFlags.subjectOf(id + suffix))
  })

/** Adds a report for each property, in their order; ends early when it is told to stop, or cannot go on. */
const checkAll = Effect.fnUntraced(function* (
  over: Pool,
  subjects: ReadonlyArray<Subject>,
  options: CheckOptions,
  reports: Array<PropertyReport>
) {
  const progress = new Progress()
  let isInterrupted = false
  yield* Lanes.forEach(over, subjects, {
    // What is given a time has all workers for it.
    inTurn: options.timeMs !== undefined && options.timeMs !== Infinity,
    sweep: Effect.fnUntraced(function* (lane: Pool, subject: Subject) {
      const startedMs = performance.now()
      const onProgress: CheckOptions["onProgress"] = (counts) => progress.show(subject.name, counts)
      const result = yield* sweep(lane, subject, { ...options, onProgress }).pipe(
        Effect.ensuring(Effect.sync(() => progress.end(subject.name))),
        Effect.mapError(({ message }) => new ExitStatus({ status: 1, message }))
      )
      isInterrupted ||= result.ended === "stopped"
      return propertyReport(subject, result, performance.now() - startedMs)
    }),
    isLast: () => isInterrupted,
    tell: (report: PropertyReport) => {
      reports.push(report)
      return tell(report)
    }
  })
  return { isInterrupted }
})

const statuses = { holds: "holds ", failed: "FAILED", interrupted: "ended ", skipped: "skipped" } as const

const tell = (report: PropertyReport) =>
  Effect.gen(function* () {
    const { distinctTraces, failure, id, runs, status, steps, title, unreached, virtualMs, wallMs } = report
    yield* Console.log(
      `${statuses[status]} ${id} ${title}: ${counted(runs, "run")}, ${counted(steps, "step")}, ` +
        `${counted(Math.round(virtualMs / 1_000), "virtual second")}, ` +
        `${counted(distinctTraces, "distinct trace")}, ${wallMs} ms`
    )
    // Fewer runs need not come everywhere.
    if (runs >= seedsDefault && unreached.length > 0) yield* Console.log(`  not reached: ${unreached.join("; ")}`)
    if (failure !== undefined) yield* Console.log(failureLines(failure))
  })
