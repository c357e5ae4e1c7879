/**
 * Effect's `SecureRandom`, and the random part of the `WebCrypto` reference, with bytes from the `data` stream of the
 * run: ids, tokens, nonces and keys are those of the seed.
 *
 * Models: the shape of the real service (sizes, ranges, formats, order of time-based ids on the virtual clock, and what
 * dies with a `RangeError`). A run whose choices are all 0 still gets different ids: answers of 8 bytes and more are
 * told apart by a count.
 *
 * Does not model: secrecy. Whoever knows the seed knows the bytes: never for production. Digests, MACs, ciphers and
 * signatures are not simulated; those of `crypto.subtle` answer by promises, which a run refuses.
 */
import { Layer } from "effect"
import { SecureRandom, WebCrypto } from "effect/crypto"
import { RunContext } from "./RunContext.ts"

const wordBytes = 4
/** Shorter answers are numbers rather than ids, and stay as they were drawn. */
const countedBytesMin = 8
/** More is refused at one time, as by the real one. */
const randomValuesBytesMax = 65_536

/** Gives bytes that are drawn from the `data` stream. */
const makeBytes = (context: RunContext["Service"]): ((size: number) => Uint8Array<ArrayBuffer>) => {
  let answers = 0
  return (size) => {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += wordBytes) {
      putWord(bytes, at, context.choose("data", 2 ** 32))
    }
    if (size >= countedBytesMin) {
      const view = new DataView(bytes.buffer)
      view.setUint32(size - wordBytes, view.getUint32(size - wordBytes) + answers++)
    }
    return bytes
  }
}

const putWord = (bytes: Uint8Array, at: number, word: number): void => {
  for (let i = 0; i < wordBytes && at + i < bytes.length; i++) bytes[at + i] = (word >>> (8 * i)) & 0xff
}

/** In place of `NodeCrypto.layerSecureRandom`. */
export const layerSecureRandom: Layer.Layer<SecureRandom.SecureRandom, never, RunContext> = Layer.effect(
  SecureRandom.SecureRandom,
  RunContext.useSync((context) => SecureRandom.make(makeBytes(context)))
)

/** In place of the global `crypto`, for what reads the `WebCrypto` reference. Its `subtle` dies. */
export const layerWebCrypto: Layer.Layer<never, never, RunContext> = Layer.unwrap(
  RunContext.useSync((context) => WebCrypto.layer(new SeededCrypto(makeBytes(context))))
)

class SeededCrypto implements Crypto {
  private readonly bytes: (size: number) => Uint8Array<ArrayBuffer>

  constructor(bytes: (size: number) => Uint8Array<ArrayBuffer>) {
    this.bytes = bytes
  }

  get subtle(): never {
    throw new Error("WebCrypto.subtle is not simulated: its answers are promises, which a run cannot replay")
  }

  getRandomValues<View extends ArrayBufferView>(view: View): View {
    if (view.byteLength > randomValuesBytesMax) {
      throw new RangeError(`getRandomValues: ${view.byteLength} bytes of at most ${randomValuesBytesMax} at one time`)
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(this.bytes(view.byteLength))
    return view
  }

  randomUUID(): `${string}-${string}-${string}-${string}-${string}` {
    const hex = Array.from(this.bytes(16), (byte, i) => {
      const marked = i === 6 ? (byte & 0x0f) | 0x40 : i === 8 ? (byte & 0x3f) | 0x80 : byte
      return marked.toString(16).padStart(2, "0")
    })
    const part = (from: number, to: number) => hex.slice(from, to).join("")
    return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}-${part(8, 10)}-${part(10, 16)}`
  }
}
