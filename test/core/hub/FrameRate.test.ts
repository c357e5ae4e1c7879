import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { full, spend } from "../../../core/hub/FrameRate.ts"

describe("the rate of frames", () => {
  it("never lets more than the average over ten seconds and their worth at once", () => {
    const arrivals = fc.array(fc.record({ afterMs: fc.nat(3_000), count: fc.integer({ min: 1, max: 30 }) }))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), arrivals, (perSecond, all) => {
        let nowMs = 0
        let passed = 0
        let allowance = full(perSecond, 0)
        for (const { afterMs, count } of all) {
          nowMs += afterMs
          const next = spend(allowance, count, perSecond, nowMs)
          if (next === undefined) return
          allowance = next
          passed += count
          assert.isAtMost(passed, perSecond * (10 + nowMs / 1_000) + 1e-6)
        }
      })
    )
  })

  it("gives back what was spent, no more than ten seconds' worth", () => {
    const spent = spend(full(3, 0), 30, 3, 0)
    assert.deepStrictEqual(spent, { frames: 0, atMs: 0 })
    assert.isUndefined(spend({ frames: 0, atMs: 0 }, 4, 3, 1_000))
    assert.deepStrictEqual(spend({ frames: 0, atMs: 0 }, 3, 3, 1_000), { frames: 0, atMs: 1_000 })
    assert.deepStrictEqual(spend({ frames: 0, atMs: 0 }, 1, 3, 3_600_000), { frames: 29, atMs: 3_600_000 })
  })

  it("takes nothing away when the clock goes back", () => {
    assert.deepStrictEqual(spend({ frames: 5, atMs: 9_000 }, 1, 3, 1_000), { frames: 4, atMs: 1_000 })
  })
})
