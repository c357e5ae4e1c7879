import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as OutputRing from "../../../core/local/OutputRing.ts"

const encode = (text: string) => new TextEncoder().encode(text)

const readOf = (ring: OutputRing.OutputRing, from: number, lengthBytesMax: number) =>
  new TextDecoder().decode(ring.read({ from, lengthBytesMax }))

describe("OutputRing", () => {
  it("gives nothing before the first byte", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    assert.deepStrictEqual([readOf(ring, 0, 10), ring.oldest(), ring.written()], ["", 0, 0])
  })

  it("gives what was written since an offset", () => {
    const ring = OutputRing.make({ bytesMax: 16 })
    ring.append(encode("hello "))
    ring.append(encode("world"))
    assert.strictEqual(readOf(ring, 0, 100), "hello world")
    assert.strictEqual(readOf(ring, 6, 100), "world")
    assert.strictEqual(readOf(ring, 6, 2), "wo")
    assert.strictEqual(readOf(ring, 6, -1), "")
    assert.strictEqual(readOf(ring, 11, 100), "")
    assert.strictEqual(readOf(ring, 50, 100), "")
  })

  it("tells which bytes are left", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    ring.append(encode("abc"))
    ring.append(encode("def"))
    assert.deepStrictEqual([ring.oldest(), ring.written()], [2, 6])
    assert.strictEqual(readOf(ring, 0, 3), "cde")
    assert.strictEqual(readOf(ring, -1, 9), "cdef")
  })

  it("forgets what it has, and goes on with its offsets", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    ring.append(encode("abcdef"))
    ring.forget()
    assert.deepStrictEqual([readOf(ring, 0, 9), ring.oldest(), ring.written()], ["", 6, 6])
    ring.append(encode("gh"))
    assert.deepStrictEqual([readOf(ring, 0, 9), ring.oldest(), ring.written()], ["gh", 6, 8])
  })

  it("keeps its own copy of the bytes", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    const chunk = encode("ab")
    ring.append(chunk)
    chunk.fill(0)
    assert.strictEqual(readOf(ring, 0, 4), "ab")
  })

  it("agrees with a list of all bytes ever written", () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 })
    const property = fc.property(
      fc.integer({ min: 1, max: 24 }),
      chunks,
      fc.integer({ min: -5, max: 200 }),
      fc.integer({ min: 0, max: 60 }),
      (bytesMax, appended, offset, lengthBytesMax) => {
        const ring = OutputRing.make({ bytesMax })
        const all: Array<number> = []
        for (const chunk of appended) {
          ring.append(chunk)
          all.push(...chunk)
        }
        const kept = Math.max(0, all.length - bytesMax)
        const from = Math.min(Math.max(kept, offset), all.length)
        const expected = all.slice(from, from + lengthBytesMax)
        assert.deepStrictEqual([...ring.read({ from: offset, lengthBytesMax })], expected)
        assert.deepStrictEqual([ring.oldest(), ring.written()], [kept, all.length])
      }
    )
    fc.assert(property, { numRuns: 2_000, seed: 1 })
  })
})
