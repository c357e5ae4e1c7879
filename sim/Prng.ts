/**
 * A small seeded generator (sfc32 by Chris Doty-Humphrey), mutable and without allocation per draw.
 *
 * Streams are split by mixing a label into the seed, so that more draws on one stream do not shift another.
 */

/** splitmix32: spreads near seeds (0, 1, 2 ..) over all 32 bits. */
const mix = (x: number): number => {
  let z = (x + 0x9e3779b9) | 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) | 0
}

export class Prng {
  private a = 0
  private b = 0
  private c = 0
  private counter = 1

  /** `seed` is any safe integer; `stream` a small integer that names the stream. */
  constructor(seed: number, stream: number) {
    this.reseed(seed, stream)
  }

  /** Starts the stream again from the seed. */
  reseed(seed: number, stream: number): void {
    this.a = mix(seed | 0)
    this.b = mix(this.a ^ Math.floor(seed / 2 ** 32))
    this.c = mix(this.b ^ Math.imul(stream + 1, 0x85ebca6b))
    this.counter = 1
    for (let i = 0; i < 8; i++) this.next()
  }

  /** A uniform integer from 0 to 2^32 - 1. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + t
    return t >>> 0
  }

  /** A uniform integer from 0 to n - 1, for n up to 2^32. */
  below(n: number): number {
    return Math.floor((this.next() * n) / 4294967296)
  }
}
