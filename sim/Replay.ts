/** The run that a token stands for, done again; or why it could not be. */
import { type Effect, Result } from "effect"
import type { RunContext } from "./RunContext.ts"
import { execute, positiveInteger } from "./Run.ts"
import type { RunOptions, RunResult } from "./Run.ts"
import { decodeScript } from "./Script.ts"
import { planners, strategyNamed } from "./strategies/Strategies.ts"
import { formatToken, parseToken, TokenError, tokenName } from "./Token.ts"
import type { Token } from "./Token.ts"

export interface ReplayOptions extends Pick<RunOptions, "leaks"> {
  /** Name that the token must carry. Default: whatever it carries. */
  readonly name?: string
  /** Gives the run up after so many steps, to look at it there; its end is then not compared. */
  readonly until?: number
}

/** The run again, recorded; or at which step this program differs from the token's. */
export const replay = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  token: string,
  options: ReplayOptions = {}
): Result.Result<RunResult<A, E>, TokenError> =>
  Result.flatMap(parseToken(token), (parsed) => {
    const { leaks = "ignore", name = parsed.name } = options
    const until = options.until === undefined ? undefined : positiveInteger("until", options.until)
    if (tokenName(name) !== parsed.name) {
      return refuse(`the token is of ${parsed.name}, not of ${tokenName(name)}`)
    }
    const strategy = strategyNamed(parsed.strategy)
    if (strategy === undefined) {
      const known = planners.map((planner) => planner.name).join(", ")
      return refuse(`the token's strategy ${parsed.strategy} is unknown; this version has ${known}`)
    }
    const script = parsed.script === undefined ? undefined : decodeScript(parsed.script)
    if (parsed.script !== undefined && script === undefined) {
      return refuse("the token's last part, its choices, cannot be read: it is cut off or mistyped")
    }
    // The steps of the token are the limit: a run that reached its limit ends there again, any other is done by then.
    const stepsMax = Math.max(1, Math.min(parsed.steps, until ?? Infinity))
    const result = execute(program, {
      seed: parsed.seed,
      strategy,
      stepsMax,
      name,
      leaks,
      record: "story",
      ...(script === undefined ? {} : { script })
    })
    if (until !== undefined && until < parsed.steps) return Result.succeed(result)
    return result.token === formatToken(parsed) ? Result.succeed(result) : refuse(describeDifference(parsed, result))
  })

const refuse = (message: string): Result.Result<never, TokenError> => Result.fail(new TokenError({ message }))

const describeDifference = <A, E>(expected: Token, actual: RunResult<A, E>): string => {
  const marks = Result.getOrUndefined(parseToken(actual.token))?.marks ?? []
  const first = expected.marks.findIndex((mark, i) => mark !== marks[i])
  const where =
    first < 0
      ? `after step ${2 ** Math.max(0, expected.marks.length - 1)}`
      : first === 0
        ? "at its first step"
        : `between steps ${2 ** (first - 1)} and ${2 ** first}`
  const ended =
    actual.outcome === "step-limit"
      ? `it goes on after ${actual.steps} steps, where the token's ended`
      : `it ended ${actual.outcome} after ${actual.steps} steps, the token's after ${expected.steps}`
  return `this program differs from the one that made the token ${where}: ${ended}`
}
