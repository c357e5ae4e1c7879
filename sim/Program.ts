/** What a program, a scenario or a simulated service may ask of the run that it is part of. */
import { Clock, Duration, Effect, type Exit, Fiber, Schema, type Scope } from "effect"
import type { DrawnStream } from "./Choices.ts"
import { describeError } from "./DescribeError.ts"
import type { Ratio } from "./Rules.ts"
import { RunContext } from "./RunContext.ts"

/** A choice of the run: an integer below `n`; 0 is the dullest answer, which shrinking goes for. */
export const choose = (stream: DrawnStream, n: number): Effect.Effect<number, never, RunContext> =>
  RunContext.useSync((context) => context.choose(stream, n))

/** True with this chance, from a stream of choices; false is the dullest answer. */
export const chance = (stream: DrawnStream, ratio: Ratio): Effect.Effect<boolean, never, RunContext> =>
  RunContext.useSync((context) => context.chance(stream, ratio))

/** Counts a fault that the program injects, by its kind: `disk full`. Simulated services count theirs themselves. */
export const fault = (kind: string): Effect.Effect<void, never, RunContext> =>
  RunContext.useSync((context) => {
    context.fault(kind)
    context.tell(() => `fault: ${kind}`, { kind: "fault" })
  })

/** Marks that this place was reached. A sweep counts its marks, and shows those that never were. */
export const sometimes = (name: string): Effect.Effect<void, never, RunContext> =>
  RunContext.useSync((context) => context.reach(name))

/** Adds a line in domain words to the story of the run. */
export const tell = (what: () => string): Effect.Effect<void, never, RunContext> =>
  RunContext.useSync((context) => context.tell(what))

/**
 * An invariant: checked at every switch of fibers until the scope closes. `check` gives undefined while it holds, else
 * what is wrong; the run then ends at once. It must not change anything.
 */
export const always = (
  what: string,
  check: () => string | undefined
): Effect.Effect<void, never, RunContext | Scope.Scope> =>
  RunContext.use((context) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => context.always({ what, check })),
        (end) => Effect.sync(end)
      )
    )
  )

/** Something that had to come true in time did not. */
export class NotInTime extends Schema.TaggedError<NotInTime>()("NotInTime", { message: Schema.String }) {}

/** Between two looks of `eventually`, virtual. */
const lookEveryMs = 50

/**
 * Liveness: the value must come to satisfy the condition within so much virtual time, faults being healed by then.
 * Gives the value, or fails with what was seen last.
 */
export const eventually = <A, E, R>(options: {
  readonly what: string
  readonly within: Duration.Input
  readonly look: Effect.Effect<A, E, R>
  readonly until: (value: A) => boolean
}): Effect.Effect<A, NotInTime | E, R> =>
  Effect.gen(function* () {
    const withinMs = Duration.toMillis(options.within)
    const startNs = yield* Clock.monotonicTimeNanos
    for (;;) {
      const value = yield* options.look
      // The look itself may have waited until it is too late.
      const atMs = Number((yield* Clock.monotonicTimeNanos) - startNs) / nanosPerMilli
      if (options.until(value) && atMs <= withinMs) return value
      if (atMs >= withinMs) {
        const message = `not within ${withinMs} ms: ${options.what}; last seen: ${describeError(value)}`
        return yield* new NotInTime({ message })
      }
      yield* Effect.sleep(Math.min(lookEveryMs, withinMs - atMs))
    }
  })

const nanosPerMilli = 1_000_000

/**
 * A fault of the kernel: runs the effect in a fiber of its own and interrupts it at a moment that the run draws, up to
 * so many steps of the whole run from now; in some runs not at all. Gives how it ended.
 */
export const interruptSometime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: { readonly withinSteps: number }
): Effect.Effect<Exit.Exit<A, E>, never, R | RunContext> =>
  Effect.gen(function* () {
    const context = yield* RunContext
    const fiber = yield* Effect.forkChild(effect)
    const after = context.choose("faults", options.withinSteps + 1)
    if (after > 0) context.interruptAfter(fiber, after)
    return yield* Fiber.await(fiber)
  })

/**
 * A fault of the kernel: until the scope closes, the clock goes on with this chance at each switch although a fiber
 * could run, as if its code took long. Timers then fire late for what waits on them, and early for what runs.
 */
export const slowCode = (chanceOfDelay: Ratio): Effect.Effect<void, never, RunContext | Scope.Scope> =>
  RunContext.use((context) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => context.letTimersBeLate(chanceOfDelay)),
        (end) => Effect.sync(end)
      )
    )
  )
