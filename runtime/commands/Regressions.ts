/**
 * `muster regressions`: the bugs that the simulator has found, each looked for again under the choices that found it.
 * Exit status 1 when one is back; one whose choices do not lead to it any more is only told.
 */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { regressions as kept, renewal, replayRegression } from "../../scenarios/Regressions.ts"
import type { RegressionResult } from "../../scenarios/Regressions.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import * as ResultsFile from "../ResultsFile.ts"
import * as SweepFlags from "./SweepFlags.ts"

export const regressions = Command.make("regressions", { json: SweepFlags.jsonFlag }, ({ json }) =>
  Effect.gen(function* () {
    const write = yield* ResultsFile.open(json)
    const interruption = yield* Interruption.listen
    const results: Array<RegressionResult> = []
    const all = Effect.forEach(
      kept,
      (regression) =>
        Effect.gen(function* () {
          // Signals get their turn before each.
          yield* Effect.yieldNow
          const result = replayRegression(regression)
          results.push(result)
          yield* Console.log(linesOf(result))
        }),
      { discard: true }
    )
    const isWhole = yield* Effect.raceFirst(Effect.as(all, true), Effect.as(interruption.asked, false))
    yield* write({ regressions: results })
    if (!isWhole) return yield* interruption.end
    if (results.some(({ status }) => status === "failed")) return yield* new ExitStatus({ status: 1, message: "" })
  }).pipe(Effect.scoped)
).pipe(
  Command.withDescription(
    "Look for bugs that the simulator has found before: holds, FAILED when one is back (exit status 1), stale when " +
      "its token has to be renewed"
  )
)

const statuses = { holds: "holds ", failed: "FAILED", stale: "stale " } as const

const linesOf = (result: RegressionResult): string => {
  const { message, property, since, status, token, what } = result
  const line = `${statuses[status]} ${property} since ${since}: ${what}`
  if (status === "holds") return line
  return [line, message, status === "stale" ? renewal(result) : `choices: ${token}`].join("\n")
}
