/**
 * The size of a log that the node does not tell: of more than 2 GiB, or on a node without the method. It is found by
 * asking for single bytes: behind the end there is nothing, and before it something, readable or not.
 */
import { Effect } from "effect"
import { HttpStatus, NodeError } from "../domain/NodeError.ts"
import type { Found, LogSource } from "./LogSource.ts"

/** Offsets tried at once where many cost as much as one. */
const fanOut = 32
/** Sizes tried first, as powers of two: from 2 GiB on, or from 1 KiB where they are tried all at once. */
const powers = { wideMin: 10, min: 31, max: 45 } as const

/** Searches with a bounded number of calls: about 8 with multicall and 50 without. No log has no bytes. */
export const search = Effect.fnUntraced(function* (source: LogSource): Effect.fn.Return<number, NodeError> {
  yield* source.prepare
  let { high, low } = yield* enclose(source)
  // All bytes before `low` are there, and the one at `high` is not.
  while (low < high) {
    const count = source.isWide() ? Math.min(fanOut, high - low) : 1
    const width = high - low
    const from = low
    const offsets = Array.from({ length: count }, (_, i) => from + Math.floor((width * (i + 1)) / (count + 1)))
    const next = narrow({ low, high }, offsets, yield* source.all(offsets.map(oneByte)))
    low = next.low
    high = next.high
  }
  return low
})

interface Bounds {
  readonly low: number
  readonly high: number
}

const enclose = Effect.fnUntraced(function* (source: LogSource): Effect.fn.Return<Bounds, NodeError> {
  const first = source.isWide() ? powers.wideMin : powers.min
  const offsets = Array.from({ length: powers.max - first + 1 }, (_, i) => 2 ** (first + i) - 1)
  let bounds: Bounds = { low: 0, high: Infinity }
  for (const group of source.isWide() ? [offsets] : offsets.map((offset) => [offset])) {
    bounds = narrow(bounds, group, yield* source.all(group.map(oneByte)))
    if (bounds.high !== Infinity) return bounds
  }
  // Every byte there could be is said to be there: the node fails for another reason than the text.
  return yield* new NodeError({ operation: "supervisor.readLog", reason: new HttpStatus({ status: 500 }) })
})

const oneByte = (offset: number) => ({ offset, length: 1 })

const narrow = (bounds: Bounds, offsets: ReadonlyArray<number>, found: ReadonlyArray<Found>): Bounds => {
  let { low } = bounds
  for (const [index, offset] of offsets.entries()) {
    if (!isThere(found[index])) return { low, high: offset }
    low = offset + 1
  }
  return { low, high: bounds.high }
}

const isThere = (found: Found | undefined): boolean =>
  found !== undefined && (found._tag === "Unreadable" || (found._tag === "Text" && found.text !== ""))
