/**
 * The newest bytes that a program has written, in bounded memory, read the way supervisord's `tailProcessStdoutLog` is.
 *
 * Offsets count from the first byte that was ever written and never go back, so that a reader who passes the offset of
 * its last answer gets what was written since, or is told that it has lost bytes.
 */

export interface OutputTail {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Bytes written so far: the offset to pass the next time. */
  readonly offset: number
  /** `bytes` are not those from the asked offset on, but the newest ones. */
  readonly overflow: boolean
}

export interface OutputRing {
  /** Adds bytes, and forgets the oldest ones that do not fit any more. The chunk is copied. */
  readonly append: (chunk: Uint8Array) => void
  /**
   * Up to `lengthBytesMax` bytes from `offset` on. Where there are more, or where the first of them is forgotten, the
   * newest `lengthBytesMax` bytes instead, with `overflow`. An offset beyond the end gives no bytes. Whole numbers.
   */
  readonly tail: (options: { readonly offset: number; readonly lengthBytesMax: number }) => OutputTail
}

/** An empty ring. Its memory is taken with the first byte, `bytesMax` at once. */
export const make = (options: { readonly bytesMax: number }): OutputRing => {
  const { bytesMax } = options
  let buffer = new Uint8Array(0)
  let written = 0

  const append = (chunk: Uint8Array): void => {
    if (chunk.length === 0) return
    if (buffer.length === 0) buffer = new Uint8Array(bytesMax)
    const kept = chunk.subarray(Math.max(0, chunk.length - bytesMax))
    written += chunk.length
    const start = (written - kept.length) % bytesMax
    const untilEnd = Math.min(kept.length, bytesMax - start)
    buffer.set(kept.subarray(0, untilEnd), start)
    buffer.set(kept.subarray(untilEnd), 0)
  }

  const copy = (from: number, length: number): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(length)
    const start = length === 0 ? 0 : from % bytesMax
    const untilEnd = Math.min(length, bytesMax - start)
    bytes.set(buffer.subarray(start, start + untilEnd), 0)
    bytes.set(buffer.subarray(0, length - untilEnd), untilEnd)
    return bytes
  }

  const tail: OutputRing["tail"] = ({ lengthBytesMax, offset }) => {
    const length = Math.max(0, lengthBytesMax)
    const oldest = Math.max(0, written - bytesMax)
    const overflow = offset < oldest || written > offset + length
    const from = overflow ? Math.max(oldest, written - length) : Math.min(offset, written)
    return { bytes: copy(from, written - from), offset: written, overflow }
  }

  return { append, tail }
}
