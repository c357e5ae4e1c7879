/**
 * Which connections suit a node: fresh ones, or one that is kept.
 *
 * Neither is always better. supervisord answers over a kept connection some 40 ms later once a reply is larger than
 * 4 KiB (small writes against delayed acknowledgements), but before 4.3.0 it may spin for good when connections come
 * and go around starts and stops. So both are measured with the first polls, turn about, and again every so often; a
 * version that may spin is asked over a kept connection unless that is slower beyond all measure.
 */
import type { ConnectionMode } from "./Connection.ts"

export const choiceLimits = {
  /** Polls of each kind that are measured. */
  samples: 3,
  /** Measured again after this time. */
  measureEveryMs: 600_000,
  /** A kept connection may be slower by this and still be taken: it saves opening one. */
  slack: 1.2,
  /** The same for a version that may spin; only what is slower by both is not taken. */
  spinSlack: 20,
  spinSlackMs: 50
} as const

/** What is known of a node. */
export interface ChoiceState {
  readonly mode: ConnectionMode
  /** How long the measured polls of this round took, in milliseconds. */
  readonly fresh: ReadonlyArray<number>
  readonly kept: ReadonlyArray<number>
  /** When the last round was complete; undefined while one is under way. */
  readonly decidedMs: number | undefined
}

export type ChoiceEvent =
  /** A poll succeeded over this kind of connection. */
  { readonly _tag: "Polled"; readonly mode: ConnectionMode; readonly tookMs: number; readonly nowMs: number }

export const initialChoice: ChoiceState = { mode: "fresh", fresh: [], kept: [], decidedMs: undefined }

/** What the next poll goes over. A round that is due begins with it. */
export const pollMode = (state: ChoiceState, nowMs: number): ConnectionMode => {
  const { decidedMs, fresh, kept } = due(state, nowMs)
  if (decidedMs !== undefined) return state.mode
  return fresh.length <= kept.length ? "fresh" : "keep-alive"
}

/** The state after the event. `version` is the node's, undefined while nobody has asked. */
export const chooseNext = (state: ChoiceState, event: ChoiceEvent, version: string | undefined): ChoiceState => {
  const now = due(state, event.nowMs)
  if (now.decidedMs !== undefined) return now
  const { samples } = choiceLimits
  const fresh = event.mode === "fresh" ? [...now.fresh, event.tookMs].slice(-samples) : now.fresh
  const kept = event.mode === "keep-alive" ? [...now.kept, event.tookMs].slice(-samples) : now.kept
  const measured = { ...now, fresh, kept }
  if (fresh.length < samples || kept.length < samples) return measured
  return { ...measured, mode: better(median(fresh), median(kept), version), decidedMs: event.nowMs }
}

const due = (state: ChoiceState, nowMs: number): ChoiceState =>
  state.decidedMs !== undefined && nowMs - state.decidedMs >= choiceLimits.measureEveryMs
    ? { ...initialChoice, mode: state.mode }
    : state

const better = (freshMs: number, keptMs: number, version: string | undefined): ConnectionMode => {
  const { slack, spinSlack, spinSlackMs } = choiceLimits
  if (version !== undefined && maySpin(version)) {
    return keptMs > freshMs * spinSlack && keptMs - freshMs > spinSlackMs ? "fresh" : "keep-alive"
  }
  return keptMs <= freshMs * slack ? "keep-alive" : "fresh"
}

/** Fixed in 4.3.0. What is no version of supervisord is taken for another implementation. */
const maySpin = (version: string): boolean => {
  const found = /^(\d+)\.(\d+)/.exec(version)
  if (found === null) return false
  const [major, minor] = [Number(found[1]), Number(found[2])]
  return major === 3 || (major === 4 && minor < 3)
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
