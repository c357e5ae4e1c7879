import { assert, describe, it } from "@effect/vitest"
import { compare } from "../../reports/Comparison.ts"
import { failed, property, report } from "./SampleReport.ts"

const nothing = {
  newlyFailing: [],
  newlyHolding: [],
  newlyReached: [],
  noLongerReached: [],
  slower: [],
  added: [],
  gone: []
}

describe("comparing results", () => {
  it("finds nothing where nothing has changed", () => {
    const same = report([property("P1"), failed("P2")])
    assert.deepStrictEqual(compare(same, same), { against: { version: "0.1.0", seed: 0, seeds: 20 }, ...nothing })
    const { seeds: _, ...timed } = same
    assert.deepStrictEqual(compare(same, timed).against, { version: "0.1.0", seed: 0 })
  })

  it("tells what fails, holds, was added and is gone", () => {
    const now = report([failed("P1"), property("P2"), property("P3", { status: "interrupted" }), failed("P5")])
    const before = report([property("P1"), failed("P2"), failed("P3"), property("P4")])
    assert.deepStrictEqual(compare(now, before), {
      ...compare(now, now),
      newlyFailing: ["P1", "P5"],
      newlyHolding: ["P2"],
      added: ["P5"],
      gone: ["P4"]
    })
  })

  it("counts what was not run as not there", () => {
    const skipped = property("P1", { status: "skipped", runs: 0 })
    assert.deepStrictEqual(compare(report([skipped]), report([property("P1")])).gone, ["P1"])
    assert.deepStrictEqual(compare(report([property("P1")]), report([skipped])).added, ["P1"])
  })

  it("tells marks, but for those of sweeps that a failure ended", () => {
    const before = report([property("P1", { sometimes: { a: 1, b: 1 } }), property("P2", { sometimes: { a: 1 } })])
    const now = report([property("P1", { sometimes: { b: 5, c: 1 } }), failed("P2")])
    const { newlyReached, noLongerReached } = compare(now, before)
    assert.deepStrictEqual(newlyReached, [{ property: "P1", mark: "c" }])
    assert.deepStrictEqual(noLongerReached, [{ property: "P1", mark: "a" }])
  })

  it("tells what takes longer, by the run", () => {
    const slower = (before: number, now: number, runs = 10) =>
      compare(report([property("P1", { wallMs: now, runs })]), report([property("P1", { wallMs: before })])).slower
    assert.deepStrictEqual(slower(20, 30), [{ property: "P1", beforeMs: 2, nowMs: 3 }])
    assert.deepStrictEqual(slower(20, 29), [])
    assert.deepStrictEqual(slower(10, 19), [])
    assert.deepStrictEqual(slower(100, 149), [])
    assert.deepStrictEqual(slower(20, 300, 100), [{ property: "P1", beforeMs: 2, nowMs: 3 }])
    assert.deepStrictEqual(slower(20, 200, 100), [])
    // Four shards at the same time, of which the slowest took 20 ms for its ten runs.
    const merged = report([property("P1", { runs: 40 })], { shards: 4 })
    assert.deepStrictEqual(compare(report([property("P1", { wallMs: 30 })]), merged).slower, [
      { property: "P1", beforeMs: 2, nowMs: 3 }
    ])
    assert.deepStrictEqual(compare(merged, report([property("P1")])).slower, [])
  })
})
