/** Strategies alone, on fibers whose interleavings can be counted; and on programs that only a fair one ends. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import { pct } from "../../sim/strategies/Pct.ts"
import { randomWalk } from "../../sim/strategies/RandomWalk.ts"
import { listedSchedule } from "../../sim/strategies/Listed.ts"
import { planners, plannerNamed, strategyNamed } from "../../sim/strategies/Strategies.ts"
import { systematic } from "../../sim/strategies/Systematic.ts"
import * as Sim from "../../sim/Sim.ts"
import { interleave } from "./StepModel.ts"
import { bugs } from "./bugs/Bugs.ts"

/** How often the order of the fibers' steps is one of those that show a bug. */
const hits = (
  strategy: Sim.Strategy,
  runs: number,
  steps: ReadonlyArray<number>,
  shows: (order: string) => boolean
) => {
  let count = 0
  for (let seed = 0; seed < runs; seed++) if (shows(interleave(strategy, seed, steps).order)) count++
  return count
}

describe("PCT", () => {
  // k counts the points at which two fibers or more could go on: all steps but those of the last one alone.
  const runs = 20_000

  /** At least the bound of the paper, less four standard deviations. */
  const assertWithinBound = (found: number, fibers: number, points: number, depth: number) => {
    const expected = runs / (fibers * points ** (depth - 1))
    assert.isAbove(expected, 16, "the test draws too little")
    assert.isAtLeast(found, expected - 4 * Math.sqrt(expected))
  }

  it("of depth 1 starts with each fiber as often", () => {
    for (const fibers of [2, 3, 5]) {
      const steps = Array.from({ length: fibers }, () => 4)
      for (let first = 0; first < fibers; first++) {
        const letter = "abcde".charAt(first)
        const found = hits(pct(1, 20), runs, steps, (order) => order.startsWith(letter))
        assert.approximately(found, runs / fibers, 5 * Math.sqrt(runs / fibers))
        assertWithinBound(found, fibers, 20, 1)
      }
    }
  })

  it("of depth 2 cuts each fiber at each of its steps as often as it promises", () => {
    const steps = [8, 8]
    for (let at = 1; at < 8; at++) {
      for (const [first, second] of [
        ["a", "b"],
        ["b", "a"]
      ] as const) {
        const wanted = first.repeat(at) + second
        assertWithinBound(
          hits(pct(2, 16), runs, steps, (order) => order.startsWith(wanted)),
          2,
          16,
          2
        )
      }
    }
    // Late cuts too, of a fiber that runs for long.
    for (let at = 1; at < 12; at++) {
      const wanted = `${"b".repeat(at)}a`
      assertWithinBound(
        hits(pct(2, 15), runs, [3, 12], (order) => order.startsWith(wanted)),
        2,
        15,
        2
      )
    }
    const withThird = hits(pct(2, 18), runs, [6, 6, 6], (order) => /^aaa[bc]/.test(order))
    assertWithinBound(withThird, 3, 18, 2)
  })

  it("of depth 3 finds two cuts that depend on each other", () => {
    // The second demotion has to leave the first one above it: sorted change points never do that.
    const found = hits(pct(3, 16), runs, [8, 8], (order) => order.startsWith("aabba"))
    assertWithinBound(found, 2, 16, 3)
    // The other way round: whoever is demoted last stays below.
    const other = hits(pct(3, 15), runs, [5, 5, 5], (order) => order.startsWith("aabbc"))
    assertWithinBound(other, 3, 15, 3)
  })

  it("preempts at most depth - 1 times, and at most at a quarter of the points", () => {
    const most = (depth: number, points: number) =>
      Math.max(
        ...Array.from({ length: 500 }, (_, seed) => interleave(pct(depth, points), seed, [10, 10, 10]).preemptions)
      )
    assert.deepStrictEqual([most(1, 30), most(2, 30), most(3, 30)], [0, 1, 2])
    assert.strictEqual(most(10, 3), 0)
    assert.strictEqual(most(10, 8), 2)
    assert.isAtMost(most(50, 30), 7)
  })

  it("ends what waits by spinning, with a yield and without", () => {
    const waiting = (look: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const flag = yield* Ref.make(false)
        const spin: Effect.Effect<void> = Effect.flatMap(Ref.get(flag), (isSet) =>
          isSet
            ? Effect.void
            : Effect.andThen(
                look,
                Effect.suspend(() => spin)
              )
        )
        const spinners = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(spin))
        const setter = yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, Ref.set(flag, true)))
        yield* Fiber.joinAll([...spinners, setter])
      })
    const steps = { yielding: 0, busy: 0 }
    for (let seed = 0; seed < 30; seed++) {
      for (const depth of [1, 2, 3, 5]) {
        const strategy = pct(depth, 40)
        const yielding = Sim.run(waiting(Effect.yieldNow), { seed, strategy })
        const busy = Sim.run(waiting(Effect.void), { seed, strategy, stepsMax: 200_000 })
        assert.deepStrictEqual([yielding.outcome, busy.outcome], ["done", "done"])
        steps.yielding = Math.max(steps.yielding, yielding.steps)
        steps.busy = Math.max(steps.busy, busy.steps)
      }
    }
    // Whoever yields falls behind at once; whoever does not is overtaken when the walk becomes fair.
    assert.isBelow(steps.yielding, 1_000)
    assert.isAbove(steps.busy, 10_000)
  })
})

