/**
 * The simulator as a library: run an Effect program on a virtual clock under a seeded scheduler, check it over many
 * seeds, and replay a run from its token.
 *
 * Guarantees: the same program, seed and strategy give the same run, step by step, on every machine; nothing in a run
 * waits for real time. It does not look into code between two Effect operations (that is atomic in JavaScript anyway),
 * and it cannot simulate what leaves Effect: promises, timers and other globals are named as escapes.
 *
 * @example
 * const lostUpdate = Effect.gen(function*() {
 *   const counter = yield* Ref.make(0)
 *   const increment = Effect.flatMap(Ref.get(counter), (n) => Ref.set(counter, n + 1))
 *   yield* Effect.all([increment, increment], { concurrency: 2 })
 *   if ((yield* Ref.get(counter)) !== 2) return yield* Effect.die("an update was lost")
 * })
 * Sim.check(lostUpdate, { runs: 100 }).failure?.token
 */
import { type Cause, Effect, Exit, Result } from "effect"
import type { Deviation, Stream } from "./Choices.ts"
import { describeError } from "./DescribeError.ts"
import { describeEscape, trapped } from "./Escape.ts"
import { Kernel } from "./Kernel.ts"
import { RunContext } from "./RunContext.ts"
import type { Strategy } from "./Strategy.ts"
import { strategies } from "./strategies/Strategies.ts"
import { randomWalk } from "./strategies/RandomWalk.ts"
import { formatToken, parseToken, TokenError, tokenName } from "./Token.ts"
import type { Token } from "./Token.ts"
import type { StepRecord } from "./Trace.ts"
import { TraceHash } from "./TraceHash.ts"

export { RunContext } from "./RunContext.ts"
export { draw } from "./Draw.ts"
export { linearizable } from "./Linearizability.ts"
export type { Model, Operation, Verdict } from "./Linearizability.ts"
export type { Deviation, Stream } from "./Choices.ts"
export type { Strategy } from "./Strategy.ts"
export type { StepRecord } from "./Trace.ts"
export { parseToken, TokenError } from "./Token.ts"

/**
 * - `done`: the program succeeded.
 * - `failed`: it failed, died or was interrupted; see `exit`.
 * - `deadlock`: it waits, and nothing that could wake it is left.
 * - `step-limit`: it did not end within the steps allowed.
 * - `escaped`: it called a global that leaves the simulated world; whatever it did afterwards counts for nothing.
 */
export type Outcome = "done" | "failed" | "deadlock" | "step-limit" | "escaped"

export interface RunOptions {
  /** Any safe integer. Default 0. */
  readonly seed?: number
  /** Default: random walk. */
  readonly strategy?: Strategy
  /** Operations after which the run is given up. Default 1,000,000. */
  readonly stepsMax?: number
  /** Name that the token carries. Default "program". */
  readonly name?: string
  /** Keeps `deviations` and `trace`. Default false: they cost time and memory. */
  readonly record?: boolean
}

export interface RunResult<A, E> {
  readonly outcome: Outcome
  /** How the program ended; undefined after a deadlock or at the step limit. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** One or more lines that say what went wrong; "" when the outcome is `done`. */
  readonly message: string
  readonly seed: number
  /** Operations at which the scheduler was asked. */
  readonly steps: number
  /** Virtual time that passed, milliseconds. */
  readonly virtualMs: number
  /** 16 hexadecimal digits; equal for equal runs. */
  readonly traceHash: string
  /** Replays this run. */
  readonly token: string
  /** How often each `Sim.sometimes` was reached. */
  readonly sometimes: ReadonlyMap<string, number>
  /** How often each kind of fault was injected. */
  readonly faults: ReadonlyMap<string, number>
  /** Defects that ended fibers other than the root; a program may have handled them. */
  readonly defects: ReadonlyArray<string>
  /** Choices that were not the dullest, when recorded. */
  readonly deviations: ReadonlyArray<Deviation>
  /** Stretches that each fiber ran without a switch, when recorded. */
  readonly trace: ReadonlyArray<StepRecord>
}

const stepsMaxDefault = 1_000_000

let underWay = false

/**
 * One run, synchronous. The program may draw from the run through `RunContext` (see `choose`, `sometimes`); a plain
 * program needs nothing. Throws only on wrong options.
 */
