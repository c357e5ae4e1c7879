/**
 * A property: a claim about the console, checked over generated workloads, schedules and faults in the simulator, and
 * mutants, wrong versions of what it guards, that it must catch.
 */
import { Cause, Effect, Schema } from "effect"
import type { ConsoleParts } from "../core/Console.ts"
import { eventually as inTime, NotInTime } from "../sim/Program.ts"
import type { RunContext } from "../sim/RunContext.ts"

/** The claim does not hold in this run. */
export class Violation extends Schema.TaggedError<Violation>()("Violation", { message: Schema.String }) {}

/** A plausible wrong version of the console: the real parts, but for those named here. */
export interface Mutant {
  /** Unique, in kebab case. */
  readonly id: string
  /** The mistake, in one sentence. */
  readonly what: string
  readonly mutate: (parts: ConsoleParts) => ConsoleParts
}

/** One run of a claim; it draws its own workload and faults. */
export type Program = (parts: ConsoleParts) => Effect.Effect<void, Violation, RunContext>

/** Of a property that has a focused program: which of its two. */
export type Scope = "focus" | "whole"

export interface Property {
  /** `P1` .. as in the list of requirements. */
  readonly id: string
  readonly title: string
  /** What it validates: `R1.1` .. */
  readonly requirements: ReadonlyArray<string>
  /** `fail`: whatever a run leaves behind (fibers, timers, permits, connections) is a failure of it. */
  readonly leaks?: "fail"
  /**
   * States worth reaching, as `sometimes` names them here or in the console: a sweep of the default size reaches every
   * one, or says which it did not.
   */
  readonly marks: ReadonlyArray<string>
  /** Over the whole console, through its real doors. */
  readonly program: Program
  /**
   * The same claim over the part that keeps it, by itself: in a small world, for a small part of the time of a run of
   * the whole. Most runs of a sweep are such: see `check` in `Sweep.ts`.
   */
  readonly focus?: Program
  readonly mutants: ReadonlyArray<Mutant>
}

/** Why something failed, without the stacks that only runs have whose story is kept. */
export const causeText = (cause: Cause.Cause<unknown>): string =>
  Cause.prettyErrors(cause)
    .map(({ message, name }) => `${name}: ${message}`)
    .join("; ")

export const violated = (message: string): Effect.Effect<never, Violation> => Effect.fail(new Violation({ message }))

export const holds = (condition: boolean, message: () => string): Effect.Effect<void, Violation> =>
  condition ? Effect.void : violated(message())

/**
 * Liveness: the value must come to satisfy the condition within so much virtual time. Gives it, or fails with what was
 * seen last.
 */
export const eventually = <A, E, R>({
  withinMs,
  ...options
}: {
  readonly what: string
  readonly withinMs: number
  readonly look: Effect.Effect<A, E, R>
  readonly until: (value: A) => boolean
}): Effect.Effect<A, Violation | E, R> =>
  Effect.mapError(inTime({ ...options, within: withinMs }), (error) =>
    error instanceof NotInTime ? new Violation({ message: error.message }) : error
  )
