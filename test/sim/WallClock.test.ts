/**
 * A wall clock that jumps while the monotonic one does not, and what of Effect goes by which. What is measured here of
 * Effect (4.1) is what code on it has to reckon with: sleeps, timeouts and durations go by the monotonic clock;
 * schedules that look at elapsed time, cron and the expiry of caches go by the wall clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cache, Clock, DateTime, Duration, Effect, Exit, Fiber, Option, Ref, Schedule } from "effect"
import { epochMs } from "../../sim/KernelContext.ts"
import * as Sim from "../../sim/Sim.ts"
import * as WallClock from "../../sim/WallClock.ts"

/** The value of a program that must end well. */
const valueOf = <A, E>(program: Effect.Effect<A, E, Sim.RunContext>): A => {
  const { exit, message } = Sim.run(program)
  if (exit === undefined || Exit.isFailure(exit)) throw new Error(message)
  return exit.value
}

const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
const wallMs = Effect.map(Clock.currentTimeMillis, (ms) => ms - epochMs)

/** Does something while the wall clock jumps after a second. */
const during = <A, E, R>(duration: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* Effect.forkChild(Effect.andThen(Effect.sleep("1 second"), WallClock.jump(duration)))
    return yield* effect
  })

/** Monotonic times, in milliseconds, at which a repeated effect ran. */
const ticks = (schedule: Schedule.Schedule<unknown>, jumpBy: Duration.Input) =>
  valueOf(
    Effect.gen(function* () {
      const seen = yield* Ref.make<ReadonlyArray<number>>([])
      const tick = Effect.flatMap(monotonicMs, (ms) => Ref.update(seen, (all) => [...all, ms]))
      yield* Effect.timeoutOption(during(jumpBy, Effect.repeat(tick, schedule)), "10 seconds")
      return yield* Ref.get(seen)
    })
  )

describe("a jump of the wall clock", () => {
  it.each<[Duration.Input, number]>([
    ["1 hour", 3_600_000],
    ["-1 hour", -3_600_000],
    [-1, -1]
  ])("by %s moves the wall clock and not the monotonic one", (duration, ms) => {
    const seen = valueOf(
      Effect.gen(function* () {
        yield* Effect.sleep(5_000)
        yield* WallClock.jump(duration)
        const now = DateTime.toEpochMillis(yield* DateTime.now) - epochMs
        const before = [yield* wallMs, now, yield* monotonicMs]
        yield* Effect.sleep(1_000)
        return [...before, yield* wallMs, yield* monotonicMs]
      })
    )
    assert.deepStrictEqual(seen, [5_000 + ms, 5_000 + ms, 5_000, 6_000 + ms, 6_000])
  })

  it("adds to the jumps before it, is counted, and is told in the story", () => {
    const program = Effect.gen(function* () {
      yield* WallClock.jump("10 seconds")
      yield* WallClock.jump("-3 seconds")
      return yield* wallMs
    })
    const result = Sim.run(program, { record: true })
    assert.deepStrictEqual(result.exit, Exit.succeed(7_000))
    assert.strictEqual(result.faults.get("wall clock jump"), 2)
  })

  it("without an end is refused", () => {
    assert.include(Sim.run(WallClock.jump(Duration.infinity)).message, "expected a duration with an end")
  })
})

for (const duration of ["1 hour", "-1 hour"] as const) {
  describe(`a jump by ${duration}`, () => {
    it("does not touch a sleep, a timeout and what is timed", () => {
      const seen = valueOf(
        Effect.gen(function* () {
          const [slept] = yield* Effect.timed(during(duration, Effect.sleep("3 seconds")))
          const late = yield* during(duration, Effect.timeoutOption(Effect.never, "3 seconds"))
          const inTime = yield* during(duration, Effect.timeoutOption(Effect.sleep("3 seconds"), "4 seconds"))
          return [Duration.toMillis(slept), Option.isNone(late), Option.isSome(inTime), yield* monotonicMs]
        })
      )
      assert.deepStrictEqual(seen, [3_000, true, true, 9_000])
    })

    it("does not touch a schedule that counts or backs off", () => {
      assert.deepStrictEqual(ticks(Schedule.spaced("3 seconds"), duration), [0, 3_000, 6_000, 9_000])
      assert.deepStrictEqual(ticks(Schedule.exponential("1 second"), duration), [0, 1_000, 3_000, 7_000])
    })
  })
}

describe("what goes by the wall clock", () => {
  it("ends a schedule that is bounded by a duration early, or late", () => {
    const bounded = Schedule.spaced("2 seconds").pipe(Schedule.upTo({ duration: "5 seconds" }))
    assert.deepStrictEqual(ticks(bounded, 0), [0, 2_000, 4_000, 6_000])
    assert.deepStrictEqual(ticks(bounded, "1 hour"), [0, 2_000])
    assert.deepStrictEqual(ticks(bounded, "-1 hour"), [0, 2_000, 4_000, 6_000, 8_000])
  })

  it("moves the boundaries of a fixed schedule", () => {
    assert.deepStrictEqual(ticks(Schedule.fixed("3 seconds"), 0), [0, 3_000, 6_000, 9_000])
    assert.deepStrictEqual(ticks(Schedule.fixed("3 seconds"), "1 second"), [0, 3_000, 5_000, 8_000])
  })

  it("makes cron skip, or come again", () => {
    const [everyMinute] = [Schedule.cron("* * * * *")]
    const at = (jumpBy: Duration.Input) =>
      valueOf(
        Effect.gen(function* () {
          const seen: Array<number> = []
          const tick = Effect.map(monotonicMs, (ms) => seen.push(ms))
          yield* Effect.timeoutOption(during(jumpBy, Effect.repeat(tick, everyMinute)), "250 seconds")
          return seen
        })
      )
    assert.deepStrictEqual(at(0), [0, 60_000, 120_000, 180_000, 240_000])
    assert.deepStrictEqual(at("30 seconds"), [0, 60_000, 90_000, 150_000, 210_000])
    assert.deepStrictEqual(at("-30 seconds"), [0, 60_000, 90_000, 150_000, 210_000])
  })

  it("expires what a cache holds, or keeps it", () => {
    const lookups = (jumpBy: Duration.Input) =>
      valueOf(
        Effect.gen(function* () {
          let count = 0
          const cache = yield* Cache.make({
            capacity: 1,
            timeToLive: "1 minute",
            lookup: () => Effect.sync(() => ++count)
          })
          yield* Cache.get(cache, "a")
          yield* WallClock.jump(jumpBy)
          yield* Effect.sleep("90 seconds")
          yield* Cache.get(cache, "a")
          yield* Cache.get(cache, "a")
          return count
        })
      )
    assert.deepStrictEqual([lookups(0), lookups("-1 hour")], [2, 1])
  })

  it("is not what a fiber goes by that waits for another", () => {
    const program = Effect.gen(function* () {
      const sleeper = yield* Effect.forkChild(Effect.sleep("2 seconds"))
      yield* WallClock.jump("-1 day")
      yield* Fiber.join(sleeper)
      return yield* monotonicMs
    })
    assert.strictEqual(valueOf(program), 2_000)
  })
})
