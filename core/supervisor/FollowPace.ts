/** How soon a followed log is connected to again, and when that is given up. */

export const paceLimits = {
  /** The pause after a loss; it doubles with each failure in a row. */
  delayMs: 200,
  delayMsMax: 5_000,
  /** Connections in a minute, however they end. */
  perMinuteMax: 30,
  minuteMs: 60_000
} as const

export interface PaceState {
  /** Failures since bytes came last. */
  readonly failures: number
  /** Since when there was no connection; undefined while there is one. */
  readonly awayMs: number | undefined
  /** When the connections of the last minute were opened. */
  readonly openedMs: ReadonlyArray<number>
}

export type PaceEvent =
  | { readonly _tag: "Opening" | "Failed"; readonly nowMs: number }
  /** The node answered. */
  | { readonly _tag: "Answered" }
  /** Bytes came. */
  | { readonly _tag: "Received" }
  /** The connection has ended. */
  | { readonly _tag: "Lost"; readonly nowMs: number }

export const freshPace: PaceState = { failures: 0, awayMs: undefined, openedMs: [] }

export const pace = (state: PaceState, event: PaceEvent): PaceState => {
  switch (event._tag) {
    case "Opening":
      return { ...state, openedMs: [...recent(state, event.nowMs), event.nowMs] }
    case "Answered":
      return { ...state, awayMs: undefined }
    case "Received":
      return state.failures === 0 ? state : { ...state, failures: 0 }
    case "Failed":
    case "Lost":
      return { ...state, failures: state.failures + 1, awayMs: state.awayMs ?? event.nowMs }
  }
}

/** How long to wait before the next connection. The first one of all is not waited for. */
export const delayMs = (state: PaceState, nowMs: number): number => {
  const { delayMs: first, delayMsMax, minuteMs, perMinuteMax } = paceLimits
  const wait = state.failures === 0 ? 0 : Math.min(delayMsMax, first * 2 ** (state.failures - 1))
  const opened = recent(state, nowMs)
  const oldest = opened.length < perMinuteMax ? undefined : opened[opened.length - perMinuteMax]
  return oldest === undefined ? wait : Math.max(wait, oldest + minuteMs - nowMs)
}

/** The node has been away for too long. */
export const isOver = ({ awayMs }: PaceState, nowMs: number, giveUpMs: number): boolean =>
  awayMs !== undefined && nowMs - awayMs >= giveUpMs

const recent = ({ openedMs }: PaceState, nowMs: number): ReadonlyArray<number> =>
  openedMs.filter((openedAt) => nowMs - openedAt < paceLimits.minuteMs)
