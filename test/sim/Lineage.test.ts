/** Fibers are called by their place in the tree of forks, which a different schedule does not change. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Lineage } from "../../sim/Lineage.ts"
import * as Sim from "../../sim/Sim.ts"

describe("a path", () => {
  it("is the ordinals of the forks that led to a fiber", () => {
    const lineage = new Lineage()
    const root = lineage.born(-1)
    const [first, second] = [lineage.born(root), lineage.born(root)]
    const grandchild = lineage.born(second)
    const orphan = lineage.born(-1)
    const ofOrphan = lineage.born(orphan)
    assert.deepStrictEqual(
      [root, first, second, grandchild, orphan, ofOrphan].map((number) => lineage.path(number)),
      ["0", "0.1", "0.2", "0.2.1", "1", "1.1"]
    )
    assert.deepStrictEqual([lineage.parentOf(grandchild), lineage.parentOf(root)], [second, -1])
    assert.strictEqual(lineage.path(-1), "-")
    assert.strictEqual(lineage.size, 6)
  })

  it("of a deep fiber is found without a deep stack of calls for each", () => {
    const lineage = new Lineage()
    let parent = lineage.born(-1)
    for (let i = 0; i < 2_000; i++) parent = lineage.born(parent)
    assert.strictEqual(lineage.path(parent).split(".").length, 2_001)
  })

  it("stays the same whatever the schedule is", () => {
    const program = Effect.gen(function* () {
      const child = (depth: number): Effect.Effect<void, never, Sim.RunContext> =>
        Effect.gen(function* () {
          // One draw each, to see the path of the drawer.
          yield* Sim.choose("workload", 1_000_000)
          if (depth === 0) return
          const fibers = [yield* Effect.forkChild(child(depth - 1)), yield* Effect.forkChild(child(depth - 1))]
          yield* Fiber.joinAll(fibers)
        })
      yield* child(2)
    })
    const expected = ["0", "0.1", "0.1.1", "0.1.2", "0.2", "0.2.1", "0.2.2"]
    for (let seed = 0; seed < 40; seed++) {
      const { deviations } = Sim.run(program, { seed, record: true })
      const drawers = deviations.filter(({ stream }) => stream === "workload").map(({ fiber }) => fiber)
      assert.deepStrictEqual(drawers.toSorted(), expected)
    }
  })
})
