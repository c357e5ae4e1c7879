/** A sweep counts the same whoever does its runs, in whichever order, and ends with the first that fails. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import * as Sim from "../../sim/Sim.ts"
import { doRun, Sweep } from "../../sim/Sweep.ts"
import type { SweepOptions } from "../../sim/Sweep.ts"
import { planners } from "../../sim/strategies/Strategies.ts"
import { lostUpdate } from "./LostUpdate.ts"

const market = Effect.gen(function* () {
  const sold = yield* Ref.make(0)
  const buy = Effect.gen(function* () {
    if (yield* Sim.chance("faults", { num: 1, den: 4 })) {
      yield* Sim.fault("no money")
      return
    }
    const n = yield* Ref.get(sold)
    yield* Effect.sleep(yield* Sim.choose("workload", 3))
    yield* Ref.set(sold, n + 1)
  })
  yield* Effect.all([buy, buy, buy], { concurrency: "unbounded" })
  yield* Sim.sometimes(`sold ${yield* Ref.get(sold)}`)
})

/** Fails for one trace among many. */
const fragile = Effect.gen(function* () {
  yield* market
  if ((yield* Sim.choose("workload", 40)) === 17) return yield* Effect.die("seventeen")
})

const options = { leaks: "ignore", name: "program" } as const

/** The sweep with the runs of each round done in another order, and taken in theirs. */
const swept = (program: Effect.Effect<void, never, Sim.RunContext>, given: SweepOptions, isReversed: boolean) => {
  const sweep = new Sweep(given)
  for (let round = sweep.next(); round.length > 0; round = sweep.next()) {
    const before = sweep.done
    const jobs = round.map((planned, i) => ({ planned, i }))
    const reports = (isReversed ? jobs.toReversed() : jobs)
      .map(({ i, planned }) => ({ i, report: doRun(program, planned, before + i, options).report }))
      .toSorted((a, b) => a.i - b.i)
    for (const { report } of reports) sweep.take(report)
  }
  const { counts, found } = sweep
  return { ...counts, run: found?.run, seed: found?.planned.seed }
}

describe("a sweep", () => {
  for (const planner of planners) {
    it(`by ${planner.name} is the same when the runs of a round are done backwards`, () => {
      for (const program of [market, fragile]) {
        const given = { runs: 250, seed: 5, planner }
        const forwards = swept(program, given, false)
        assert.deepStrictEqual(swept(program, given, true), forwards)
        const { failure, ...counts } = Sim.check(program, { ...given, shrink: false })
        assert.deepStrictEqual({ ...counts, run: failure?.run, seed: failure?.seed }, forwards)
      }
    })
  }

  it("counts marks, faults, steps and traces of all of its runs", () => {
    const { distinctTraces, faults, runs, sometimes, steps, virtualMs } = Sim.check(market, { runs: 300 })
    const total = Array.from(sometimes.values()).reduce((a, b) => a + b, 0)
    assert.deepStrictEqual([runs, total], [300, 300])
    assert.isAbove(faults.get("no money") ?? 0, 50)
    assert.isAbove(steps, 300 * 10)
    assert.isAbove(virtualMs, 100)
    assert.isAbove(distinctTraces, 100)
  })

  it("ends with the first failure, and ignores results that come after it", () => {
    const sweep = new Sweep({ runs: 2_000, seed: 40 })
    for (let round = sweep.next(); round.length > 0; round = sweep.next()) {
      for (const [i, planned] of round.entries()) sweep.take(doRun(fragile, planned, i, options).report)
    }
    const { failure, runs, traceHash } = Sim.check(fragile, { runs: 2_000, seed: 40, shrink: false })
    assert.isDefined(failure)
    assert.deepStrictEqual([sweep.done, sweep.found?.run, sweep.counts.traceHash], [runs, failure.run, traceHash])
  })

  it("shares its seeds out among shards without a gap or an overlap", () => {
    const random = Sim.plannerNamed("random")
    assert.isDefined(random)
    const seeds = (shard: { readonly index: number; readonly count: number }) => {
      const sweep = new Sweep({ runs: 100, seed: 1_000, planner: random, shard })
      const all: Array<number> = []
      for (let round = sweep.next(); round.length > 0; round = sweep.next()) {
        for (const [i, planned] of round.entries()) {
          all.push(planned.seed)
          sweep.take(doRun(Effect.void, planned, i, options).report)
        }
      }
      return all
    }
    const shared = [0, 1, 2].flatMap((index) => seeds({ index, count: 3 })).toSorted((a, b) => a - b)
    assert.deepStrictEqual(
      shared,
      Array.from({ length: 100 }, (_, i) => 1_000 + i)
    )
  })

  it("refuses results that do not belong to it", () => {
    const sweep = new Sweep({ runs: 10 })
    const [planned] = sweep.next()
    assert.isDefined(planned)
    const { report } = doRun(Effect.void, planned, 0, options)
    assert.throws(() => sweep.next(), "the round before is not complete")
    sweep.take(report)
    assert.throws(() => sweep.take(report), "not planned")
  })

  it("does every twentieth run twice, and each that fails", () => {
    let executions = 0
    const counted = Effect.sync(() => {
      executions++
    })
    Sim.check(counted, { runs: 100 })
    assert.strictEqual(executions, 105)
    const failing = Sim.check(Effect.andThen(counted, lostUpdate), { runs: 100, shrink: false })
    assert.strictEqual(failing.failure?.outcome, "failed")
  })

  it("refuses wrong numbers by the name of the field", () => {
    for (const runs of [0, -1, 0.5, Number.NaN, Infinity]) {
      assert.throws(() => Sim.check(Effect.void, { runs }), RangeError, `runs is ${runs}`)
    }
    for (const seed of [0.5, Number.NaN, Infinity, -Infinity, 2 ** 53]) {
      assert.throws(() => Sim.check(Effect.void, { seed }), RangeError, `seed is ${seed}`)
      assert.throws(() => Sim.run(Effect.void, { seed }), RangeError, `seed is ${seed}`)
    }
    for (const stepsMax of [0, -5, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => Sim.run(Effect.void, { stepsMax }), RangeError, `stepsMax is ${stepsMax}`)
    }
  })
})
