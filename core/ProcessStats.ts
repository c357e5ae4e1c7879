/** Port: what the process of the console uses of its machine. */
import { Context, type Effect } from "effect"

export interface ProcessUsage {
  /** Memory of the process that is in RAM, in bytes. */
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly heapTotalBytes: number
  readonly externalBytes: number
  /** Processor time so far, in seconds. */
  readonly cpuSeconds: number
  /**
   * How late the event loop was lately, in seconds: in the last quarter of a minute at least, whoever asks and however
   * often.
   */
  readonly eventLoopDelayP50Seconds: number
  readonly eventLoopDelayP99Seconds: number
  readonly eventLoopDelayMaxSeconds: number
  /** Open file descriptors, where the system tells. */
  readonly openFiles: number | undefined
}

export class ProcessStats extends Context.Service<ProcessStats, { readonly usage: Effect.Effect<ProcessUsage> }>()(
  "core/ProcessStats"
) {}
