/** Turns what following a log brings into text: whole characters, in pieces of a bounded size. */

/** UTF-16 units of a piece of text, at most. */
export const pieceCharactersMax = 16_384

/** Of a character that was cut before; as bytes, it takes no more than that with what completes it. */
const heldBytesMax = 4

/**
 * Decodes UTF-8 over the borders of what comes. What is no UTF-8 becomes U+FFFD. At most one cut character is held
 * back, until it is completed or `flush` gives it up.
 */
export class LogText {
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true })

  /** The text of these bytes, and of what was held back before; none when they complete no character. */
  push(bytes: Uint8Array): ReadonlyArray<string> {
    const pieces: Array<string> = []
    // A byte gives one unit at most, so that no piece of so many bytes gives more than a piece may have.
    const step = pieceCharactersMax - heldBytesMax
    for (let at = 0; at < bytes.length; at += step) {
      const text = this.#decoder.decode(bytes.subarray(at, at + step), { stream: true })
      if (text !== "") pieces.push(text)
    }
    return pieces
  }

  /** What is left of a character that nothing completes any more. */
  flush(): ReadonlyArray<string> {
    const text = this.#decoder.decode()
    return text === "" ? [] : [text]
  }
}

/** All bytes in one. */
export const concatenate = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
