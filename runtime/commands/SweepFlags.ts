/** What the commands that sweep have in common: their flags, and what these may be. */
import { availableParallelism } from "node:os"
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import { findSubject } from "../../scenarios/Sweep.ts"
import type { Subject } from "../../scenarios/Sweep.ts"
import { plannerNamed, planners } from "../../sim/strategies/Strategies.ts"
import type { Planner } from "../../sim/Strategy.ts"
import type { ExitStatus } from "../ExitStatus.ts"
import { durationOf, wrongUsage } from "./Usage.ts"

export { wrongUsage } from "./Usage.ts"

export const seedFlag = Flag.Int("seed").pipe(
  Flag.withDefault(0),
  Flag.withDescription("First seed; the others follow it")
)

/** A file for results, or a pipe to whoever reads them: it is tried out by `ResultsFile`. */
const fileFlag = (name: string) => Flag.Path(name, { typeName: "file" }).pipe(Flag.optional)

export const jsonFlag = fileFlag("json").pipe(Flag.withDescription("Write the results to this file"))

export const junitFlag = fileFlag("junit").pipe(Flag.withDescription("Write the results to this file as JUnit XML"))

export const workersFlag = Flag.Int("workers").pipe(
  Flag.optional,
  Flag.withDescription("Worker threads; the results do not depend on it. Default: one for each core")
)

export const strategyDefault = "portfolio"

export const strategyFlag = Flag.String("strategy").pipe(
  Flag.withDefault(strategyDefault),
  Flag.withDescription(`How schedules are chosen: ${planners.map(({ name }) => name).join(", ")}, or pct-DEPTH-POINTS`)
)

/** The number, if it is at least so much. */
export const atLeast = (min: number, flag: string, value: number): Effect.Effect<number, ExitStatus> =>
  value >= min ? Effect.succeed(value) : wrongUsage(`${flag} is ${value}, expected at least ${min}`)

/** More are a slip of the finger. */
const workersMax = 256

export const workersOf = (given: Option.Option<number>): Effect.Effect<number, ExitStatus> => {
  const workers = Option.getOrElse(given, availableParallelism)
  return workers > workersMax
    ? wrongUsage(`--workers is ${workers}, expected at most ${workersMax}`)
    : atLeast(1, "--workers", workers)
}

/** The property, or mutant `P1+name`, of each name. */
export const subjectOf = (name: string): Effect.Effect<Subject, ExitStatus> =>
  Effect.catch(Effect.fromResult(findSubject(name)), (error) => wrongUsage(error.message))

export const plannerOf = (name: string): Effect.Effect<Planner, ExitStatus> => {
  const planner = plannerNamed(name)
  const known = planners.map((each) => each.name).join(", ")
  return planner === undefined
    ? wrongUsage(`there is no strategy ${JSON.stringify(name)}; there are ${known}, and pct-DEPTH-POINTS`)
    : Effect.succeed(planner)
}

/** `2/4`, counted from 1: the second of four parts. */
export const shardOf = (
  text: string
): Effect.Effect<{ readonly index: number; readonly count: number }, ExitStatus> => {
  const [, part = "", of = ""] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? []
  const [number, count] = [Number(part), Number(of)]
  return part === "" || number < 1 || number > count
    ? wrongUsage(`--shard is ${JSON.stringify(text)}, expected I/N with I from 1 to N: 2/4 is the second of four parts`)
    : Effect.succeed({ index: number - 1, count })
}

/** The value of `--time`, in milliseconds. */
export const timeOf = (text: string): Effect.Effect<number, ExitStatus> => durationOf("--time", text)
