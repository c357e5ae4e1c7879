import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readCheckReport, readMutantsReport, type UnreadableResults } from "../../reports/ReadResults.ts"
import { failed, mutantsReport, property, report } from "./SampleReport.ts"

const results = report([property("P1"), failed("P2")])

const messageOf = (result: Result.Result<unknown, UnreadableResults>): string =>
  Result.getOrThrow(Result.flip(result)).message

const refusal = (text: string) => messageOf(readCheckReport("a.json", text))
const refusalOfMutants = (text: string) => messageOf(readMutantsReport("a.json", text))

describe("results read back", () => {
  it("are those that were written", () => {
    assert.deepStrictEqual(Result.getOrThrow(readCheckReport("a", JSON.stringify(results))), results)
    assert.deepStrictEqual(Result.getOrThrow(readMutantsReport("a", JSON.stringify(mutantsReport))), mutantsReport)
  })

  it("are refused when they are something else", () => {
    for (const text of ["", "{", "not JSON"]) assert.strictEqual(refusal(text), "a.json: not JSON")
    for (const text of ["{}", "3", "null", "[]", JSON.stringify(mutantsReport)]) {
      assert.strictEqual(refusal(text), "a.json: not results of muster check --json")
    }
    assert.strictEqual(refusalOfMutants(JSON.stringify(results)), "a.json: not results of muster mutants --json")
  })

  it("are refused in another format, which is named", () => {
    assert.strictEqual(
      refusal(JSON.stringify({ ...results, format: 2 })),
      "a.json: format: it is 2, and this version reads format 4"
    )
    assert.strictEqual(
      refusalOfMutants(JSON.stringify({ ...mutantsReport, format: 9 })),
      "a.json: format: it is 9, and this version reads format 1"
    )
  })

  it("are refused for a field, which is named", () => {
    assert.match(
      refusal(JSON.stringify({ ...results, properties: [property("P1"), { ...property("P2"), runs: 1.5 }] })),
      /^a\.json: properties\[1\]\.runs: \S/
    )
    const { seed: _, ...without } = results
    assert.match(refusal(JSON.stringify(without)), /^a\.json: seed: \S/)
  })
})
