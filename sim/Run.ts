/** One run of a program: its options, the kernel under the traps for escapes, and what came of it. */
import { Exit } from "effect"
import type { Effect } from "effect"
import { seeded } from "./Choices.ts"
import type { ChoiceSource, Deviation, DrawnStream } from "./Choices.ts"
import { describeEscape, trapped } from "./Escape.ts"
import { Kernel } from "./Kernel.ts"
import { notingSemaphores, takenPermits } from "./Permits.ts"
import { describeEnd, leaksOf } from "./Report.ts"
import type { RunContext } from "./RunContext.ts"
import { encodeScript, scripted } from "./Script.ts"
import type { Script } from "./Script.ts"
import { withSites } from "./Sites.ts"
import type { Branches, Strategy } from "./Strategy.ts"
import { randomWalk } from "./strategies/RandomWalk.ts"
import { formatToken } from "./Token.ts"
import type { BirthRecord, StepRecord, SwitchRecord, Told } from "./Trace.ts"

/**
 * - `done`: the program succeeded.
 * - `failed`: it failed, died or was interrupted (see `exit`), broke an invariant, or left something behind.
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
  /** Keeps `deviations`, `trace` and `told`. Default false: they cost time and memory. */
  readonly record?: boolean
  /**
   * Whether it is a failure when fibers, or resources that simulated services gave out, are left over once the program
   * has ended and what was runnable has come to rest. Default "ignore".
   */
  readonly leaks?: "ignore" | "fail"
}

export interface RunResult<A, E> {
  readonly outcome: Outcome
  /** How the program ended; undefined after a deadlock, a broken invariant or at the step limit. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** One or more lines that say what went wrong; "" when the outcome is `done`. */
  readonly message: string
  readonly seed: number
  /** The strategy with its parameters. */
  readonly strategy: string
  /** Operations at which the scheduler was asked. */
  readonly steps: number
  /** Fibers that were started, the root included. */
  readonly fibers: number
  /** Points at which the schedule could have gone another way. */
  readonly decisions: number
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
  /** What the run drew about itself, such as a swarm's kinds of faults. */
  readonly notes: ReadonlyMap<string, string>
  /** How many values the program and its services drew from each stream. */
  readonly drawn: Readonly<Record<DrawnStream, number>>
  /** Defects that ended fibers other than the root; a program may have handled them. */
  readonly defects: ReadonlyArray<string>
  /** What was left over at the end, when `leaks` is "fail". */
  readonly leaks: ReadonlyArray<string>
  /** Choices that were not the dullest, when recorded. */
  readonly deviations: ReadonlyArray<Deviation>
  /** Stretches that each fiber ran without a switch, when recorded. */
  readonly trace: ReadonlyArray<StepRecord>
  /** Lines that services, scenarios and the program's log told, when recorded. */
  readonly told: ReadonlyArray<Told>
  /** Choices of the schedule that were not the dullest, in words of fibers, when recorded. */
  readonly switches: ReadonlyArray<SwitchRecord>
  /** Fibers that were started, when recorded. */
  readonly births: ReadonlyArray<BirthRecord>
  /** Name of the host of each fiber, by its number, when recorded; "" is the scenario. */
  readonly hosts: ReadonlyArray<string>
  /** What the run could have done otherwise, for strategies that learn from it. */
  readonly branches: Branches | undefined
}

/** What the parts of the simulator ask of a run beyond what its users do. */
export interface ExecuteOptions extends Omit<RunOptions, "record"> {
  readonly record?: "nothing" | "deviations" | "story"
  /**
   * Whether errors and calls have stacks: Effect takes one for each, and of most runs nobody reads them. Default
   * true.
   */
  readonly stacks?: boolean
  /** Values of the streams in place of drawn ones; the token carries them. */
  readonly script?: Script
  /** Answers in place of the seed and the script; such a run has no token of its own. */
  readonly source?: ChoiceSource
}

const stepsMaxDefault = 1_000_000

let underWay = false

