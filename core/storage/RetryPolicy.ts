/**
 * When a failed attempt is made again, as a pure function.
 *
 * The pause before retry n is drawn from the upper half of `delayMs` times 2^n, capped: so pauses never shrink before
 * the cap is reached, and consoles that lost the same database do not come back at the same moment.
 */

export interface RetryPolicy {
  readonly retriesMax: number
  readonly delayMs: number
  readonly delayMaxMs: number
}

/** What a retry is decided on. */
export interface FailedAttempt {
  /** Retries made so far. */
  readonly retries: number
  /** What is left of the time for all of it. */
  readonly leftMs: number
  /** From 0 up to 1, drawn at random. */
  readonly spread: number
}

/** 2^30 times any delay is beyond every cap. */
const doublingsMax = 30

/** The longest pause before the retry of this number, from 0. */
export const pauseMsMax = ({ delayMaxMs, delayMs }: RetryPolicy, retry: number): number =>
  Math.min(delayMs * 2 ** Math.min(retry, doublingsMax), delayMaxMs)

/** How long to wait before it is tried again; undefined when it is not, by number or because no time would be left. */
export const pauseMs = (policy: RetryPolicy, { leftMs, retries, spread }: FailedAttempt): number | undefined => {
  if (retries >= policy.retriesMax) return undefined
  const pause = pauseMsMax(policy, retries) * (0.5 + spread / 2)
  return pause < leftMs ? pause : undefined
}
