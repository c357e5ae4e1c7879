/** Sweeps over worker threads give what the same sweep gives in one, and say clearly what went wrong with them. */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Result, Scope } from "effect"
import * as Sim from "../../sim/Sim.ts"
import * as Workers from "../../sim/Workers.ts"
import { bugs } from "./bugs/Bugs.ts"
import { programs } from "./WorkerPrograms.ts"

const plannerNamed = (name: string): Sim.Planner => {
  const planner = Sim.plannerNamed(name)
  assert.isDefined(planner)
  return planner
}

/** The test with a pool of so many workers. */
const withPool = <E>(
  workers: number,
  body: (pool: Workers.Pool) => Generator<Effect.Effect<unknown, E>, void, never>
) => Effect.scoped(Effect.flatMap(Workers.pool(programs, { workers }), (pool) => Effect.gen(() => body(pool))))

const checked = (name: string, workers: number, options: Workers.PoolCheckOptions) =>
  Effect.scoped(Effect.flatMap(Workers.pool(programs, { workers }), (pool) => Workers.check(pool, name, options)))

/** The same sweep by `Sim.check`, in the same shape. */
const inOneGo = (name: string, options: Sim.CheckOptions): Omit<Workers.PoolCheckResult, "ended"> => {
  const program = programs.find(name)
  assert.isDefined(program)
  const { failure, ...counts } = Sim.check(program, { ...options, name })
  if (failure === undefined) return { ...counts, failure: undefined }
  const told = ({ deviations, message, steps, token, traceHash }: Sim.RunResult<unknown, unknown>) => ({
    token,
    message,
    steps,
    deviations: deviations.length,
    traceHash
  })
  const { candidates, minimal, outcome, picture, run, seed, shrunk, story, strategy } = failure
  return {
    ...counts,
    failure: {
      outcome,
      ...told(failure),
      run,
      seed,
      strategy,
      shrunk: shrunk === undefined ? undefined : { ...told(shrunk), minimal, candidates },
      story,
      picture
    }
  }
}

describe("a sweep on worker threads", () => {
  for (const workers of [1, 2, 3]) {
    it.live(`gives with ${workers} workers what it gives in one go`, () =>
      withPool(workers, function* (pool) {
        for (const [name, options, ended] of [
          ["market", { runs: 500, seed: 7 }, "complete"],
          ["market", { runs: 400, shard: { index: 1, count: 3 } }, "complete"],
          ["fragile-300", { runs: 2_000, seed: 40 }, "failed"],
          ["lost-update", { runs: 100 }, "failed"]
        ] as const) {
          const result = yield* Workers.check(pool, name, options)
          assert.deepStrictEqual(result, { ...inOneGo(name, options), ended })
        }
      })
    )
  }

  it.live("ignores the runs after a failure in the middle of a round", () =>
    Effect.gen(function* () {
      const options = { runs: 1_000, planner: plannerNamed("random") }
      const result = yield* checked("fragile-30", 3, options)
      assert.deepStrictEqual(result, { ...inOneGo("fragile-30", options), ended: "failed" })
      assert.notStrictEqual(result.runs % 64, 0)
      assert.notStrictEqual(result.runs % 64, 1)
    })
  )

  it.live("learns from the results of other threads as of its own", () =>
    withPool(2, function* (pool) {
      for (const name of ["portfolio", "pct", "systematic"]) {
        const options = { runs: 700, planner: plannerNamed(name) }
        const result = yield* Workers.check(pool, "market", options)
        assert.deepStrictEqual(result, { ...inOneGo("market", options), ended: "complete" })
        assert.isAbove(result.distinctTraces, 100)
      }
    })
  )

  it.live("finds each of the classic bugs as in one go", () =>
    withPool(2, function* (pool) {
      let found = 0
      for (const { name } of bugs) {
        const options = { runs: 150, shrink: false }
        const result = yield* Workers.check(pool, `bug ${name}`, options)
        const expected = inOneGo(`bug ${name}`, options)
        assert.deepStrictEqual(result, {
          ...expected,
          ended: expected.failure === undefined ? "complete" : "failed"
        })
        if (expected.failure !== undefined) found++
      }
      assert.isAbove(found, bugs.length / 3)
    })
  )

  it.live("gives tokens that replay the run here, 100 of 100", () =>
    withPool(2, function* (pool) {
      const program = programs.find("fragile-30")
      assert.isDefined(program)
      const found: Array<Workers.FailureReport> = []
      while (found.length < 100) {
        const seed: number = (found.at(-1)?.seed ?? -1) + 1
        const options = { runs: 10_000, seed, planner: plannerNamed("random"), shrink: false }
        const { failure } = yield* Workers.check(pool, "fragile-30", options)
        assert.isDefined(failure)
        found.push(failure)
      }
      const replayed = found.filter(({ message, token, traceHash }) => {
        const again = Result.getOrThrow(Sim.replay(program, token))
        return again.message === message && again.traceHash === traceHash && again.token === token
      })
      assert.strictEqual(replayed.length, 100)
      assert.strictEqual(new Set(found.map(({ traceHash }) => traceHash)).size, 100)
    })
  )

  it.live("says in which runs a thread died, and does not go on", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(checked("deadly", 2, { runs: 10_000 }))
      assert.strictEqual(error.reason, "ended")
      assert.match(
        error.message,
        /^deadly: a worker thread ended while it did the runs? of seeds? \d+( to \d+)?: exit status 3$/
      )
    })
  )

  it.live("names a program that cannot be made, and one that is not there", () =>
    Effect.gen(function* () {
      for (const workers of [1, 2]) {
        const unmakeable = yield* Effect.flip(checked("unmakeable", workers, {}))
        assert.deepStrictEqual(
          [unmakeable.reason, unmakeable.message],
          ["threw", "unmakeable cannot be run: its table has no legs"]
        )
        const unknown = yield* Effect.flip(checked("nonsense", workers, {}))
        assert.deepStrictEqual([unknown.reason, unknown.message], ["unknown-program", 'there is no program "nonsense"'])
      }
    })
  )

  it.live("refuses a strategy that other threads cannot find", () =>
    Effect.gen(function* () {
      const ours: Sim.Strategy = { name: "ours", begin: () => () => 0 }
      const planner: Sim.Planner = {
        name: "ours",
        begin: (seedOf) => ({ next: () => [{ strategy: ours, seed: seedOf(0) }], learn: () => {} })
      }
      const error = yield* Effect.flip(checked("market", 2, { runs: 10, planner }))
      assert.strictEqual(error.reason, "unknown-strategy")
      assert.strictEqual((yield* checked("market", 1, { runs: 10, planner })).runs, 10)
    })
  )

  it.live("says so when the module serves no programs, or cannot be loaded", () =>
    Effect.gen(function* () {
      const other = (url: string) =>
        Effect.flip(
          Effect.scoped(
            Effect.flatMap(Workers.pool({ ...programs, url }, { workers: 2 }), (pool) => Workers.check(pool, "market"))
          )
        )
      const silent = yield* other(new URL("bugs/Bug.ts", import.meta.url).href)
      assert.match(silent.message, /^market: a worker thread ended .*: exit status 0$/)
      const missing = new URL("NotThere.ts", import.meta.url)
      assert.include((yield* other(missing.href)).message, fileURLToPath(missing))
    })
  )
})

