/**
 * Joins what comes over one connection after another while a log is followed.
 *
 * Each connection begins with the last 1024 bytes of the log as it is then. After a lost one, what was passed on
 * already is looked for at its beginning: where it is found, following goes on behind it; where it is not, more was
 * written than that or the file is another, and there is a gap. In a log that repeats itself the longest match counts.
 */
import type { LogPiece } from "../fleet/NodeDriver.ts"

/** Bytes that a connection begins with, at most, and that are remembered. */
export const firstBytesMax = 1_024
/** A shorter match could be chance, unless no more is remembered. */
const matchBytesMin = 32

export interface JoinState {
  /** The last bytes that were passed on. */
  readonly remembered: Uint8Array
  /** What comes next is the beginning of another connection. */
  readonly isBeginning: boolean
  /** Bytes that were passed on before and must come again now, as far as they match. */
  readonly expected: Uint8Array
}

export const nothingYet: JoinState = {
  remembered: new Uint8Array(),
  isBeginning: false,
  expected: new Uint8Array()
}

/** The connection was lost and another one begins. */
export const reconnected = (state: JoinState): JoinState => ({
  ...state,
  isBeginning: true,
  expected: new Uint8Array()
})

/** Takes bytes as they come; gives what is to be passed on. */
export const join = (state: JoinState, bytes: Uint8Array): readonly [JoinState, ReadonlyArray<LogPiece>] => {
  if (bytes.length === 0) return [state, []]
  if (!state.isBeginning) return continued(state, bytes)
  const { remembered } = state
  const begun = { ...state, isBeginning: false }
  // Nothing was there before: if the beginning is all of the log, nothing is missing.
  if (remembered.length === 0) return pass(begun, bytes, bytes.length >= firstBytesMax)
  const from = overlap(remembered, bytes)
  if (from === undefined) return pass(begun, bytes, true)
  return continued({ ...begun, expected: remembered.subarray(from) }, bytes)
}

/** Drops what is expected, and passes on the rest. */
const continued = (state: JoinState, bytes: Uint8Array): readonly [JoinState, ReadonlyArray<LogPiece>] => {
  const { expected } = state
  const length = Math.min(expected.length, bytes.length)
  if (!isEqual(expected, bytes, length)) return pass({ ...state, expected: none }, bytes, true)
  return pass({ ...state, expected: expected.subarray(length) }, bytes.subarray(length), false)
}

const none = new Uint8Array()

const pass = (state: JoinState, bytes: Uint8Array, hasGap: boolean): readonly [JoinState, ReadonlyArray<LogPiece>] => {
  if (bytes.length === 0) return [state, []]
  // What was before a gap may be of another file: only what follows it has to come again.
  const before = hasGap ? none : state.remembered.subarray(-firstBytesMax)
  const remembered = new Uint8Array([...before, ...bytes.subarray(-firstBytesMax)])
  const piece: LogPiece = { _tag: "Bytes", bytes }
  return [{ ...state, remembered: remembered.slice(-firstBytesMax) }, hasGap ? [{ _tag: "Gap" }, piece] : [piece]]
}

/** Where in what is remembered the bytes begin, so that both go on alike as far as both go. */
const overlap = (remembered: Uint8Array, bytes: Uint8Array): number | undefined => {
  const least = Math.min(matchBytesMin, remembered.length)
  for (let from = 0; from + least <= remembered.length; from++) {
    const length = Math.min(remembered.length - from, bytes.length)
    if (length >= least && isEqual(remembered.subarray(from), bytes, length)) return from
  }
  return undefined
}

const isEqual = (a: Uint8Array, b: Uint8Array, length: number): boolean => {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}
