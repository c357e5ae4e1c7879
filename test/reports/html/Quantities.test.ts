import { assert, describe, it } from "@effect/vitest"
import { atMost, counted, duration, grouped, moment } from "../../../reports/html/Quantities.ts"

describe("quantities", () => {
  it("groups digits", () => {
    assert.deepStrictEqual([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"])
    assert.strictEqual(counted(1, "run"), "1 run")
    assert.strictEqual(counted(2_000, "property", "properties"), "2,000 properties")
  })

  it("tells moments to the millisecond", () =>
    assert.deepStrictEqual([0, 999.6, 1_203, 59_940, 60_000, 663_045].map(moment), [
      "0 ms",
      "1.000 s",
      "1.203 s",
      "59.940 s",
      "1:00.000",
      "11:03.045"
    ]))

  it("tells spans as exactly as it matters", () =>
    assert.deepStrictEqual([12, 1_250, 59_949, 59_950, 185_000, 3_600_000, 7_860_000].map(duration), [
      "12 ms",
      "1.3 s",
      "59.9 s",
      "1 min",
      "3 min 5 s",
      "1 h",
      "2 h 11 min"
    ]))

  it("never rounds a bound down", () =>
    assert.deepStrictEqual([1, 0.996, 0.3601, 0.00401, 0.00034, 1e-9].map(atMost), [
      "100 %",
      "100 %",
      "37 %",
      "0.5 %",
      "one in 2,941",
      "less than one in a million"
    ]))
})
