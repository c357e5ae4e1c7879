/**
 * Reads a stretch of a log through a `LogSource`, whatever the bytes are.
 *
 * A stretch that is UTF-8 costs two calls. One that begins or ends inside a character is trimmed to whole ones. In one
 * with bytes that are no UTF-8 every such byte becomes U+FFFD, and all others come as they are: a character is what is
 * readable as one, and what is part of none is such a byte. Each reading makes a bounded number of calls; when they
 * are used up the chunk ends early, never without any progress, and the next one begins where it ended.
 */
import { Effect } from "effect"
import type { LogChunk } from "../domain/Log.ts"
import type { NodeError } from "../domain/NodeError.ts"
import type { LogRange } from "../fleet/NodeDriver.ts"
import * as LogSize from "./LogSize.ts"
import type { Found, LogSource, Stretch } from "./LogSource.ts"
import { byteLength } from "./LogText.ts"

const characterBytesMax = 4
const replacement = "\ufffd"

/** Bytes that are looked at one by one in one call. */
const windowBytes = 64
/** Longest and shortest part that is tried as a whole, where not all of a stretch is readable. */
const partBytes = { max: 16_384, min: windowBytes } as const
/** The newest part of a log that has unreadable bytes: what is readable up to its end, if that is so much. */
const newestBytes = 1_024
/** Parts that are tried one after another without multicall: 16384, 4096, 1024, 256 and 64 bytes. */
const partsMax = 5

/** Text of the bytes from `offset` to `next`. */
interface Piece {
  readonly offset: number
  readonly text: string
  readonly next: number
  readonly lossy: boolean
}

/** A chunk of the log. The file may change meanwhile: one that proves shorter than it was is read once more. */
export const read = Effect.fnUntraced(function* (
  source: LogSource,
  range: LogRange
): Effect.fn.Return<LogChunk, NodeError> {
  const first = yield* readOnce(source, range)
  return first.isShort ? (yield* readOnce(source, range)).chunk : first.chunk
})

const readOnce = Effect.fnUntraced(function* (
  source: LogSource,
  { from, lengthBytesMax }: LogRange
): Effect.fn.Return<{ readonly chunk: LogChunk; readonly isShort: boolean }, NodeError> {
  const size = (yield* source.size) ?? (yield* LogSize.search(source))
  source.renew()
  const length = Math.max(0, lengthBytesMax)
  const rotated = from !== "end" && from > size
  const offset = from === "end" ? Math.max(0, size - length) : rotated ? 0 : Math.max(0, from)
  const end = Math.min(size, offset + length)
  const piece = yield* readPiece(source, { offset, end, size, newest: from === "end" })
  const chunk = { text: piece.text, offset: piece.offset, next: piece.next, size, gap: 0, rotated, lossy: piece.lossy }
  return { chunk, isShort: piece.next < end && piece.isWhole }
})

interface Wanted {
  readonly offset: number
  readonly end: number
  readonly size: number
  /** The end of the stretch matters more than its beginning. */
  readonly newest: boolean
}

const readPiece = Effect.fnUntraced(function* (
  source: LogSource,
  wanted: Wanted
): Effect.fn.Return<Piece & { readonly isWhole: boolean }, NodeError> {
  const { end, offset } = wanted
  if (offset >= end) return { ...empty(offset), isWhole: false }
  const [found] = yield* source.all([{ offset, length: end - offset }])
  if (found?._tag === "Text") return { ...pieceOf(offset, found.text), isWhole: true }
  if (found?._tag === "Missing") return { ...empty(offset), isWhole: true }
  return { ...(yield* readTrimmed(source, wanted)), isWhole: false }
})

const empty = (offset: number): Piece => ({ offset, text: "", next: offset, lossy: false })
const pieceOf = (offset: number, text: string): Piece => ({
  offset,
  text,
  next: offset + byteLength(text),
  lossy: false
})

/** Without the parts of characters at both ends; then, if there is more that is unreadable, step by step. */
const readTrimmed = Effect.fnUntraced(function* (
  source: LogSource,
  { end, newest, offset, size }: Wanted
): Effect.fn.Return<Piece, NodeError> {
  yield* source.prepare
  const trimmed = yield* trim(source, offset, end)
  if (trimmed.offset >= size) return empty(trimmed.offset)
  const whole = { offset: trimmed.offset, length: trimmed.end - trimmed.offset }
  if (whole.length > 0 && (trimmed.offset !== offset || trimmed.end !== end)) {
    const found = yield* source.first([whole])
    if (found !== undefined) return pieceOf(whole.offset, found.text)
  }
  if (newest && whole.length > newestBytes) {
    const found = yield* source.first(parts(whole.length, source.isWide()).filter(isLong).map(suffix(trimmed.end)))
    if (found !== undefined) return pieceOf(found.stretch.offset, found.text)
    const last = yield* trim(source, trimmed.end - newestBytes, trimmed.end)
    return yield* walk(source, { ...last, size })
  }
  return yield* walk(source, { offset: trimmed.offset, end: Math.max(trimmed.end, trimmed.offset + 1), size })
})

const isLong = (length: number): boolean => length >= newestBytes
const suffix = (end: number) => (length: number) => ({ offset: end - length, length })

/**
 * Moves the beginning behind a character that it cuts, and the end before one. Where bytes before the end belong to no
 * character it stays as it is.
 */
