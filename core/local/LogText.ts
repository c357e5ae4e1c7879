/** Bytes of a log as the text of a `LogChunk`, cut to whole characters of UTF-8. */
import type { LogChunk } from "../domain/Log.ts"

/** Bytes of the longest character. */
const characterBytesMax = 4

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80

/** Bytes of the character that begins with this byte; 1 for what begins none. */
const characterBytes = (lead: number): number => {
  if (lead < 0xc2 || lead > 0xf4) return 1
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
}

/** Bytes at the beginning that belong to a character before it. */
export const cutAtStart = (bytes: Uint8Array): number => {
  let cut = 0
  while (cut < characterBytesMax - 1 && isContinuation(bytes[cut])) cut++
  return cut
}

/** Bytes at the end of a character that goes on behind it. */
export const cutAtEnd = (bytes: Uint8Array): number => {
  for (let back = 1; back < characterBytesMax && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]
    if (byte === undefined || isContinuation(byte)) continue
    return characterBytes(byte) > back ? back : 0
  }
  return 0
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])

export interface Stretch {
  readonly bytes: Uint8Array
  /** Where they begin in the log. */
  readonly offset: number
  /** Bytes in the log. */
  readonly size: number
  /** Bytes before `offset` that were asked for and are not there. */
  readonly gap: number
  readonly rotated: boolean
  /** It begins where a chunk before it ended, and not just anywhere. */
  readonly continues: boolean
}

/**
 * The chunk for a stretch of a log. A character that is cut at the end is left to the next chunk, also at the end of
 * the log, where the rest of it may be written later; but a chunk is never empty for that reason alone while the log
 * goes on, so that a reader comes to its end.
 */
export const toLogChunk = ({ bytes, continues, gap, offset, rotated, size }: Stretch): LogChunk => {
  const skipped = continues ? 0 : cutAtStart(bytes)
  const left = cutAtEnd(bytes)
  const isStuck = skipped + left >= bytes.length && offset + bytes.length < size
  const whole = isStuck ? bytes : bytes.subarray(skipped, Math.max(skipped, bytes.length - left))
  const start = isStuck ? offset : offset + skipped
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(whole)
  return {
    text,
    offset: start,
    next: start + whole.length,
    size,
    gap: gap > 0 ? gap + start - offset : 0,
    rotated,
    lossy: !sameBytes(new TextEncoder().encode(text), whole)
  }
}
