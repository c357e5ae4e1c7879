import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { sanitise } from "../../../core/log/Sanitise.ts"

const disturbing = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/

/** Texts of any UTF-16 units, halves of characters among them. */
const anyText = fc
  .array(fc.oneof(fc.nat({ max: 0xff }), fc.nat({ max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff })), {
    maxLength: 60
  })
  .map((units) => String.fromCharCode(...units))

describe("sanitise", () => {
  it.each([
    ["web-1", 10, "web-1"],
    ["ünïcödé 🙂", 20, "ünïcödé 🙂"],
    ["a\nb\r\u001b[31m", 40, "a\\u000ab\\u000d\\u001b[31m"],
    ["\u2028\u202e", 40, "\\u2028\\u202e"],
    ["\ud800x\udc00", 40, "\\ud800x\\udc00"],
    ["0123456789", 5, "0123…"],
    ["012🙂456", 5, "012…"],
    ["012🙂456", 6, "012🙂…"],
    ["ab\n\n\n", 10, "ab\\u000a…"],
    ["", 5, ""]
  ])("turns %j within %d into %j", (text, charactersMax, expected) => {
    assert.strictEqual(sanitise(text, charactersMax), expected)
  })

  it("is bounded, on one line, of whole characters, and the same when done twice", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 80 }), (text, max) => {
        const clean = sanitise(text, max)
        assert.isAtMost(clean.length, max)
        assert.notMatch(clean, disturbing)
        assert.isTrue(clean.isWellFormed())
        assert.strictEqual(sanitise(clean, max), clean)
      }),
      { numRuns: 300 }
    )
  })
})