describe("the random walk", () => {
  it("reaches each interleaving of small fibers, and long stretches too", () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 3_000; seed++) seen.add(interleave(randomWalk, seed, [3, 3]).order)
    assert.strictEqual(seen.size, 20)
    const long = hits(randomWalk, 3_000, [30, 30], (order) => /^(a{30}|b{30})/.test(order))
    assert.isAbove(long, 100)
  })
})

describe("the systematic search", () => {
  /** All runs of a model, by the search. */
  const search = (steps: ReadonlyArray<number>, preemptionsMax: number) => {
    const plan = systematic(0, preemptionsMax)
    const orders: Array<string> = []
    const names: Array<string> = []
    const preemptions: Array<number> = []
    for (let round = plan.next(100_000); round.length > 0; round = plan.next(100_000)) {
      plan.learn(
        round.map(({ seed, strategy }) => {
          const run = interleave(strategy, seed, steps)
          orders.push(run.order)
          names.push(strategy.name)
          preemptions.push(run.preemptions)
          return { decisions: run.decisions, isNew: true, branches: strategy.branches?.(), draws: false }
        })
      )
    }
    return { orders, names, preemptions, completeTo: plan.completeTo() }
  }

  it("does as many runs as there are interleavings with so many preemptions, each once", () => {
    for (const m of [1, 2, 3, 4]) {
      // Of two fibers with m steps: 2 without a preemption, 2 (m - 1) with one, 2 (m - 1)^2 with two.
      const counts = [2, 2 + 2 * (m - 1), 2 + 2 * (m - 1) + 2 * (m - 1) ** 2]
      for (const [bound, count] of counts.entries()) {
        const { completeTo, names, orders } = search([m, m], bound)
        assert.strictEqual(orders.length, count)
        assert.strictEqual(new Set(orders).size, count)
        assert.strictEqual(new Set(names).size, count)
        assert.strictEqual(completeTo, bound)
      }
    }
    // Without a bound that binds: 6! / 3! 3! and 6! / 2! 2! 2! interleavings.
    assert.strictEqual(new Set(search([3, 3], 6).orders).size, 20)
    assert.strictEqual(new Set(search([2, 2, 2], 6).orders).size, 90)
    assert.strictEqual(search([2, 2, 2], 0).orders.length, 6)
  })

  it("begins with the canonical run and goes on by the number of preemptions", () => {
    const { orders, preemptions } = search([3, 3], 3)
    assert.strictEqual(orders[0], "aaabbb")
    assert.deepStrictEqual(
      preemptions,
      preemptions.toSorted((a, b) => a - b)
    )
  })

  it("says that it is not complete when a run had more points than it keeps, or schedules still wait", () => {
    const learned = (points: ReadonlyArray<number>, cut: boolean, rounds: number) => {
      const plan = systematic(0, 2)
      for (let i = 0; i < rounds; i++) {
        const round = plan.next(1)
        plan.learn(round.map(() => ({ decisions: 1, isNew: true, draws: false, branches: { points, cut } })))
      }
      return plan.completeTo()
    }
    assert.strictEqual(learned([], false, 1), 2)
    assert.strictEqual(learned([], true, 1), -1)
    // One point with two options of which the second is a preemption.
    assert.strictEqual(learned([5], false, 1), 0)
  })
})

describe("strategies by name", () => {
  const named = [
    randomWalk,
    pct(1, 1),
    pct(3, 77),
    pct(5, 123_456),
    listedSchedule(new Map()),
    listedSchedule(
      new Map([
        [0, 1],
        [3, 2],
        [900, 1],
        [70_000, 130]
      ])
    )
  ]

  it("come back from their name and make the same runs", () => {
    for (const strategy of named) {
      assert.match(strategy.name, /^[A-Za-z0-9_-]+$/)
      const again = strategyNamed(strategy.name)
      assert.strictEqual(again?.name, strategy.name)
      for (let seed = 0; seed < 20; seed++) {
        assert.deepStrictEqual(interleave(again ?? strategy, seed, [9, 9, 9]), interleave(strategy, seed, [9, 9, 9]))
      }
    }
  })

  it("are the same run for the same seed, whatever ran before", () => {
    const program = bugs[5]?.fixed ?? Effect.void
    for (const strategy of named) {
      const hashes = () => [3, 1, 4, 1, 5].map((seed) => Sim.run(program, { seed, strategy }).traceHash)
      const first = hashes()
      Sim.run(program, { seed: 99, strategy })
      assert.deepStrictEqual(hashes(), first)
      assert.strictEqual(first[1], first[3])
    }
  })

  it("are unknown when nothing is so called", () => {
    for (const name of [
      "",
      "magic",
      "pct",
      "pct-0-1",
      "pct-3",
      "pct-3-",
      "pct--1-4",
      "pct-x-4",
      "list-",
      "list-A",
      "random "
    ]) {
      assert.isUndefined(strategyNamed(name), name)
    }
    assert.isUndefined(plannerNamed("magic"))
  })

  it("and planners are found by theirs", () => {
    for (const planner of planners) assert.strictEqual(plannerNamed(planner.name), planner)
    assert.strictEqual(plannerNamed("pct-3-77")?.name, "pct-3-77")
  })
})
