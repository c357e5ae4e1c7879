import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { interpolate } from "../../../core/config/Interpolation.ts"

const environment = { A: "1", B_2: "", C: "${A}", D: undefined }

describe("interpolate", () => {
  it.each([
    ["plain", "plain"],
    ["${A}", "1"],
    ["x${A}y${A}z", "x1y1z"],
    ["[${B_2}]", "[]"],
    ["${C}", "${A}"],
    ["$${A}", "${A}"],
    ["$$${A}", "$${A}"],
    ["$${A}${A}", "${A}1"],
    ["$A $ $$ {A} $}", "$A $ $$ {A} $}"]
  ])("makes %j into %j", (text, result) => {
    assert.deepStrictEqual(interpolate(text, environment), { text: result, mistakes: [] })
  })

  it.each([
    ["${D}", "D"],
    ["a${E_1}b", "E_1"],
    ["${toString}", "toString"],
    ["${__proto__}", "__proto__"]
  ])("names the variable that %j lacks", (text, name) => {
    assert.deepStrictEqual(interpolate(text, environment), { text, mistakes: [{ _tag: "Unset", name }] })
  })

  it.each(["${", "${}", "${A", "${ A}", "${A-1}", "${1}", "${${A}}"])("does not understand %j", (text) => {
    assert.deepInclude(interpolate(text, environment).mistakes, { _tag: "Malformed" })
  })

  it("gives any text back when each ${ is doubled", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("$", "{", "}", "A", "x", "${", "$${")), (parts) => {
        const text = parts.join("")
        assert.deepStrictEqual(
          interpolate(
            text.replaceAll("${", () => "$${"),
            {}
          ),
          { text, mistakes: [] }
        )
      }),
      { numRuns: 2000 }
    )
  })
})
