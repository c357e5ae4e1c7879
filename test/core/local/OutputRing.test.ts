import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as OutputRing from "../../../core/local/OutputRing.ts"

const encode = (text: string) => new TextEncoder().encode(text)

const tailOf = (ring: OutputRing.OutputRing, offset: number, lengthBytesMax: number) => {
  const tail = ring.tail({ offset, lengthBytesMax })
  return [new TextDecoder().decode(tail.bytes), tail.offset, tail.overflow] as const
}

describe("OutputRing", () => {
  it("gives nothing before the first byte", () => {
    assert.deepStrictEqual(tailOf(OutputRing.make({ bytesMax: 4 }), 0, 10), ["", 0, false])
  })

  it("gives what was written since an offset", () => {
    const ring = OutputRing.make({ bytesMax: 16 })
    ring.append(encode("hello "))
    ring.append(encode("world"))
    assert.deepStrictEqual(tailOf(ring, 0, 100), ["hello world", 11, false])
    assert.deepStrictEqual(tailOf(ring, 6, 100), ["world", 11, false])
    assert.deepStrictEqual(tailOf(ring, 11, 100), ["", 11, false])
  })

  it("gives the newest bytes where more are there than asked for", () => {
    const ring = OutputRing.make({ bytesMax: 16 })
    ring.append(encode("hello world"))
    assert.deepStrictEqual(tailOf(ring, 0, 5), ["world", 11, true])
    assert.deepStrictEqual(tailOf(ring, 0, 0), ["", 11, true])
    assert.deepStrictEqual(tailOf(ring, 0, -1), ["", 11, true])
  })

  it("tells that bytes were lost", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    ring.append(encode("abc"))
    ring.append(encode("def"))
    assert.deepStrictEqual(tailOf(ring, 0, 100), ["cdef", 6, true])
    assert.deepStrictEqual(tailOf(ring, 2, 100), ["cdef", 6, false])
    assert.deepStrictEqual(tailOf(ring, -1, 2), ["ef", 6, true])
  })

  it("gives nothing beyond the end", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    ring.append(encode("ab"))
    assert.deepStrictEqual(tailOf(ring, 50, 100), ["", 2, false])
  })

  it("keeps its own copy of the bytes", () => {
    const ring = OutputRing.make({ bytesMax: 4 })
    const chunk = encode("ab")
    ring.append(chunk)
    chunk.fill(0)
    assert.deepStrictEqual(tailOf(ring, 0, 4), ["ab", 2, false])
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
        const overflow = offset < kept || all.length > offset + lengthBytesMax
        const expected = overflow ? all.slice(Math.max(kept, all.length - lengthBytesMax)) : all.slice(offset)
        const tail = ring.tail({ offset, lengthBytesMax })
        assert.deepStrictEqual([...tail.bytes], lengthBytesMax === 0 ? [] : expected)
        assert.strictEqual(tail.offset, all.length)
        assert.strictEqual(tail.overflow, overflow)
      }
    )
    fc.assert(property, { numRuns: 2_000, seed: 1 })
  })
})
