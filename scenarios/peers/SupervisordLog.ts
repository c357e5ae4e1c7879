/**
 * Log files of a modelled supervisord, and how its methods read them: by bytes, decoded as UTF-8 afterwards.
 *
 * Models: growing, rotation (the file is begun anew and is another file from then on), clearing, truncation in place,
 * and files of any size. Does not model backups, and what a file held longer ago than `bytesKept` reads as NUL.
 */
import { Result } from "effect"

const bytesKept = 1_048_576
const bytesAtFirst = 256

export class LogFile {
  /** Another number is another file under the same path. */
  inode = 0
  /** Bytes before those that are kept. */
  private forgotten = 0
  private kept = new Uint8Array(bytesAtFirst)
  private keptSize = 0

  get size(): number {
    return this.forgotten + this.keptSize
  }

  /** Adds what a program printed; a file that reaches `bytesMax` is begun anew, unless that is 0. */
  append(bytes: Uint8Array, bytesMax: number): void {
    this.reserve(bytes.length)
    this.kept.set(bytes, this.keptSize)
    this.keptSize += bytes.length
    if (bytesMax > 0 && this.size >= bytesMax) this.replace()
  }

  /** Removes the file and begins another. */
  replace(): void {
    this.inode++
    this.truncate()
  }

  /** Empties the file behind supervisord's back. */
  truncate(): void {
    this.forgotten = 0
    this.keptSize = 0
  }

  /** Makes the file larger by a hole. */
  grow(bytes: number): void {
    this.forgotten = this.size + bytes
    this.keptSize = 0
  }

  slice(from: number, to: number): Uint8Array {
    const end = Math.min(to, this.size)
    const bytes = new Uint8Array(Math.max(0, end - from))
    const keptFrom = Math.max(from, this.forgotten)
    if (keptFrom < end) bytes.set(this.kept.subarray(keptFrom - this.forgotten, end - this.forgotten), keptFrom - from)
    return bytes
  }

  private reserve(bytes: number): void {
    const needed = this.keptSize + bytes
    if (needed <= this.kept.length) return
    const dropped = needed > 2 * bytesKept ? Math.max(0, this.keptSize - bytesKept) : 0
    const grown = new Uint8Array(Math.max(2 * (needed - dropped), bytesAtFirst))
    grown.set(this.kept.subarray(dropped, this.keptSize))
    this.kept = grown
    this.keptSize -= dropped
    this.forgotten += dropped
  }
}

/** Bytes for a read of a log; undefined for arguments that are refused as BAD_ARGUMENTS. */
export const read = (log: LogFile, offset: number, length: number): Uint8Array | undefined => {
  if (offset < 0) return length === 0 ? log.slice(Math.max(0, log.size + offset), log.size) : undefined
  if (length < 0) return undefined
  return log.slice(offset, length === 0 ? log.size : offset + length)
}

export interface Tail {
  readonly bytes: Uint8Array
  /** Always the size of the file. */
  readonly offset: number
  readonly overflow: boolean
}

/**
 * The last `length` bytes, or none when there is nothing after `offset`. Quirk: the offset is good for no more than
 * that, so bytes before it come again when more are asked for than came since.
 */
export const tail = (log: LogFile, offset: number, length: number): Tail => {
  const { size } = log
  const overflow = size > offset + length
  const isNothing = length <= 0 || (!overflow && offset >= size)
  return { bytes: isNothing ? none : log.slice(Math.max(0, size - length), size), offset: size, overflow }
}

const none = new Uint8Array()
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The text, or what Python says of bytes that are no UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): Result.Result<string, string> =>
  Result.mapError(
    Result.try(() => strict.decode(bytes)),
    () => describeInvalid(bytes)
  )

const describeInvalid = (bytes: Uint8Array): string => {
  let at = 0
  for (;;) {
    const { length, problem } = sequence(bytes, at)
    if (problem !== undefined) {
      const which =
        length === 1
          ? `byte 0x${(bytes[at] ?? 0).toString(16).padStart(2, "0")} in position ${at}`
          : `bytes in position ${at}-${at + length - 1}`
      return `'utf-8' codec can't decode ${which}: ${problem}`
    }
    at += length
  }
}

/** The UTF-8 sequence at an offset: its length, or the length of what is wrong with it. */
const sequence = (bytes: Uint8Array, at: number): { readonly length: number; readonly problem?: string } => {
  const first = bytes[at]
  if (first === undefined) return { length: 1, problem: "unexpected end of data" }
  if (first < 0x80) return { length: 1 }
  if (first < 0xc2 || first > 0xf4) return { length: 1, problem: "invalid start byte" }
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  // The second byte of some is held to a smaller range: no overlong forms, no surrogates, nothing beyond U+10FFFF.
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return { length: i, problem: "unexpected end of data" }
    const [low, high] = i === 1 ? [lowest, highest] : [0x80, 0xbf]
    if (byte < low || byte > high) return { length: i, problem: "invalid continuation byte" }
  }
  return { length }
}
