/** Every schedule up to a bound: as many as there are, none twice, and no claim of completeness that is not one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import * as Sim from "../../sim/Sim.ts"
import { deepBugs } from "./bugs/Bugs.ts"
import { lostUpdate } from "./LostUpdate.ts"

/** Two fibers of `m` steps each; `seen` gets the orders. */
const twoFibers = (m: number, seen: Set<string>) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const step = (who: string) => Effect.sync(() => void log.push(who))
    const steps = (who: string) =>
      Array.from({ length: m - 1 }).reduce<Effect.Effect<void>>(
        (before) => Effect.andThen(before, step(who)),
        step(who)
      )
    const fibers = [yield* Effect.forkChild(steps("a")), yield* Effect.forkChild(steps("b"))]
    yield* Fiber.joinAll(fibers)
    seen.add(log.join(""))
  })

describe("exploring", () => {
  it("reaches exactly the orders that so many preemptions allow", () => {
    for (const m of [1, 2, 3]) {
      // 2 without a preemption, 2 (m - 1) more with one, 2 (m - 1)^2 more with two.
      const counts = [2, 2 * m, 2 * m + 2 * (m - 1) ** 2]
      for (const [preemptions, count] of counts.entries()) {
        const seen = new Set<string>()
        const { complete, completeTo, failure } = Sim.explore(twoFibers(m, seen), { preemptions })
        assert.isUndefined(failure)
        assert.deepStrictEqual([complete, completeTo], [true, preemptions])
        assert.strictEqual(seen.size, count, `${m} steps, ${preemptions} preemptions`)
      }
    }
  })

  it("runs no trace twice up to one preemption", () => {
    for (const m of [1, 2, 3, 4]) {
      for (const preemptions of [0, 1]) {
        const { distinctTraces, runs } = Sim.explore(twoFibers(m, new Set()), { preemptions })
        assert.strictEqual(distinctTraces, runs)
      }
    }
  })

  it("finds a lost update with one preemption and not with none", () => {
    const none = Sim.explore(lostUpdate, { preemptions: 0 })
    assert.deepStrictEqual([none.failure, none.complete, none.completeTo], [undefined, true, 0])
    const one = Sim.explore(lostUpdate, { preemptions: 1 })
    assert.include(one.failure?.message, "an update was lost")
    assert.strictEqual(one.failure?.shrunk?.deviations.length, 1)
    assert.deepStrictEqual([one.complete, one.completeTo], [false, -1])
  })

  it("is not complete when it stops at its number of runs", () => {
    const whole = Sim.explore(twoFibers(3, new Set()), { preemptions: 2 })
    assert.isTrue(whole.complete)
    const exact = Sim.explore(twoFibers(3, new Set()), { preemptions: 2, maxRuns: whole.runs })
    assert.deepStrictEqual([exact.complete, exact.runs], [true, whole.runs])
    const cut = Sim.explore(twoFibers(3, new Set()), { preemptions: 2, maxRuns: whole.runs - 1 })
    assert.deepStrictEqual([cut.complete, cut.completeTo, cut.runs], [false, 1, whole.runs - 1])
    const first = Sim.explore(twoFibers(3, new Set()), { preemptions: 2, maxRuns: 1 })
    assert.deepStrictEqual([first.complete, first.completeTo], [false, -1])
  })

  it("is not complete when a run has more points than are kept", () => {
    const long = Effect.gen(function* () {
      const n = yield* Ref.make(0)
      const count = Effect.forEach(Array.from({ length: 30_000 }), () => Ref.update(n, (m) => m + 1), { discard: true })
      yield* Effect.all([count, count], { concurrency: "unbounded" })
    })
    const { complete, completeTo, runs } = Sim.explore(long, { preemptions: 0 })
    assert.deepStrictEqual([complete, completeTo, runs], [false, -1, 1])
  })

  it("is complete at once where there is nothing to choose", () => {
    const { complete, runs } = Sim.explore(Effect.sleep(5), { preemptions: 3 })
    assert.deepStrictEqual([complete, runs], [true, 1])
  })

  it("keeps to the values of one seed", () => {
    const values = new Set<number>()
    const program = Effect.gen(function* () {
      const value = yield* Sim.choose("workload", 1_000_000)
      values.add(value)
      yield* twoFibers(2, new Set())
    })
    for (const seed of [3, 4]) {
      values.clear()
      Sim.explore(program, { preemptions: 1, seed })
      assert.strictEqual(values.size, 1)
      assert.isTrue(values.has(Sim.run(program, { seed }).drawn.workload === 1 ? ([...values][0] ?? -1) : -1))
    }
  })

  it("is the same twice", () => {
    for (const { buggy } of deepBugs) {
      const hash = () => Sim.explore(buggy, { preemptions: 1 }).traceHash
      assert.strictEqual(hash(), hash())
    }
  })

  it("refuses a bound that is none", () => {
    for (const preemptions of [-1, 0.5, Number.NaN, Infinity]) {
      assert.throws(() => Sim.explore(Effect.void, { preemptions }), RangeError, `preemptions is ${preemptions}`)
    }
    assert.throws(() => Sim.explore(Effect.void, { preemptions: 1, maxRuns: 0 }), RangeError)
  })
})
