/** docs/schema/ holds the forms of the results as they are. `MUSTER_UPDATE_DOCS=1` writes them. */
import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { jsonSchemas } from "../../reports/JsonSchemas.ts"

const files = Object.entries(jsonSchemas).map(([name, schema]) => ({
  url: new URL(`../../docs/schema/${name}.json`, import.meta.url),
  name,
  text: `${JSON.stringify(schema, undefined, 2)}\n`
}))

if (process.env["MUSTER_UPDATE_DOCS"] === "1") for (const { text, url } of files) writeFileSync(url, text)

describe("the published forms of results", () => {
  it.each(files)("are those of the code in docs/schema/$name.json", ({ text, url }) => {
    assert.strictEqual(readFileSync(url, "utf8"), text)
  })

  it("have what scripts read", () => {
    const Form = Schema.Struct({ required: Schema.Array(Schema.String) })
    const { required } = Schema.decodeUnknownSync(Form)(jsonSchemas["check-report"])
    assert.includeMembers([...required], ["tool", "format", "version", "seed", "properties"])
  })

  it("take no number that JSON cannot write", () => {
    for (const { text } of files) assert.notInclude(text, "NaN")
  })
})
