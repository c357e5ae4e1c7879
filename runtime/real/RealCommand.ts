/**
 * `muster check --world real`: the scenarios against a running console, one after another. Exit status 0 when all hold,
 * 1 when one failed, 2 for wrong usage or where there is no supervisord.
 */
import { Console, Effect, Option } from "effect"
import type { CheckReport, PropertyReport } from "../../reports/CheckReport.ts"
import { failureLines } from "../../reports/CheckReport.ts"
import * as SweepFlags from "../commands/SweepFlags.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import { version } from "../Version.ts"
import * as RealCheck from "./RealCheck.ts"
import * as Supervisord from "./Supervisord.ts"

/** What was given to `muster check`. */
export interface Given {
  readonly all: boolean
  readonly ids: ReadonlyArray<string>
  readonly seed: number
  readonly seeds: Option.Option<number>
  readonly time: Option.Option<string>
  /** Flags that mean nothing here, by name, and whether they were given. */
  readonly refused: Readonly<Record<string, boolean>>
}

/** The properties to check, in their order. */
const chosen = ({ all, ids, refused }: Given) =>
  Effect.gen(function* () {
    for (const [flag, isGiven] of Object.entries(refused)) {
      if (isGiven)
        return yield* SweepFlags.wrongUsage(`--${flag} is of the simulator, and means nothing with --world real`)
    }
    if (all && ids.length > 0) {
      return yield* SweepFlags.wrongUsage("name the properties to check or give --all, not both")
    }
    for (const id of ids) {
      if (RealCheck.known.includes(id)) continue
      const { name } = yield* SweepFlags.subjectOf(id)
      return yield* SweepFlags.wrongUsage(
        `${name} cannot be seen from outside of a console; with --world real there are ${RealCheck.known.join(", ")}`
      )
    }
    if (!Supervisord.available) {
      return yield* new ExitStatus({
        status: 2,
        message: "--world real needs supervisord, which is not on PATH (package supervisor on Debian)"
      })
    }
    return ids.length === 0 ? RealCheck.known : RealCheck.known.filter((id) => ids.includes(id))
  })

const statuses = { holds: "holds ", failed: "FAILED", interrupted: "ended ", skipped: "skipped" } as const

const tell = ({ failure, faults, id, reason, runs, status, title, wallMs }: PropertyReport) =>
  Effect.gen(function* () {
    const count = Object.values(faults).reduce((sum, each) => sum + each, 0)
    const left = reason === undefined ? "" : ` (not run: ${reason})`
    const did = `${counted(runs, "episode")}, ${counted(count, "fault")}, ${wallMs} ms`
    yield* Console.log(`${statuses[status]} ${id} ${title}: ${did}${left}`)
    if (failure !== undefined) yield* Console.log(failureLines(failure))
  })

/** Runs what was asked for, and hands the results to `write` however it ends. */
export const run = <E, R>(given: Given, write: (report: CheckReport) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const ids = yield* chosen(given)
    const { seed } = given
    const seeds = yield* SweepFlags.atLeast(
      1,
      "--seeds",
      Option.getOrElse(given.seeds, () => 1)
    )
    const timeMs = Option.isSome(given.time) ? yield* SweepFlags.timeOf(given.time.value) : Infinity
    const interruption = yield* Interruption.listen
    const reports: Array<PropertyReport> = []
    const startedMs = performance.now()
    const options = { seed, seeds, timeMs, stop: interruption.asked }
    for (const scenario of RealCheck.scenariosOf(ids)) {
      const made = yield* RealCheck.check(scenario, ids, options)
      reports.push(...made)
      yield* Effect.forEach(made, tell, { discard: true })
      if (made.some(({ status }) => status === "interrupted")) break
    }
    yield* write({
      tool: "muster",
      format: 4,
      version,
      world: "real",
      uncontrolled: RealCheck.uncontrolled,
      seed,
      seeds,
      strategy: "",
      wallMs: Math.round(performance.now() - startedMs),
      properties: reports
    })
    if (reports.some(({ status }) => status === "interrupted")) return yield* interruption.end
    if (reports.some(({ status }) => status === "failed")) return yield* new ExitStatus({ status: 1, message: "" })
    return undefined
  })
