/** The run that a token stands for, done again; or why it could not be. */
import { type Effect, Result } from "effect"
import type { RunContext } from "./RunContext.ts"
import { execute, positiveInteger } from "./Run.ts"
import type { ExecuteOptions, RunOptions, RunResult } from "./Run.ts"
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
    // The steps of the token are the limit: a run that reached its limit ends there again, any other is done by then.
    const stepsMax = Math.max(1, Math.min(parsed.steps, until ?? Infinity))
    return Result.flatMap(choicesOf(parsed), (choices) => {
      const result = execute(program, { ...choices, stepsMax, name, leaks, record: "story" })
      if (until !== undefined && until < parsed.steps) return Result.succeed(result)
      return result.token === formatToken(parsed) ? Result.succeed(result) : refuse(describeDifference(parsed, result))
    })
  })

/**
 * A run by the seed, the strategy and the choices of a token, whether or not its trace is the token's: of a program
 * that is not quite the same any more. It is not recorded.
 */
export const retrace = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  token: string,
  options: Pick<RunOptions, "leaks" | "name" | "stepsMax"> = {}
): Result.Result<RunResult<A, E>, TokenError> =>
  Result.map(Result.flatMap(parseToken(token), choicesOf), (choices) => execute(program, { ...options, ...choices }))

/** What a token says of the choices of its run. */
const choicesOf = (token: Token): Result.Result<Pick<ExecuteOptions, "seed" | "strategy" | "script">, TokenError> => {
  const { seed } = token
  const strategy = strategyNamed(token.strategy)
  if (strategy === undefined) {
    const known = planners.map((planner) => planner.name).join(", ")
    return refuse(`the token's strategy ${token.strategy} is unknown; this version has ${known}`)
  }
  if (token.script === undefined) return Result.succeed({ seed, strategy })
  const script = decodeScript(token.script)
  return script === undefined
    ? refuse("the token's last part, its choices, cannot be read: it is cut off or mistyped")
    : Result.succeed({ seed, strategy, script })
}

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
