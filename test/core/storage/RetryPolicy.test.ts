import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { pauseMs, pauseMsMax } from "../../../core/storage/RetryPolicy.ts"

const policies = fc.record({
  retriesMax: fc.nat(20),
  delayMs: fc.integer({ min: 1, max: 60_000 }),
  delayMaxMs: fc.integer({ min: 1, max: 60_000 })
})
const spread = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe("the policy of retries", () => {
  it("pauses for half of a doubled and capped delay up to all of it, and never shrinks before the cap", () => {
    fc.assert(
      fc.property(policies, spread, spread, (policy, first, second) => {
        let before = 0
        for (let retries = 0; retries < policy.retriesMax; retries++) {
          const most = pauseMsMax(policy, retries)
          const pause = pauseMs(policy, { retries, leftMs: Infinity, spread: retries % 2 === 0 ? first : second }) ?? -1
          assert.isAtMost(most, policy.delayMaxMs)
          assert.isAtLeast(pause, most / 2)
          assert.isAtMost(pause, most)
          if (most < policy.delayMaxMs) assert.isAtLeast(pause, before)
          before = pause
        }
      })
    )
  })

  it("ends by number, and when no time would be left after the pause", () => {
    const policy = { retriesMax: 2, delayMs: 100, delayMaxMs: 1_000 }
    const pauses = [
      pauseMs(policy, { retries: 1, leftMs: 151, spread: 0.5 }),
      pauseMs(policy, { retries: 1, leftMs: 150, spread: 0.5 }),
      pauseMs(policy, { retries: 2, leftMs: 10_000, spread: 0 }),
      pauseMs(policy, { retries: 0, leftMs: -5, spread: 0 })
    ]
    assert.deepStrictEqual(pauses, [150, undefined, undefined, undefined])
  })

  it("has a pause for any number of retries", () => {
    assert.strictEqual(pauseMsMax({ retriesMax: 5_000, delayMs: 1, delayMaxMs: 60_000 }, 4_999), 60_000)
  })
})
