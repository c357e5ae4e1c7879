/** The synchronisation metrics in a form for people and the API. Times are milliseconds. */
import type { Metric } from "effect"

/** Times by one name. */
export interface TimeReport {
  readonly name: string
  readonly count: number
  readonly meanMs: number
  readonly maxMs: number
  /** So many of the times were at most this long; exact to the next bound of the histogram. */
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface DepthReport {
  readonly name: string
  readonly priority: string
  readonly depth: number
  readonly depthMax: number
}

export interface BlockedReport {
  readonly name: string
  readonly count: number
}

/** Each in the order of first use. */
export interface SyncReport {
  readonly permits: ReadonlyArray<TimeReport>
  readonly queues: ReadonlyArray<DepthReport>
  readonly blocked: ReadonlyArray<BlockedReport>
  readonly handlers: ReadonlyArray<TimeReport>
}

/** What a histogram of seconds says. */
export const timeReport = (name: string, state: Metric.HistogramState): TimeReport => ({
  name,
  count: state.count,
  meanMs: state.count === 0 ? 0 : (state.sum / state.count) * msPerSecond,
  maxMs: state.count === 0 ? 0 : state.max * msPerSecond,
  p50Ms: quantile(state, 0.5) * msPerSecond,
  p99Ms: quantile(state, 0.99) * msPerSecond
})

const msPerSecond = 1000

/** The bound below which that share of the values lies; the largest value bounds it too. Buckets are cumulative. */
const quantile = ({ buckets, count, max }: Metric.HistogramState, share: number): number => {
  if (count === 0) return 0
  const bound = buckets.find(([, upTo]) => upTo >= share * count)?.[0]
  return bound === undefined ? max : Math.min(bound, max)
}
