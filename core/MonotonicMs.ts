/**
 * Milliseconds that pass evenly, for deadlines and durations: the wall clock may be set forward or back while something
 * waits. Only differences mean anything.
 */
import { type Clock, Effect } from "effect"

const nanosPerMilli = 1e6

/** The same at once, of a clock at hand. */
export const monotonicMsUnsafe = (clock: Clock.Clock): number =>
  Number(clock.monotonicTimeNanosUnsafe()) / nanosPerMilli

export const monotonicMs: Effect.Effect<number> = Effect.clockWith((clock) => Effect.succeed(monotonicMsUnsafe(clock)))
