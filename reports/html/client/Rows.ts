/** Rows and columns of the lanes: a column for each event that is shown, a row for each lane that it touches. */
import type { Picture } from "../../../sim/Picture.ts"

/** Columns between two labels of the time at least. */
export const labelEvery = 5

/** Columns to which rows are fitted at once, so that lanes do not come and go with every step. */
export const blockSize = 80

/**
 * Lanes that some event from the block of columns, or from the blocks beside it, touches, in their order. -1 is the row
 * of what belongs to no lane. Hosts of those lanes are among them.
 */
export const rowsOf = (
  { events, lanes }: Picture,
  shown: ReadonlyArray<number>,
  block: number
): ReadonlyArray<number> => {
  const touched = new Set<number>()
  for (const index of shown.slice(Math.max(0, (block - 1) * blockSize), (block + 2) * blockSize)) {
    const event = events[index]
    if (event === undefined) continue
    touched.add(event.lane)
    if (event.to !== undefined) touched.add(event.to)
  }
  const hosts = new Set([...touched].map((lane) => lanes[lane]?.host))
  for (const [index, { host, kind }] of lanes.entries()) if (kind === "host" && hosts.has(host)) touched.add(index)
  return [...touched].toSorted((a, b) => a - b)
}

/** Columns at which virtual time has gone on, and which of them have room for a label. */
export const timeMarks = (
  { events }: Picture,
  shown: ReadonlyArray<number>
): ReadonlyArray<{ readonly column: number; readonly atMs: number; readonly isLabelled: boolean }> => {
  let lastMs = -1
  let lastLabel = -labelEvery
  return shown.flatMap((index, column) => {
    const atMs = Math.round(events[index]?.atMs ?? 0)
    if (atMs === lastMs) return []
    lastMs = atMs
    const isLabelled = column - lastLabel >= labelEvery
    if (isLabelled) lastLabel = column
    return [{ column, atMs, isLabelled }]
  })
}

/** The first and the last column of each lane. */
export const extents = (
  { events }: Picture,
  shown: ReadonlyArray<number>
): ReadonlyMap<number, { readonly first: number; readonly last: number }> => {
  const found = new Map<number, { first: number; last: number }>()
  for (const [column, index] of shown.entries()) {
    const event = events[index]
    if (event === undefined) continue
    for (const lane of event.to === undefined ? [event.lane] : [event.lane, event.to]) {
      const known = found.get(lane)
      if (known === undefined) found.set(lane, { first: column, last: column })
      else known.last = column
    }
  }
  return found
}
