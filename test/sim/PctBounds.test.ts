/** What the runs by PCT of a sweep say of the bugs that it did not find. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { PctBounds } from "../../sim/PctBounds.ts"
import * as Sim from "../../sim/Sim.ts"
import { pct } from "../../sim/strategies/Pct.ts"

/** As the formula stands in the paper, with a precision that shows for small numbers. */
const missed = (fibers: number, points: number, depth: number, runs: number) =>
  (1 - 1 / (fibers * points ** (depth - 1))) ** runs

const counting = Effect.gen(function* () {
  const counter = yield* Ref.make(0)
  const increment = Ref.update(counter, (n) => n + 1)
  yield* Effect.all([increment, increment, increment], { concurrency: "unbounded" })
})

describe("the bounds of PCT", () => {
  it("count runs of each depth, and the largest run of any strategy", () => {
    const bounds = new PctBounds()
    bounds.add("random", { decisions: 50, fibers: 4 })
    bounds.add("pct-1-40", { decisions: 30, fibers: 3 })
    bounds.add("pct-3-40", { decisions: 40, fibers: 5 })
    bounds.add("pct-5-40", { decisions: 20, fibers: 2 })
    assert.deepStrictEqual(
      bounds.ofDepths.map(({ depth, fibers, points, runs }) => [depth, runs, fibers, points]),
      [
        [1, 1, 5, 50],
        [2, 0, 5, 50],
        [3, 1, 5, 50]
      ]
    )
    for (const { depth, fibers, missedAtMost, points, runs } of bounds.ofDepths) {
      assert.closeTo(missedAtMost, missed(fibers, points, depth, runs), 1e-12)
    }
  })

  it("count no run that was longer than PCT took it for, nor changes that it had no room for", () => {
    const bounds = new PctBounds()
    bounds.add("pct-3-40", { decisions: 41, fibers: 2 })
    bounds.add("pct-3-4", { decisions: 4, fibers: 2 })
    assert.deepStrictEqual(
      bounds.ofDepths.map(({ runs }) => runs),
      [0, 1, 0]
    )
    assert.strictEqual(bounds.ofDepths[2]?.missedAtMost, 1)
  })

  it("are none without PCT", () => {
    const bounds = new PctBounds()
    bounds.add("random", { decisions: 50, fibers: 4 })
    bounds.add("list-AA", { decisions: 50, fibers: 4 })
    assert.deepStrictEqual(bounds.ofDepths, [])
  })

  it("stay precise where a single run hardly finds anything, and are 0 where each does", () => {
    const bounds = new PctBounds()
    const sure = new PctBounds()
    for (let i = 0; i < 1_000; i++) bounds.add("pct-3-9999999", { decisions: 9_999_999, fibers: 1_000 })
    sure.add("pct-1-1", { decisions: 0, fibers: 1 })
    const found = 1 - (bounds.ofDepths[2]?.missedAtMost ?? 0)
    assert.closeTo(found / (1_000 / (1_000 * 9_999_999 ** 2)), 1, 0.05)
    assert.strictEqual(sure.ofDepths[0]?.missedAtMost, 0)
  })

  it("are among what a sweep counts", () => {
    const { bounds } = Sim.check(counting, { runs: 40, strategy: pct(2, 200) })
    assert.deepStrictEqual(
      bounds.map(({ depth, fibers, runs }) => [depth, fibers, runs]),
      [
        [1, 4, 0],
        [2, 4, 40],
        [3, 4, 0]
      ]
    )
    assert.isAbove(bounds[0]?.points ?? 0, 1)
    assert.deepStrictEqual(Sim.check(counting, { runs: 5 }).bounds.length <= 3, true)
  })
})
