/** Values that arbitraries draw from the workload of a run. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import * as Sim from "../../sim/Sim.ts"

const different = fc.uniqueArray(fc.nat(1_000), { minLength: 3, maxLength: 5 })

describe("draw", () => {
  it("comes to an end where the dullest answer is no value: a list of unique items, shrunk as far as it goes", () => {
    const program = Effect.gen(function* () {
      const items = yield* draw(different)
      assert.strictEqual(new Set(items).size, items.length)
      if (items.length >= 3) return yield* Effect.fail("three or more")
    })
    const { failure } = Sim.check(program, { runs: 5 })
    assert.isTrue(failure?.minimal)
    assert.deepStrictEqual(failure?.shrunk?.deviations, [])
  })
})
