/**
 * The wall clock of a run as something that is set: by an operator, by NTP, by a laptop that wakes up. Monotonic time
 * and whatever sleeps go on as if nothing had happened.
 */
import { Duration, Effect } from "effect"
import { RunContext } from "./RunContext.ts"

/** Sets the wall clock forwards, or back by a negative duration. Dies of a duration without an end. */
export const jump = (duration: Duration.Input): Effect.Effect<void, never, RunContext> =>
  RunContext.use((context) =>
    Effect.suspend(() => {
      const ms = Duration.toMillis(duration)
      if (!Number.isFinite(ms)) return Effect.die(new RangeError("WallClock: expected a duration with an end"))
      context.fault("wall clock jump")
      const what = () => `the wall clock is set ${ms < 0 ? "back" : "forwards"} by ${Math.abs(ms)} ms`
      context.tell(what, { kind: "fault" })
      context.shiftWallClock(ms)
      return Effect.void
    })
  )
