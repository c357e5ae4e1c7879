/**
 * What this process uses of its machine. The delay of the event loop is sampled all the time by Node itself, at a cost
 * that does not show; the histogram begins anew four times a minute, and the one before counts too until then.
 */
import { readdir } from "node:fs/promises"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Effect, Layer, type Scope } from "effect"
import { ProcessStats } from "../core/ProcessStats.ts"
import type { ProcessUsage } from "../core/ProcessStats.ts"

/** Between two samples of the event loop. Its delay is what a sample is later than that. */
const samplingMs = 20

const turnMs = 15_000

const nanosPerSecond = 1e9
const microsPerSecond = 1e6

type Delays = Pick<ProcessUsage, "eventLoopDelayP50Seconds" | "eventLoopDelayP99Seconds" | "eventLoopDelayMaxSeconds">

const none: Delays = { eventLoopDelayP50Seconds: 0, eventLoopDelayP99Seconds: 0, eventLoopDelayMaxSeconds: 0 }

/** Begins to sample, until the scope closes; gives what tells of the delays lately. */
const sampled: Effect.Effect<() => Delays, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution: samplingMs })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => histogram.disable())
  ),
  (histogram) => {
    let before = none
    let sinceMs = performance.now()
    return () => {
      const now = delaysOf(histogram)
      const lately = worst(before, now)
      if (performance.now() - sinceMs >= turnMs) {
        before = now
        sinceMs = performance.now()
        histogram.reset()
      }
      return lately
    }
  }
)

const delaysOf = (histogram: ReturnType<typeof monitorEventLoopDelay>): Delays =>
  histogram.count === 0
    ? none
    : {
        eventLoopDelayP50Seconds: late(histogram.percentile(50)),
        eventLoopDelayP99Seconds: late(histogram.percentile(99)),
        eventLoopDelayMaxSeconds: late(histogram.max)
      }

/** A sample is the whole time between two timers. */
const late = (sampleNanos: number): number => Math.max(0, sampleNanos / nanosPerSecond - samplingMs / 1000)

const worst = (one: Delays, other: Delays): Delays => ({
  eventLoopDelayP50Seconds: Math.max(one.eventLoopDelayP50Seconds, other.eventLoopDelayP50Seconds),
  eventLoopDelayP99Seconds: Math.max(one.eventLoopDelayP99Seconds, other.eventLoopDelayP99Seconds),
  eventLoopDelayMaxSeconds: Math.max(one.eventLoopDelayMaxSeconds, other.eventLoopDelayMaxSeconds)
})

/** Linux tells by a folder; the one that reads it is among them. */
const openFiles: Effect.Effect<number | undefined> = Effect.tryPromise(() => readdir("/proc/self/fd")).pipe(
  Effect.map((names) => Math.max(0, names.length - 1)),
  // Other systems have no such folder.
  Effect.orElseSucceed(() => undefined)
)

export const layer: Layer.Layer<ProcessStats> = Layer.effect(
  ProcessStats,
  Effect.map(sampled, (lately) => ({
    usage: Effect.map(Effect.all([Effect.sync(lately), openFiles]), ([delay, files]): ProcessUsage => {
      const { external, heapTotal, heapUsed, rss } = process.memoryUsage()
      const { system, user } = process.cpuUsage()
      return {
        residentBytes: rss,
        heapUsedBytes: heapUsed,
        heapTotalBytes: heapTotal,
        externalBytes: external,
        cpuSeconds: (user + system) / microsPerSecond,
        ...delay,
        openFiles: files
      }
    })
  }))
)
