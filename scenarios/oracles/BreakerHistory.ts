/**
 * Oracle: what was really asked of a node, against the rules of its circuit breaker. After so many failures in a row
 * nothing begins for the time that the circuit is open, then one call alone, whose end decides. Pure.
 *
 * Judges as far as the history is certain: not beyond a call that was given up, or a success and a failure that ended
 * at the same moment, of which it does not tell what the breaker made.
 */
import type { NodeCall } from "./NodeCalls.ts"

export interface BreakerRules {
  /** Failures in a row that open the circuit. */
  readonly failures: number
  readonly openMs: number
  readonly openMsMax: number
}

export interface Verdict {
  /** Undefined for nothing. */
  readonly wrong: string | undefined
  readonly reached: ReadonlySet<string>
}

/** Failures that say that the node is bad. Those of a call that is given up say nothing. */
const isFailure = ({ outcome }: NodeCall): boolean =>
  outcome === "Unreachable" ||
  outcome === "ConnectionLost" ||
  outcome === "TimedOut" ||
  outcome === "HttpStatus" ||
  outcome === "Malformed"

/** Jitter may shorten the time that a circuit is open by so much. */
const jitterMax = 0.25

interface Opening {
  readonly atMs: number
  /** Calls that began before. Those may end whenever they like. */
  readonly begun: number
}

/** When the circuit opens, by the calls from this place on: those that a closed circuit let through. */
const nextOpening = (calls: ReadonlyArray<NodeCall>, from: number, failuresMax: number): Opening | undefined => {
  const ended = calls
    .flatMap((call, index) =>
      index < from || call.endedMs === undefined ? [] : [{ call, index, endedMs: call.endedMs }]
    )
    .toSorted((a, b) => a.endedMs - b.endedMs || a.index - b.index)
  let inARow = 0
  for (const [place, { call, endedMs }] of ended.entries()) {
    const isBad = isFailure(call)
    const isUncertain = ended.some(
      (other, otherPlace) => otherPlace > place && other.endedMs === endedMs && isFailure(other.call) !== isBad
    )
    if (call.outcome === "interrupted" || isUncertain) return undefined
    inARow = isBad ? inARow + 1 : 0
    if (inARow < failuresMax) continue
    return { atMs: endedMs, begun: calls.filter(({ startedMs }) => startedMs <= endedMs).length }
  }
  return undefined
}

/** The calls of one node, in the order in which they began. */
export const judge = (calls: ReadonlyArray<NodeCall>, rules: BreakerRules): Verdict => {
  const reached = new Set<string>()
  const wrong = follow(calls, rules, reached)
  return { wrong, reached }
}

const follow = (calls: ReadonlyArray<NodeCall>, rules: BreakerRules, reached: Set<string>): string | undefined => {
  let before: Closing = { from: 0, openings: 0, calmAtMs: 0 }
  for (;;) {
    const opening = nextOpening(calls, before.from, rules.failures)
    if (opening === undefined) return undefined
    reached.add("a circuit opened")
    if (before.openings > 0) reached.add("a circuit opened again after it closed")
    const openings = opening.atMs >= before.calmAtMs ? 1 : before.openings + 1
    const after = probeUntilClosed(calls, { ...opening, openings }, rules, reached)
    if (after === undefined || typeof after === "string") return after
    before = after
  }
}

/** A circuit that has closed. */
interface Closing {
  /** The first call that it lets through. */
  readonly from: number
  readonly openings: number
  /** From then on it may have forgotten its openings. */
  readonly calmAtMs: number
}

/** From an opening on, probe after probe, until one closes the circuit, something is wrong, or no more is known. */
const probeUntilClosed = (
  calls: ReadonlyArray<NodeCall>,
  first: Opening & { readonly openings: number },
  rules: BreakerRules,
  reached: Set<string>
): Closing | string | undefined => {
  let { atMs, begun, openings } = first
  for (;;) {
    const probe = calls[begun]
    if (probe === undefined) return undefined
    reached.add("a probe was sent")
    const openForMs = probe.startedMs - atMs
    const leastMs = Math.min(rules.openMs * 2 ** (openings - 1), rules.openMsMax) * (1 - jitterMax)
    if (openForMs < leastMs) {
      return `the circuit opened, and ${openForMs} ms later ${probe.method} was asked; open for ${leastMs} or more`
    }
    const probeEndMs = probe.endedMs ?? Number.POSITIVE_INFINITY
    const beside = calls.slice(begun + 1).find(({ startedMs }) => startedMs < probeEndMs)
    if (beside !== undefined) {
      return `${beside.method} was asked beside the probe ${probe.method} of a circuit that is half open`
    }
    if (probe.endedMs === undefined || probe.outcome === "interrupted") return undefined
    begun++
    if (!isFailure(probe)) return { from: begun, openings, calmAtMs: probe.endedMs + leastMs }
    reached.add("a probe failed")
    openings++
    atMs = probe.endedMs
  }
}
