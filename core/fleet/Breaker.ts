/**
 * The circuit breaker of one node as a pure machine. Time is monotonic milliseconds of the caller.
 *
 * - closed: calls go through. So many failures in a row, in the order in which calls end, open it.
 * - open: calls are refused. How long doubles with each opening, up to a limit. A random part is taken off, so that
 *   nodes that failed together are not asked again together.
 * - half-open: one call goes through, the probe. It closes the circuit or opens it for longer; a probe that tells
 *   nothing (interrupted, or no answer about the node) leaves its place to the next call.
 *
 * Each admitted call has a ticket, and what a call with an old ticket says changes nothing: a call from before an
 * opening neither lengthens it nor ends it. A circuit that fails again soon after it closed goes on where it was with
 * the length of its openings; it begins anew once it stayed closed for as long as it was open last.
 *
 * Why not effect/persistence/CircuitBreaker: it measures by the wall clock, so that a clock set back keeps a node cut
 * off; it cannot say without taking the place of the probe whether a call would be refused, which must be known before
 * a call waits for its turn; and it tells neither when the next try of an open circuit is due under a moved clock nor
 * how long a probe takes at most.
 */

export interface BreakerOptions {
  /** Failures in a row that open the circuit. */
  readonly failuresMax: number
  /** Length of the first opening. */
  readonly openMs: number
  readonly openMsMax: number
  /** A probe has told by then; what is refused beside it is told to come back after that. */
  readonly probeMsMax: number
}

export type Breaker =
  | {
      readonly _tag: "Closed"
      readonly life: number
      readonly failures: number
      readonly openings: number
      /** From then on the openings before are forgotten. */
      readonly calmAtMs: number
    }
  | {
      readonly _tag: "Open"
      readonly life: number
      readonly openings: number
      readonly openForMs: number
      readonly untilMs: number
    }
  | {
      readonly _tag: "HalfOpen"
      readonly life: number
      readonly openings: number
      readonly openForMs: number
      /** Until when the probe under way takes at most; undefined when none is. */
      readonly probeUntilMs: number | undefined
    }

/**
 * What an ended call says of the node: `well`, it answered; `bad`, it failed as a node; `nothing`, as when the call
 * was interrupted or its failure is about the call alone.
 */
export type Verdict = "well" | "bad" | "nothing"

export interface Ended {
  readonly ticket: number
  readonly verdict: Verdict
  readonly nowMs: number
  /** From 0 up to 1, drawn at random: the share of the random part that is taken off an opening. */
  readonly spread: number
}

export type Admission =
  | { readonly _tag: "Admitted"; readonly ticket: number; readonly isProbe: boolean }
  | { readonly _tag: "Refused"; readonly retryAfterMs: number }

/** Openings are shorter by up to this share. */
const spreadShare = 0.2

export const closed: Breaker = { _tag: "Closed", life: 0, failures: 0, openings: 0, calmAtMs: 0 }

/** How long a call is refused from now on; 0 when it would go through. Changes nothing. */
export const refusedForMs = (breaker: Breaker, nowMs: number): number => {
  switch (breaker._tag) {
    case "Closed":
      return 0
    case "Open":
      return Math.max(0, breaker.untilMs - nowMs)
    case "HalfOpen":
      // At least 1: while there is a probe, there is no other, however long it takes.
      return breaker.probeUntilMs === undefined ? 0 : Math.max(1, breaker.probeUntilMs - nowMs)
  }
}

/** Lets a call through or refuses it. The one that is let through after the time of an opening is the probe. */
export const admit = (breaker: Breaker, options: BreakerOptions, nowMs: number): readonly [Breaker, Admission] => {
  const retryAfterMs = refusedForMs(breaker, nowMs)
  if (retryAfterMs > 0) return [breaker, { _tag: "Refused", retryAfterMs }]
  if (breaker._tag === "Closed") return [breaker, { _tag: "Admitted", ticket: breaker.life, isProbe: false }]
  const { openForMs, openings } = breaker
  const life = breaker.life + 1
  return [
    { _tag: "HalfOpen", life, openings, openForMs, probeUntilMs: nowMs + options.probeMsMax },
    { _tag: "Admitted", ticket: life, isProbe: true }
  ]
}

/** Takes in how an admitted call ended. */
export const ended = (breaker: Breaker, options: BreakerOptions, call: Ended): Breaker => {
  if (call.ticket !== breaker.life || breaker._tag === "Open") return breaker
  if (breaker._tag === "HalfOpen") return probed(breaker, options, call)
  if (call.verdict === "nothing") return breaker
  if (call.verdict === "well") return breaker.failures === 0 ? breaker : { ...breaker, failures: 0 }
  const failures = breaker.failures + 1
  if (failures < options.failuresMax) return { ...breaker, failures }
  return opened(breaker.life, call.nowMs >= breaker.calmAtMs ? 1 : breaker.openings + 1, options, call)
}

const probed = (
  breaker: Extract<Breaker, { readonly _tag: "HalfOpen" }>,
  options: BreakerOptions,
  call: Ended
): Breaker => {
  const { life, openForMs, openings } = breaker
  switch (call.verdict) {
    case "nothing":
      return { ...breaker, probeUntilMs: undefined }
    case "bad":
      return opened(life, openings + 1, options, call)
    case "well":
      return { _tag: "Closed", life: life + 1, failures: 0, openings, calmAtMs: call.nowMs + openForMs }
  }
}

const opened = (life: number, openings: number, options: BreakerOptions, { nowMs, spread }: Ended): Breaker => {
  const fullMs = Math.min(options.openMs * 2 ** (openings - 1), options.openMsMax)
  const openForMs = fullMs * (1 - spreadShare * spread)
  return { _tag: "Open", life: life + 1, openings, openForMs, untilMs: nowMs + openForMs }
}
