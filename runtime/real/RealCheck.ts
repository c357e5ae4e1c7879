/**
 * Checks properties against a running console: one scenario after another, each in a world of its own that is gone
 * afterwards. A seed gives the workload and the plan of the chaos, and nothing else.
 */
import { Cause, Effect, Exit, Option } from "effect"
import type { PropertyReport } from "../../reports/CheckReport.ts"
import { properties } from "../../scenarios/Properties.ts"
import * as Episode from "./Episode.ts"
import type { Scenario } from "./Scenario.ts"
import { scenarios } from "./Scenarios.ts"

/** What this world does not control, as the report says it. */
export const uncontrolled: ReadonlyArray<string> = [
  "the order in which the kernel delivers what arrives on sockets and pipes",
  "when the processes run: the schedulers of the system, of Node and of Effect",
  "the clock of the machine, and what else it has to do",
  "the random numbers of the console: tokens, ids, jitter",
  "what supervisord and the database do inside"
]

/** Properties that have a scenario here, in their order. */
export const known: ReadonlyArray<string> = properties
  .map(({ id }) => id)
  .filter((id) => scenarios.some((scenario) => scenario.properties.includes(id)))

/** The scenarios of these properties, each once. */
export const scenariosOf = (ids: ReadonlyArray<string>): ReadonlyArray<Scenario> =>
  scenarios.filter((scenario) => scenario.properties.some((id) => ids.includes(id)))

/** What is counted over all episodes of a scenario. */
interface Tally {
  readonly faults: Map<string, number>
  readonly marks: Map<string, number>
  /** Why parts of it were left out. */
  readonly missing: Set<string>
}

/** What became of all episodes of a scenario. */
interface Result extends Tally {
  readonly runs: number
  readonly wallMs: number
  readonly ended:
    | { readonly _tag: "holds" | "interrupted" }
    | { readonly _tag: "skipped"; readonly reason: string }
    | { readonly _tag: "failed"; readonly message: string; readonly seed: number }
}

export interface RealOptions {
  /** Seeds, one for each episode. */
  readonly seed: number
  readonly seeds: number
  /** Begin no episode after this time. */
  readonly timeMs: number
  /** Completes when the user wants it to end. */
  readonly stop: Effect.Effect<unknown>
}

/** Nothing that a scenario does takes so long; something hangs. */
const episodeMsMax = 120_000

const messageOf = (cause: Cause.Cause<Episode.EpisodeError | Cause.TimeoutError>): string => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (error === undefined) return Cause.pretty(cause)
  if (error._tag === "NotHere") return error.reason
  return error._tag === "TimeoutError" ? `no end within ${episodeMsMax} ms` : error.message
}

const merge = (into: Map<string, number>, from: ReadonlyMap<string, number>) => {
  for (const [name, count] of from) into.set(name, (into.get(name) ?? 0) + count)
}

/** One episode; `undefined` when it was interrupted. */
const once = (scenario: Scenario, seed: number, stop: Effect.Effect<unknown>, into: Tally) =>
  Effect.gen(function* () {
    let folder = ""
    const running = Effect.scoped(
      Effect.gen(function* () {
        const episode = yield* Episode.make(scenario.properties[0], seed)
        folder = episode.folder
        yield* Effect.ensuring(
          Effect.timeout(scenario.run(episode), episodeMsMax),
          Effect.sync(() => {
            merge(into.faults, episode.faults)
            merge(into.marks, episode.marks)
            for (const reason of episode.missing) into.missing.add(reason)
          })
        )
      })
    ).pipe(Effect.exit)
    const exit = yield* Effect.raceFirst(running, Effect.as(stop, undefined))
    return exit === undefined ? undefined : { exit, folder }
  })

const runAll = Effect.fnUntraced(function* (scenario: Scenario, { seed, seeds, stop, timeMs }: RealOptions) {
  const startedMs = performance.now()
  const tally: Tally = { faults: new Map(), marks: new Map(), missing: new Set() }
  let runs = 0
  let ended: Result["ended"] = { _tag: "holds" }
  while (runs < seeds && ended._tag === "holds" && (runs === 0 || performance.now() - startedMs < timeMs)) {
    const result = yield* once(scenario, seed + runs, stop, tally)
    if (result === undefined) {
      ended = { _tag: "interrupted" }
      break
    }
    runs++
    const { exit, folder } = result
    if (Exit.isSuccess(exit)) continue
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    if (error?._tag === "NotHere") {
      ended = { _tag: "skipped", reason: error.reason }
      runs--
    } else {
      const failed = seed + runs - 1
      const where = `seed ${failed} of workload and chaos; what was seen is in ${folder}`
      ended = { _tag: "failed", message: `${messageOf(exit.cause)}\n${where}`, seed: failed }
    }
  }
  return { runs, wallMs: performance.now() - startedMs, ended, ...tally }
})

const reportOf = (
  id: string,
  scenario: Scenario,
  { ended, faults, marks, missing, runs, wallMs }: Result
): PropertyReport => {
  const property = properties.find((each) => each.id === id)
  const reason = ended._tag === "skipped" ? ended.reason : Array.from(missing, (each) => `a part: ${each}`).join("; ")
  return {
    id,
    title: property?.title ?? id,
    requirements: property?.requirements ?? [],
    status: ended._tag,
    ...(reason === "" ? {} : { reason }),
    runs,
    steps: 0,
    virtualMs: 0,
    wallMs: Math.round(wallMs),
    distinctTraces: 0,
    traceHash: "",
    faults: Object.fromEntries(faults),
    sometimes: Object.fromEntries(marks),
    unreached: ended._tag === "holds" ? scenario.marks.filter((mark) => !marks.has(mark)) : [],
    ...(ended._tag === "failed" ? { failure: failureOf(ended, runs) } : {})
  }
}

/** Nothing of it can be replayed, so that it has no token. */
const failureOf = ({ message, seed }: { readonly message: string; readonly seed: number }, run: number) => ({
  token: "",
  message,
  run,
  seed,
  strategy: "",
  steps: 0,
  deviations: 0,
  traceHash: "",
  story: ""
})

/** Runs a scenario; gives the reports of those of its properties that were asked for. */
export const check = (
  scenario: Scenario,
  ids: ReadonlyArray<string>,
  options: RealOptions
): Effect.Effect<ReadonlyArray<PropertyReport>> =>
  Effect.map(runAll(scenario, options), (result) =>
    scenario.properties.filter((id) => ids.includes(id)).map((id) => reportOf(id, scenario, result))
  )
