/** The requirements of reports are those of docs/requirements.md, in its words. */
import { assert, describe, it } from "@effect/vitest"
import { areas, requirements } from "../../reports/Requirements.ts"
import { read, rowsOf } from "../docs/Pages.ts"

const page = read("docs/requirements.md")

describe("the requirements of reports", () => {
  it("are those of the page", () => {
    const rows = rowsOf(page).flatMap(([id = "", text = ""]) => (/^R\d/.test(id) ? [{ id, text }] : []))
    assert.deepStrictEqual(requirements, rows)
  })

  it("are in its areas", () => {
    const heads = Array.from(page.matchAll(/^## (R\d+): (.+)$/gm), ([, id = "", text = ""]) => ({ id, text }))
    assert.deepStrictEqual(areas, heads)
  })
})
