import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { CheckReport, PropertyReport } from "../../reports/CheckReport.ts"
import { merge } from "../../reports/Merge.ts"
import { failed, property, report } from "./SampleReport.ts"

const part = (
  shard: string | undefined,
  properties: ReadonlyArray<PropertyReport>,
  changes: Partial<CheckReport> = {}
) => ({
  file: `${shard ?? "whole"}.json`,
  report: report(properties, { ...(shard === undefined ? {} : { shard }), ...changes })
})

type Part = ReturnType<typeof part>

const merged = (first: Part, ...others: ReadonlyArray<Part>) => Result.getOrThrow(merge([first, ...others]))

const refusal = (first: Part, ...others: ReadonlyArray<Part>) => {
  const { message, reason } = Result.getOrThrow(Result.flip(merge([first, ...others])))
  return `${reason}: ${message}`
}

describe("merging shards", () => {
  it("adds up what was counted", () => {
    const { shard: _, ...one } = part("1/2", []).report
    const first = property("P1", {
      faults: { lost: 1, late: 2 },
      sometimes: { a: 1 },
      unreached: ["b", "c"],
      wallMs: 30
    })
    const second = property("P1", {
      runs: 9,
      steps: 7,
      virtualMs: 5,
      wallMs: 40,
      distinctTraces: 4,
      faults: { late: 5, cut: 1 },
      sometimes: { b: 3, a: 2 },
      unreached: ["c"]
    })
    const whole = merged(part("1/2", [first], { wallMs: 70 }), part("2/2", [second], { wallMs: 60 }))
    const [{ traceHash, ...counted } = property("")] = whole.properties
    const { traceHash: __, ...expected } = property("P1", {
      runs: 19,
      steps: 1_007,
      virtualMs: 60_005,
      wallMs: 40,
      distinctTraces: 9,
      faults: { lost: 1, late: 7, cut: 1 },
      sometimes: { a: 3, b: 3 },
      unreached: ["c"]
    })
    const changed = { shards: 2, wallMs: 70, properties: [expected] }
    assert.deepStrictEqual({ ...whole, properties: [counted] }, { ...one, ...changed })
    assert.match(traceHash, /^[0-9a-f]{16}$/)
  })

  it("counts a mark as unreached only if no shard reached it", () => {
    const missing = [["a", "b", "c"], ["b", "c", "d"], ["c"]].map((unreached) => property("P1", { unreached }))
    const [first, ...others] = missing.map((each, i) => part(`${i + 1}/3`, [each]))
    assert.isDefined(first)
    assert.deepStrictEqual(merged(first, ...others).properties[0]?.unreached, ["c"])
  })

  it("does not depend on the order in which the files are named, though the hash does on that of the shards", () => {
    const [a, b] = [
      property("P1", { traceHash: "00000000000000aa" }),
      property("P1", { traceHash: "00000000000000bb" })
    ]
    const inOrder = merged(part("1/2", [a]), part("2/2", [b]))
    assert.strictEqual(JSON.stringify(merged(part("2/2", [b]), part("1/2", [a]))), JSON.stringify(inOrder))
    const swapped = merged(part("1/2", [b]), part("2/2", [a]))
    assert.notStrictEqual(swapped.properties[0]?.traceHash, inOrder.properties[0]?.traceHash)
  })

  it("leaves a whole sweep as it is", () => {
    const whole = part(undefined, [property("P1"), failed("P2")])
    assert.deepStrictEqual(merged(whole), whole.report)
    assert.deepStrictEqual(merged(part("1/1", whole.report.properties)), whole.report)
  })

  it("keeps the failure whose run comes first in the sweep as a whole", () => {
    const shards = [failed("P1", { run: 5, token: "a" }), failed("P1", { run: 4, token: "b" }), property("P1")]
    const [first, ...others] = shards.map((each, i) => part(`${i + 1}/3`, [each]))
    assert.isDefined(first)
    const [{ failure, status } = property("")] = merged(first, ...others).properties
    assert.deepStrictEqual([status, failure?.token, failure?.run], ["failed", "b", 11])
  })

  it("holds only what every shard says that it holds", () => {
    const status = (...all: ReadonlyArray<PropertyReport["status"]>) => {
      const [first, ...others] = all.map((each, i) =>
        part(`${i + 1}/${all.length}`, [property("P1", { status: each })])
      )
      assert.isDefined(first)
      return merged(first, ...others).properties[0]?.status
    }
    assert.strictEqual(status("holds", "holds"), "holds")
    assert.strictEqual(status("holds", "interrupted"), "interrupted")
    assert.strictEqual(status("interrupted", "failed"), "failed")
    assert.strictEqual(status("skipped", "skipped"), "skipped")
    assert.strictEqual(status("holds", "skipped"), "interrupted")
    const whole = merged(part("1/2", [property("P1")]), part("2/2", [property("P1"), property("P2")]))
    assert.deepStrictEqual(
      whole.properties.map(({ id, runs, status: each }) => [id, each, runs]),
      [
        ["P1", "holds", 20],
        ["P2", "interrupted", 10]
      ]
    )
  })

  it("computes the bounds again", () => {
    const bound = (depth: number, runs: number, fibers: number, points: number) => ({
      depth,
      runs,
      fibers,
      points,
      missedAtMost: 0.5
    })
    const first = property("P1", { bounds: [bound(1, 30, 4, 10), bound(2, 20, 4, 10)] })
    const second = property("P1", { bounds: [bound(1, 50, 2, 30), bound(2, 40, 2, 30)] })
    const bounds = merged(part("1/2", [first]), part("2/2", [second])).properties[0]?.bounds ?? []
    assert.deepStrictEqual(
      bounds.map(({ depth, fibers, points, runs }) => ({ depth, runs, fibers, points })),
      [
        { depth: 1, runs: 80, fibers: 4, points: 30 },
        { depth: 2, runs: 60, fibers: 4, points: 30 }
      ]
    )
    assert.closeTo(bounds[0]?.missedAtMost ?? 0, (1 - 1 / 4) ** 80, 1e-15)
    assert.closeTo(bounds[1]?.missedAtMost ?? 0, (1 - 1 / (4 * 30)) ** 60, 1e-12)
    const only = merged(part("1/2", [property("P1")]), part("2/2", [second])).properties[0]?.bounds
    assert.strictEqual(only?.[0]?.runs, 50)
  })

  it("refuses a shard that is there twice, and one that is not there", () => {
    const of = (shard?: string) => part(shard, [property("P1")])
    assert.strictEqual(refusal(of("1/2"), of("1/2")), "same-shard: shard 1/2 in more than one file: 1/2.json, 1/2.json")
    assert.strictEqual(refusal(of(), of()), "same-shard: all seeds in more than one file: whole.json, whole.json")
    assert.strictEqual(refusal(of("2/2")), "missing-shard: shard 1/2 is missing")
    assert.strictEqual(refusal(of("1/3"), of("3/3")), "missing-shard: shard 2/3 is missing")
    assert.strictEqual(refusal(of("1/3"), of("2/3")), "missing-shard: shard 3/3 is missing")
    assert.match(refusal(of("1/2"), of("2/3")), /^not-together: 1\/2.json: shard: it is one of 2, and others are of 3$/)
    assert.match(refusal(of("0/2")), /^not-together: 0\/2.json: shard: it is "0\/2", expected I\/N/)
    assert.match(refusal(of("3/2")), /^not-together: /)
  })

  it("refuses parts of different sweeps, naming the file and the field", () => {
    const first = part("1/2", [property("P1"), property("P2")])
    const other = (changes: Partial<CheckReport>) => refusal(first, part("2/2", first.report.properties, changes))
    const at = "not-together: 2/2.json:"
    assert.strictEqual(other({ version: "9" }), `${at} version: it is "9", and "0.1.0" in 1/2.json`)
    assert.strictEqual(other({ seed: 7 }), `${at} seed: it is 7, and 0 in 1/2.json`)
    assert.strictEqual(other({ seeds: 9 }), `${at} seeds: it is 9, and 20 in 1/2.json`)
    assert.strictEqual(other({ strategy: "pos" }), `${at} strategy: it is "pos", and "portfolio" in 1/2.json`)
    assert.strictEqual(other({ world: "real" }), `${at} world: it is "real", and "sim" in 1/2.json`)
    const { seeds: _, ...timed } = part("2/2", []).report
    assert.strictEqual(
      refusal(first, { file: "t.json", report: timed }),
      "not-together: t.json: seeds: it is not there, and 20 in 1/2.json"
    )
    assert.strictEqual(
      refusal(first, part("2/2", [property("P2")])),
      'not-together: 2/2.json: properties[0].id: it is "P2", and "P1" in 1/2.json'
    )
  })
})