export const run = <A, E>(program: Effect.Effect<A, E, RunContext>, options: RunOptions = {}): RunResult<A, E> => {
  const { name = "program", record = false, strategy = randomWalk } = options
  const seed = safeInteger("seed", options.seed ?? 0)
  const stepsMax = positiveInteger("stepsMax", options.stepsMax ?? stepsMaxDefault)
  if (underWay) throw new Error("Sim.run: a run is under way on this thread; runs cannot be nested")
  const kernel = new Kernel({ seed, strategy, stepsMax, record })
  underWay = true
  const { escape, value } = (() => {
    try {
      return trapped(
        () => kernel.run(program),
        () => kernel.fiberInCharge()
      )
    } finally {
      underWay = false
    }
  })()
  const failed = value.exit !== undefined && Exit.isFailure(value.exit)
  const outcome: Outcome = escape !== undefined ? "escaped" : failed ? "failed" : value.ending
  kernel.hash.fold(-2, outcomeNumber[outcome])
  const token = formatToken({
    name,
    strategy: strategy.name,
    seed,
    steps: kernel.steps,
    traceHash: kernel.hash.digest,
    marks: kernel.hash.marks
  })
  return {
    outcome,
    exit: value.exit,
    message: escape !== undefined ? describeEscape(escape) : describe(kernel, outcome, value.exit),
    seed,
    steps: kernel.steps,
    virtualMs: kernel.nowMs,
    traceHash: kernel.hash.digest,
    token,
    sometimes: kernel.reached,
    faults: kernel.faults,
    defects: kernel.defects(),
    deviations: kernel.choices.deviations,
    trace: kernel.records
  }
}

const outcomeNumber: Record<Outcome, number> = { done: 0, failed: 1, deadlock: 2, "step-limit": 3, escaped: 4 }

/** How many fibers a report names at most. */
const fibersNamedMax = 20

const describe = <A, E>(kernel: Kernel, outcome: Outcome, exit: Exit.Exit<A, E> | undefined): string => {
  if (outcome === "done") return ""
  if (exit !== undefined && Exit.isFailure(exit)) return describeCause(exit.cause)
  const list = (fibers: ReadonlyArray<string>) => fibers.slice(0, fibersNamedMax).map((fiber) => `  ${fiber}`)
  if (outcome === "deadlock") {
    const waiting = kernel.unfinished()
    return [
      `deadlock after ${kernel.steps} steps: ${waiting.length} fibers wait, and no timer and no task is left`,
      ...list(waiting)
    ].join("\n")
  }
  return [
    `no end after ${kernel.steps} steps; a larger stepsMax may help. Last to run:`,
    ...list(kernel.spinners())
  ].join("\n")
}

/** Failures and defects in one line each, without stacks: a token brings those back. */
const describeCause = (cause: Cause.Cause<unknown>): string => {
  const lines = cause.reasons.map((reason) => {
    if (reason._tag === "Fail") return `failed: ${describeError(reason.error)}`
    if (reason._tag === "Die") return `died: ${describeError(reason.defect)}`
    return "interrupted"
  })
  return lines.length === 0 ? "failed without a cause" : lines.join("\n")
}

// Many runs -------------------------------------------------------------------------------------------------------------

export interface CheckOptions extends Omit<RunOptions, "record"> {
  /** Runs with the seeds `seed`, `seed + 1`, .. Default 100. */
  readonly runs?: number
  /** Called after each run, for progress and counts. */
  readonly onRun?: (result: RunResult<unknown, unknown>, index: number) => void
}

export interface Failure<A, E> extends RunResult<A, E> {
  /** How many runs it took, this one included. */
  readonly run: number
}

export interface CheckResult<A, E> {
  /** Runs done: all of them, or as many as the first failure took. */
  readonly runs: number
  readonly steps: number
  readonly virtualMs: number
  readonly distinctTraces: number
  /** Digest of the traces of all runs, in their order. */
  readonly traceHash: string
  readonly sometimes: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
  /** The first run that did not end well, recorded. */
  readonly failure: Failure<A, E> | undefined
}

