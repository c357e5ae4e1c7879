/** Sweeps of properties over pools, explorations, and tokens that bring their runs back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { check, explore, findSubject, pool, replay } from "../../scenarios/Sweep.ts"
import type { CheckOptions } from "../../scenarios/Sweep.ts"
import { plannerNamed } from "../../sim/strategies/Strategies.ts"

/** Two shrinks of a whole console, on a busy machine. */
const shrinkingMs = 120_000

/** A mutant that many runs catch. */
const caught = Result.getOrThrow(findSubject("P4+stale-read"))

/** A mutant whose failures are soon shrunk. */
const shrunkSoon = Result.getOrThrow(findSubject("P3+set-changed-while-walked"))

const checked = (workers: number, options: CheckOptions, subject = caught) =>
  Effect.scoped(Effect.flatMap(pool(workers), (over) => check(over, subject, options)))

describe("a sweep of a property", () => {
  it.live("has the same result with one and with two workers", () =>
    Effect.gen(function* () {
      const options = { runs: 200, seed: 3, shrink: false }
      const [one, two] = yield* Effect.all([checked(1, options), checked(2, options)])
      assert.strictEqual(one.ended, "failed")
      assert.deepStrictEqual(two, one)
    })
  )

  it.live("gives tokens that replay their runs", () =>
    Effect.gen(function* () {
      const planner = plannerNamed("random")
      assert.isDefined(planner)
      const traces = new Set<string>()
      const firstFrom = (seed: number) =>
        Effect.map(checked(1, { runs: 1_000, seed, planner, shrink: false }), (result) => result.failure)
      for (let seed = 0; traces.size < 10;) {
        const failure = yield* firstFrom(seed)
        assert.isDefined(failure)
        const { run } = Result.getOrThrow(replay(failure.token))
        assert.deepStrictEqual(
          [run.outcome, run.message, run.traceHash, run.token],
          [failure.outcome, failure.message, failure.traceHash, failure.token]
        )
        traces.add(failure.traceHash)
        seed = failure.seed + 1
      }
    })
  )

  it.live(
    "is shrunk by a replay as it was by the sweep",
    () =>
      Effect.gen(function* () {
        const { failure } = yield* checked(1, { runs: 200, seed: 11 }, shrunkSoon)
        assert.isDefined(failure)
        const again = Result.getOrThrow(replay(failure.token, { shrink: true }))
        assert.isDefined(failure.shrunk)
        assert.strictEqual(again.shrunk?.token, failure.shrunk.token)
        assert.isAtMost(failure.shrunk.deviations, failure.deviations)
        const shrunk = Result.getOrThrow(replay(failure.shrunk.token)).run
        assert.deepStrictEqual([shrunk.message, shrunk.steps], [failure.shrunk.message, failure.shrunk.steps])
      }),
    shrinkingMs
  )

  it.live("can be looked at in the middle of a run", () =>
    Effect.gen(function* () {
      const { failure } = yield* checked(1, { runs: 200, shrink: false })
      assert.isDefined(failure)
      const { run } = Result.getOrThrow(replay(failure.token, { until: 100 }))
      assert.deepStrictEqual([run.outcome, run.steps], ["step-limit", 100])
      const whole = Result.getOrThrow(replay(failure.token)).run
      // The same stretches, of which the last one may be cut.
      assert.deepStrictEqual(run.trace.slice(0, -1), whole.trace.slice(0, run.trace.length - 1))
      assert.isAbove(run.trace.length, 1)
    })
  )
})

describe("an exploration", () => {
  it.live("has the same result with one and with two workers, and tells how far it is complete", () =>
    Effect.gen(function* () {
      const subject = Result.getOrThrow(findSubject("P4"))
      const options = { preemptions: 1, runsMax: 60, seed: 1 }
      const [one, two] = yield* Effect.forEach([1, 2], (workers) =>
        Effect.scoped(Effect.flatMap(pool(workers), (over) => explore(over, subject, options)))
      )
      assert.deepStrictEqual(two, one)
      assert.isDefined(one)
      assert.deepStrictEqual([one.runs, one.ended], [60, "complete"])
      assert.isBelow(one.completeTo, options.preemptions)
    })
  )
})