/** One run, synchronous. Throws only on wrong options. */
export const execute = <A, E>(
  program: Effect.Effect<A, E, RunContext>,
  options: ExecuteOptions = {}
): RunResult<A, E> => {
  const { leaks = "ignore", name = "program", record = "nothing", script, strategy = randomWalk } = options
  const seed = safeInteger("seed", options.seed ?? 0)
  const stepsMax = positiveInteger("stepsMax", options.stepsMax ?? stepsMaxDefault)
  if (underWay) throw new Error("Sim.run: a run is under way on this thread; runs cannot be nested")
  const source = options.source ?? (script === undefined ? seeded(seed) : scripted(script, seed))
  const kernel = new Kernel({ seed, strategy, source, stepsMax, record })
  underWay = true
  const inCharge = () => kernel.fiberInCharge()
  const body = () => {
    if (leaks === "ignore") return { ...kernel.run(program), left: [] }
    const { semaphores, value: ended } = notingSemaphores(
      () => kernel.run(program),
      () => kernel.maker()
    )
    if (ended.ending !== "done") return { ...ended, left: [] }
    kernel.settle()
    return {
      ...ended,
      left: [...leaksOf(kernel), ...takenPermits(semaphores, (host) => kernel.hosts.hasCrashed(host))]
    }
  }
  const stackTraceLimit = Error.stackTraceLimit
  const { escape, value } = (() => {
    try {
      if (options.stacks === false) Error.stackTraceLimit = 0
      return record === "story" ? withSites(() => trapped(body, inCharge)) : trapped(body, inCharge)
    } finally {
      underWay = false
      Error.stackTraceLimit = stackTraceLimit
      for (const release of kernel.releases) release()
    }
  })()
  const { left } = value
  const outcome = outcomeOf(value, escape !== undefined, left.length > 0)
  kernel.hash.fold(-2, outcomeNumber[outcome])
  return {
    outcome,
    exit: value.exit,
    message: escape !== undefined ? describeEscape(escape) : describeEnd(kernel, outcome, value.exit, left),
    seed,
    strategy: strategy.name,
    steps: kernel.steps,
    fibers: kernel.lineage.size,
    decisions: kernel.choices.decisions,
    virtualMs: kernel.nowMs,
    traceHash: kernel.hash.digest,
    token: formatToken({
      name,
      strategy: strategy.name,
      seed,
      steps: kernel.steps,
      traceHash: kernel.hash.digest,
      marks: kernel.hash.marks,
      script: script === undefined ? undefined : encodeScript(script)
    }),
    sometimes: kernel.reached,
    faults: kernel.faults,
    notes: kernel.notes,
    drawn: kernel.choices.drawn,
    defects: kernel.fibers.defects(),
    leaks: left,
    deviations: kernel.choices.deviations,
    ...recordsOf(kernel),
    branches: strategy.branches?.()
  }
}

const recordsOf = ({ hosts, lineage, recorder }: Kernel) => ({
  trace: recorder?.stretches ?? [],
  told: recorder?.told ?? [],
  switches: recorder?.switches ?? [],
  births: recorder?.births ?? [],
  hosts: recorder === undefined ? [] : hosts.namesOf(lineage.size)
})

const outcomeOf = (
  ended: { readonly ending: string; readonly exit: Exit.Exit<unknown, unknown> | undefined },
  escaped: boolean,
  leaked: boolean
): Outcome => {
  if (escaped) return "escaped"
  if (ended.ending === "deadlock" || ended.ending === "step-limit") return ended.ending
  if (ended.exit === undefined || Exit.isFailure(ended.exit) || leaked) return "failed"
  return "done"
}

const outcomeNumber: Record<Outcome, number> = { done: 0, failed: 1, deadlock: 2, "step-limit": 3, escaped: 4 }

export const safeInteger = (field: string, value: number): number => {
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(`Sim: ${field} is ${value}, expected an integer between -(2^53 - 1) and 2^53 - 1`)
}

export const positiveInteger = (field: string, value: number): number => {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new RangeError(`Sim: ${field} is ${value}, expected an integer of at least 1`)
}
