/** What the flags of sweeps may be, and what is said about those that they may not. */
import { availableParallelism } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ExitStatus } from "../../../runtime/ExitStatus.ts"
import * as SweepFlags from "../../../runtime/commands/SweepFlags.ts"

/** The message of wrong usage. */
const refusal = <A>(parsed: Effect.Effect<A, ExitStatus>) =>
  Effect.map(Effect.flip(parsed), ({ message, status }) => {
    assert.strictEqual(status, 2)
    return message
  })

describe("flags of sweeps", () => {
  it.effect("reads times with their units", () =>
    Effect.gen(function* () {
      const times = ["500ms", "60s", "5m", "2h", "1.5s"]
      assert.deepStrictEqual(yield* Effect.forEach(times, SweepFlags.timeOf), [500, 60_000, 300_000, 7_200_000, 1_500])
      for (const text of ["0", "0s", "0.0m", "60", "s", "-1s", "1d", "1 s", ""]) {
        assert.strictEqual(
          yield* refusal(SweepFlags.timeOf(text)),
          `--time is "${text}", expected a time above 0 such as 500ms, 60s, 5m or 2h`
        )
      }
    })
  )

  it.effect("counts shards from one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* SweepFlags.shardOf("1/1"), { index: 0, count: 1 })
      assert.deepStrictEqual(yield* SweepFlags.shardOf("2/4"), { index: 1, count: 4 })
      assert.deepStrictEqual(yield* SweepFlags.shardOf("4/4"), { index: 3, count: 4 })
      for (const text of ["3/2", "0/2", "2", "1/0", "-1/2", "a/b", "1/2/3", ""]) {
        assert.match(yield* refusal(SweepFlags.shardOf(text)), /^--shard is ".*", expected I\/N with I from 1 to N: /)
      }
    })
  )

  it.effect("knows planners and strategies by name, and lists them", () =>
    Effect.gen(function* () {
      for (const name of ["portfolio", "random", "pct", "systematic", "pct-3-100"]) {
        assert.strictEqual((yield* SweepFlags.plannerOf(name)).name, name)
      }
      assert.strictEqual(
        yield* refusal(SweepFlags.plannerOf("foo")),
        'there is no strategy "foo"; there are portfolio, random, pct, systematic, and pct-DEPTH-POINTS'
      )
    })
  )

  it.effect("starts a worker for each core unless told otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* SweepFlags.workersOf(Option.none()), availableParallelism())
      assert.strictEqual(yield* SweepFlags.workersOf(Option.some(7)), 7)
      assert.strictEqual(yield* refusal(SweepFlags.workersOf(Option.some(0))), "--workers is 0, expected at least 1")
      assert.strictEqual(
        yield* refusal(SweepFlags.workersOf(Option.some(1_000))),
        "--workers is 1000, expected at most 256"
      )
    })
  )
})