const trim = Effect.fnUntraced(function* (source: LogSource, offset: number, end: number) {
  const spanning: Array<Stretch> = []
  for (let before = 1; before < characterBytesMax; before++) {
    for (let length = before + 1; length <= characterBytesMax; length++) {
      if (offset >= before) spanning.push({ offset: offset - before, length })
    }
  }
  const ending: Array<Stretch> = []
  // Without multicall that is not worth its calls: `walk` gets over it.
  for (let after = 0; after < characterBytesMax && source.isWide(); after++) {
    for (let length = 1; length <= characterBytesMax; length++) {
      const from = end - after - length
      if (from >= offset) ending.push({ offset: from, length })
    }
  }
  const found = yield* source.all([...spanning, ...ending])
  const cut = spanning.find((_, index) => isOneCharacter(found[index]))
  const last = ending.find((_, index) => isOneCharacter(found[spanning.length + index]))
  return {
    offset: cut === undefined ? offset : Math.min(end, cut.offset + cut.length),
    end: last === undefined ? end : last.offset + last.length
  }
})

const isOneCharacter = (found: Found | undefined): boolean =>
  found?._tag === "Text" &&
  found.text !== "" &&
  found.text.length === String.fromCodePoint(found.text.codePointAt(0) ?? 0).length

/** Lengths to try, the longest first. Where many cost as much as one, each also with up to three bytes less. */
const parts = (length: number, isWide: boolean): ReadonlyArray<number> => {
  const lengths: Array<number> = []
  const factor = isWide ? 2 : 4
  for (let part = Math.min(partBytes.max, length); part >= partBytes.min; part = Math.floor(part / factor)) {
    for (let less = 0; less < (isWide ? characterBytesMax : 1); less++) lengths.push(part - less)
  }
  return lengths
}

interface Walk {
  readonly offset: number
  readonly end: number
  readonly size: number
}

/** From the beginning on, as far as the calls last: long readable parts, and byte by byte where there is none. */
const walk = Effect.fnUntraced(function* (
  source: LogSource,
  { end, offset, size }: Walk
): Effect.fn.Return<Piece, NodeError> {
  let piece = empty(offset)
  let isDense = false
  while (piece.next < end) {
    const at = piece.next
    if (at > offset && source.callsLeft() < callsAtOnce(source)) return piece
    const tried = isDense ? [] : parts(end - at, source.isWide()).map((length) => ({ offset: at, length }))
    const found = tried.length === 0 ? undefined : yield* source.first(tried)
    if (found !== undefined) {
      // The log has become shorter.
      if (found.text === "") return piece
      piece = append(piece, pieceOf(at, found.text))
      continue
    }
    const step = yield* readWindow(source, { offset: at, end, size }, at > offset)
    piece = append(piece, step)
    isDense = step.lossy
    if (step.isLast) return piece
  }
  return piece
})

/** Calls that one step of `walk` may need: tried parts and one window. */
const callsAtOnce = (source: LogSource): number => (source.isWide() ? 2 : partsMax + characterBytesMax)

const append = (piece: Piece, { lossy, next, text }: Piece): Piece => ({
  offset: piece.offset,
  text: piece.text + text,
  next,
  lossy: piece.lossy || lossy
})

/** Character by character. `isLast` when it stopped before a character that lies across the end. */
const readWindow = Effect.fnUntraced(function* (
  source: LogSource,
  { end, offset, size }: Walk,
  hasBefore: boolean
): Effect.fn.Return<Piece & { readonly isLast: boolean }, NodeError> {
  const stop = Math.min(end, offset + (source.isWide() ? windowBytes : 1))
  const characters = yield* charactersIn(source, { offset, end: stop, size })
  let piece = empty(offset)
  while (piece.next < stop) {
    const at = piece.next
    const character = characters.get(at)
    const isFirst = !hasBefore && at === offset
    // The log has become shorter.
    if (character === "") return { ...piece, isLast: true }
    if (character === undefined) {
      // It may be the beginning of a character that is being written.
      if (!isFirst && size - at < characterBytesMax) return { ...piece, isLast: true }
      piece = append(piece, { offset: at, text: replacement, next: at + 1, lossy: true })
    } else {
      const next = at + byteLength(character)
      if (next > end && !isFirst) return { ...piece, isLast: true }
      piece = append(piece, { offset: at, text: character, next, lossy: false })
    }
  }
  return { ...piece, isLast: false }
})

/** The character that begins at each offset; nothing behind the end of the log. */
const charactersIn = Effect.fnUntraced(function* (source: LogSource, { end, offset, size }: Walk) {
  const tried: Array<Stretch> = []
  for (let at = offset; at < end; at++) {
    for (let length = 1; length <= Math.min(characterBytesMax, size - at); length++) tried.push({ offset: at, length })
  }
  const characters = new Map<number, string>()
  if (!source.isWide()) {
    const found = yield* source.first(tried)
    if (found !== undefined) characters.set(found.stretch.offset, found.text)
    return characters
  }
  const found = yield* source.all(tried)
  for (const [index, stretch] of tried.entries()) {
    const one = found[index]
    if (one?._tag === "Text" && !characters.has(stretch.offset)) characters.set(stretch.offset, one.text)
  }
  return characters
})