describe("a sweep that ends before its time", () => {
  const never = Number.MAX_SAFE_INTEGER

  for (const workers of [1, 2]) {
    it.live(`gives with ${workers} workers what was done when it is told to stop`, () =>
      Effect.gen(function* () {
        const enough = yield* Deferred.make<void>()
        let seen = 0
        const result = yield* checked("market", workers, {
          runs: never,
          stop: Deferred.await(enough),
          onProgress: ({ done }) => {
            seen = done
            if (done >= 100) Deferred.doneUnsafe(enough, Effect.void)
          }
        })
        assert.strictEqual(result.ended, "stopped")
        assert.isAtLeast(result.runs, 100)
        assert.strictEqual(result.runs, seen)
      })
    )
  }

  it.effect("begins no run after its time", () =>
    Effect.gen(function* () {
      // Each look at the clock finds it a millisecond later.
      let nowMs = 0
      const nanos = () => BigInt(nowMs) * 1_000_000n
      const clock: Clock.Clock = {
        currentTimeMillisUnsafe: () => nowMs,
        currentTimeMillis: Effect.sync(() => nowMs++),
        currentTimeNanosUnsafe: nanos,
        currentTimeNanos: Effect.sync(nanos),
        monotonicTimeNanosUnsafe: nanos,
        monotonicTimeNanos: Effect.sync(nanos),
        sleep: () => Effect.void
      }
      const planner = plannerNamed("random")
      const result = yield* Effect.provideService(
        checked("market", 1, { runs: never, timeMs: 300, planner }),
        Clock.Clock,
        clock
      )
      assert.strictEqual(result.ended, "time")
      assert.isAbove(result.runs, 100)
      assert.isBelow(nowMs, 310)
      assert.deepStrictEqual(result, { ...inOneGo("market", { runs: result.runs, planner }), ended: "time" })
    })
  )

  it.live("ends its threads when it is interrupted, even in a run that has no end", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Workers.pool(programs, { workers: 2 }), scope)
      // Both threads are at work by now.
      yield* Workers.check(pool, "market", { runs: 200 })
      const fiber = yield* Effect.forkChild(Workers.check(pool, "endless", { stepsMax: never }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(Workers.check(pool, "market"))
      assert.deepStrictEqual([error.reason, error.message.includes("exit status 1")], ["ended", true])
    })
  )

  it.live("keeps a failure that was found, with its token, when it is stopped while that is shrunk", () =>
    Effect.gen(function* () {
      const found = yield* Deferred.make<void>()
      const result = yield* checked("fragile-30", 2, {
        runs: 1_000,
        stop: Deferred.await(found),
        onProgress: ({ failed }) => {
          if (failed) Deferred.doneUnsafe(found, Effect.void)
        }
      })
      assert.isDefined(result.failure)
      const program = programs.find("fragile-30")
      assert.isDefined(program)
      const again = Result.getOrThrow(Sim.replay(program, result.failure.token))
      assert.strictEqual(again.message, result.failure.message)
    })
  )
})