/** Runs the program under consecutive seeds until one does not end well. */
export const check = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  options: CheckOptions = {}
): CheckResult<A, E> => {
  const runs = positiveInteger("runs", options.runs ?? 100)
  const first = safeInteger("seed", options.seed ?? 0)
  const traces = new Set<string>()
  const digest = new TraceHash()
  const sometimes = new Map<string, number>()
  const faults = new Map<string, number>()
  let steps = 0
  let virtualMs = 0
  let failure: Failure<A, E> | undefined
  let done = 0
  while (done < runs && failure === undefined) {
    const result = run(program, { ...options, seed: first + done })
    options.onRun?.(result, done)
    done++
    steps += result.steps
    virtualMs += result.virtualMs
    traces.add(result.traceHash)
    digest.fold(parseInt(result.traceHash.slice(0, 8), 16), parseInt(result.traceHash.slice(8), 16))
    addCounts(sometimes, result.sometimes)
    addCounts(faults, result.faults)
    if (result.outcome !== "done") failure = { ...confirm(program, options, result), run: done }
  }
  return {
    runs: done,
    steps,
    virtualMs,
    distinctTraces: traces.size,
    traceHash: digest.digest,
    sometimes,
    faults,
    failure
  }
}

const addCounts = (sums: Map<string, number>, counts: ReadonlyMap<string, number>): void => {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count)
}

/** Does a failing run again, recorded. A second run that differs means that the program is not deterministic. */
const confirm = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  options: CheckOptions,
  failed: RunResult<A, E>
): RunResult<A, E> => {
  const again = run(program, { ...options, seed: failed.seed, record: true })
  if (again.traceHash === failed.traceHash) return again
  return {
    ...again,
    message:
      `${failed.message}\nand the same seed gave another run the second time (trace ${failed.traceHash}, then ` +
      `${again.traceHash}): the program depends on something outside the simulation`
  }
}

// Replay ----------------------------------------------------------------------------------------------------------------

export interface ReplayOptions {
  /** Name that the token must carry. Default: whatever it carries. */
  readonly name?: string
}

/** The run that a token stands for, recorded; or why it could not be done again. */
export const replay = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  token: string,
  options: ReplayOptions = {}
): Result.Result<RunResult<A, E>, TokenError> =>
  Result.flatMap(parseToken(token), (parsed) => {
    const { name = parsed.name } = options
    if (tokenName(name) !== parsed.name) {
      return refuse(`the token is of ${parsed.name}, not of ${tokenName(name)}`)
    }
    const strategy = strategies.find((candidate) => candidate.name === parsed.strategy)
    if (strategy === undefined) {
      return refuse(
        `the token's strategy ${parsed.strategy} is unknown; known are ${strategies.map((s) => s.name).join(", ")}`
      )
    }
    // The steps of the token are the limit: a run that reached its limit ends there again, any other is done by then.
    const stepsMax = Math.max(1, parsed.steps)
    const result = run(program, { seed: parsed.seed, strategy, stepsMax, name, record: true })
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

// Inside a program ------------------------------------------------------------------------------------------------------

/** A choice of the run: an integer below `n`; 0 is the dullest answer, which shrinking goes for. */
export const choose = (stream: Stream, n: number): Effect.Effect<number, never, RunContext> =>
  RunContext.use((context) => Effect.sync(() => context.choose(stream, n)))

/** True with the chance `num` in `den`, from a stream of choices; false is the dullest answer. */
export const chance = (
  stream: Stream,
  ratio: { readonly num: number; readonly den: number }
): Effect.Effect<boolean, never, RunContext> =>
  Effect.map(choose(stream, ratio.den), (value) => value >= ratio.den - ratio.num)

/** Counts a fault that the program injects, by its kind: `disk full`. Simulated services count theirs themselves. */
export const fault = (kind: string): Effect.Effect<void, never, RunContext> =>
  RunContext.use((context) => Effect.sync(() => context.fault(kind)))

/** Marks that this place was reached. A sweep counts its marks, and shows those that never were. */
export const sometimes = (name: string): Effect.Effect<void, never, RunContext> =>
  RunContext.use((context) => Effect.sync(() => context.reach(name)))

const safeInteger = (field: string, value: number): number => {
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(`Sim: ${field} is ${value}, expected an integer between -(2^53 - 1) and 2^53 - 1`)
}

const positiveInteger = (field: string, value: number): number => {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new RangeError(`Sim: ${field} is ${value}, expected an integer of at least 1`)
}
