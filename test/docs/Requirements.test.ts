/**
 * docs/requirements.md: every requirement once, with code and tests that exist and the properties that name it, and
 * every requirement that a property names. So neither a row nor a property can promise what nothing holds.
 * `MUSTER_UPDATE_DOCS=1` writes the column of properties.
 */
import { existsSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { properties } from "../../scenarios/Properties.ts"
import { codeOf, fileOf, read, rowsOf } from "./Pages.ts"

const parts = { areas: 10, each: 5 } as const

const ids = Array.from({ length: parts.areas }, (_, area) =>
  Array.from({ length: parts.each }, (__, index) => `R${area + 1}.${index + 1}`)
).flat()

const page = "docs/requirements.md"

/** Held by tests alone, for the reason beside it. */
const withoutProperty = [
  // Decided once, before anything runs beside it.
  "R5.5"
]

const heldBy = (id: string): string =>
  properties.flatMap((property) => (property.requirements.includes(id) ? [property.id] : [])).join(", ")

/** The page with the column of properties as the properties are. */
const updated = (text: string): string =>
  text.replaceAll(
    /^(\| (R\d+\.\d+) \|(?:[^|]*\|){2})[^|]*(\|)/gm,
    (_, before: string, id: string, after: string) => `${before} ${heldBy(id)} ${after}`
  )

if (process.env["MUSTER_UPDATE_DOCS"] === "1") writeFileSync(fileOf(page), updated(read(page)))

const rows = rowsOf(read(page)).flatMap(([id = "", , code = "", held = "", tests = ""]) =>
  /^R\d/.test(id) ? [{ id, code: codeOf(code), tests: codeOf(tests), held }] : []
)

describe("docs/requirements.md", () => {
  it("has every requirement once, in order", () =>
    assert.deepStrictEqual(
      rows.map(({ id }) => id),
      ids
    ))

  it("names code and tests that exist", () => {
    for (const { code, id, tests } of rows) {
      assert.isNotEmpty(code, id)
      assert.isNotEmpty(tests, id)
      for (const path of code) assert.match(path, /^(?:core|runtime)\//, id)
      for (const path of tests) assert.match(path, /^test\/.*\.test\.ts$/, id)
      for (const path of [...code, ...tests]) assert.isTrue(existsSync(fileOf(path)), `${id}: ${path}`)
    }
  })

  it("names the properties that name the requirement, and no others", () => {
    for (const { held, id } of rows) assert.strictEqual(held, heldBy(id), id)
  })

  it("has a property for each, but for those that tests alone hold", () =>
    assert.deepStrictEqual(
      rows.flatMap(({ held, id }) => (held === "" ? [id] : [])),
      withoutProperty
    ))

  it("leaves out no requirement of a property", () => {
    const known = new Set(ids)
    for (const { id, requirements } of properties) {
      assert.deepStrictEqual(
        requirements.filter((name) => !known.has(name)),
        [],
        id
      )
    }
  })
})
