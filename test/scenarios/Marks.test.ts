import { assert, describe, it } from "@effect/vitest"
import { marks } from "../../core/Marks.ts"
import { properties } from "../../scenarios/Properties.ts"

/** Listed in all, each counted once. */
const distinctMin = 60

describe("the marks of the properties", () => {
  it("include every mark of the console", () => {
    const listed = new Set(properties.flatMap((property) => property.marks))
    assert.deepStrictEqual(
      marks.filter((mark) => !listed.has(mark)),
      []
    )
  })

  it(`are at least ${distinctMin}, and every property has some`, () => {
    assert.isAtLeast(new Set(properties.flatMap((property) => property.marks)).size, distinctMin)
    for (const { id, marks: own } of properties) assert.isAbove(own.length, 0, id)
  })

  for (const { id, marks: own } of properties) {
    it(`${id} names each once`, () => assert.strictEqual(new Set(own).size, own.length))
  }
})
