/**
 * The newest bytes that a program has written, in bounded memory.
 *
 * Offsets count from the first byte that was ever written and never go back, so that a reader who passes the offset up
 * to which it has read gets what was written since, and can tell from `oldest` that it has lost bytes.
 */

export interface OutputRing {
  /** Adds bytes, and forgets the oldest ones that do not fit any more. The chunk is copied. */
  readonly append: (chunk: Uint8Array) => void
  /** Bytes written so far: the offset of the next one. */
  readonly written: () => number
  /** Offset of the first byte that is still here; `written` when there is none. */
  readonly oldest: () => number
  /** A copy of up to `lengthBytesMax` bytes from `from` on, which is moved to `oldest` where that is later. */
  readonly read: (range: { readonly from: number; readonly lengthBytesMax: number }) => Uint8Array<ArrayBuffer>
  /** Forgets all bytes. Offsets go on. */
  readonly forget: () => void
}

/** An empty ring. Its memory is taken with the first byte, `bytesMax` at once. */
export const make = (options: { readonly bytesMax: number }): OutputRing => {
  const { bytesMax } = options
  let buffer = new Uint8Array(0)
  let written = 0
  let forgotten = 0

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

  const oldest = (): number => Math.max(forgotten, written - bytesMax)

  const read: OutputRing["read"] = ({ from, lengthBytesMax }) => {
    const first = Math.min(Math.max(from, oldest()), written)
    const length = Math.min(Math.max(0, lengthBytesMax), written - first)
    const bytes = new Uint8Array(length)
    if (length === 0) return bytes
    const start = first % bytesMax
    const untilEnd = Math.min(length, bytesMax - start)
    bytes.set(buffer.subarray(start, start + untilEnd), 0)
    bytes.set(buffer.subarray(0, length - untilEnd), untilEnd)
    return bytes
  }

  return {
    append,
    written: () => written,
    oldest,
    read,
    forget: () => {
      forgotten = written
      buffer = new Uint8Array(0)
    }
  }
}
