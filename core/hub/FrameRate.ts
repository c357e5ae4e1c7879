/** How many frames a client may send: on average so many a second over ten, all of them at once if it likes. */

const windowSeconds = 10

/** What is left to a client at a moment, monotonic. */
export interface Allowance {
  readonly frames: number
  readonly atMs: number
}

export const full = (perSecondMax: number, nowMs: number): Allowance => ({
  frames: perSecondMax * windowSeconds,
  atMs: nowMs
})

/** What is left after so many frames; undefined when they are too many. */
export const spend = (
  { atMs, frames }: Allowance,
  count: number,
  perSecondMax: number,
  nowMs: number
): Allowance | undefined => {
  const earned = (Math.max(0, nowMs - atMs) * perSecondMax) / 1_000
  const left = Math.min(perSecondMax * windowSeconds, frames + earned) - count
  return left < 0 ? undefined : { frames: left, atMs: nowMs }
}
