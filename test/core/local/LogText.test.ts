import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { cutAtEnd, cutAtStart, toLogChunk } from "../../../core/local/LogText.ts"

const encode = (text: string) => new TextEncoder().encode(text)

describe("toLogChunk", () => {
  it("leaves a character that is cut to the chunk that has its end", () => {
    const bytes = encode("aé€😀")
    const cuts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((end) => cutAtEnd(bytes.subarray(0, end)))
    assert.deepStrictEqual(cuts, [0, 1, 0, 1, 2, 0, 1, 2, 3, 0])
    assert.deepStrictEqual([cutAtStart(bytes.subarray(2)), cutAtStart(bytes.subarray(7)), cutAtStart(bytes)], [1, 3, 0])
  })

  it("says that some bytes are no UTF-8, and goes on", () => {
    const bytes = Uint8Array.of(0x61, 0xff, 0x00, 0x1b, 0x62)
    const chunk = toLogChunk({ bytes, offset: 0, size: 5, gap: 0, rotated: false, continues: true })
    assert.deepStrictEqual([chunk.text, chunk.next, chunk.lossy], ["a\ufffd\0\u001bb", 5, true])
    const plain = toLogChunk({ bytes: encode("\ufeffé"), offset: 0, size: 5, gap: 0, rotated: false, continues: true })
    assert.deepStrictEqual([plain.text, plain.lossy], ["\ufeffé", false])
  })

  it("gives a reader of any step the whole text, in order and to its end", () => {
    const property = fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 9 }), (text, step) => {
      const all = encode(text)
      let read = ""
      let from = 0
      for (let turns = 0; from < all.length; turns++) {
        assert.isBelow(turns, all.length + 1)
        const bytes = all.subarray(from, from + step)
        const chunk = toLogChunk({ bytes, offset: from, size: all.length, gap: 0, rotated: false, continues: true })
        assert.strictEqual(chunk.offset, from)
        read += chunk.text
        from = chunk.next
      }
      // A step of less than a character cuts it.
      if (step >= 4) assert.strictEqual(read, new TextDecoder("utf-8", { ignoreBOM: true }).decode(all))
    })
    fc.assert(property, { numRuns: 1_000, seed: 1 })
  })
})
