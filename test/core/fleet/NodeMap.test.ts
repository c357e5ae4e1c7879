import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { NodeMap } from "../../../core/fleet/NodeMap.ts"

/** More names than fit on a page, and few enough to meet again. */
const name = fc.integer({ min: 0, max: 80 }).map(String)
const change = fc.oneof(
  { weight: 5, arbitrary: fc.record({ name, value: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ name, value: fc.constant(undefined) }) }
)

/** All that can be seen of a map. */
const seen = (map: ReadonlyMap<string, number>) => {
  const visited: Array<readonly [string, number]> = []
  map.forEach((value, key) => visited.push([key, value]))
  const names = Array.from({ length: 82 }, (_, i) => String(i))
  return {
    size: map.size,
    entries: Array.from(map.entries()),
    all: Array.from(map),
    keys: Array.from(map.keys()),
    values: Array.from(map.values()),
    array: map instanceof NodeMap ? map.toArray() : Array.from(map.values()),
    visited,
    got: names.map((key) => map.get(key)),
    had: names.map((key) => map.has(key))
  }
}

describe("NodeMap", () => {
  it("looks like a Map after any changes, and leaves those before as they were", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 100, maxLength: 200, size: "max" }), (changes) => {
        const model = new Map<string, number>()
        let map = NodeMap.of<number>([])
        for (const { name: key, value } of changes) {
          const [before, was] = [map, seen(map)]
          map = value === undefined ? map.without(key) : map.with(key, value)
          if (value === undefined) model.delete(key)
          else model.set(key, value)
          assert.deepStrictEqual(seen(map), seen(model))
          assert.deepStrictEqual(seen(before), was)
        }
      }),
      { seed: 20261121, numRuns: 10, endOnFailure: true }
    )
  })

  it("is made of entries as a Map is", () => {
    const entries = Array.from({ length: 100 }, (_, i) => [String(i % 70), i] as const)
    assert.deepStrictEqual(seen(NodeMap.of(entries)), seen(new Map(entries)))
  })
})
