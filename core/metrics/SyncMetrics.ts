/**
 * How much the console waits for itself (S29): for permits, in queues, for room to send, and for handlers. What passes
 * a threshold is warned of, at most once a minute for each name.
 *
 * The numbers are Effect metrics, so an exporter finds them in the registry; `report` reads the same ones. Names come
 * from the code, not from users: each name is a series.
 */
import { Clock, Context, Effect, Layer, Metric, Option, Semaphore } from "effect"
import { sync } from "./Families.ts"
import { timeReport } from "./SyncReport.ts"
import type { SyncReport } from "./SyncReport.ts"

export interface SyncThresholds {
  readonly permitWaitMs: number
  /** Things that wait in one queue. */
  readonly queueDepth: number
  /** Times within the same minute that a sender was blocked. */
  readonly blockedSends: number
  readonly handlerMs: number
}

export const thresholdsDefault: SyncThresholds = {
  permitWaitMs: 1000,
  queueDepth: 400,
  blockedSends: 1,
  handlerMs: 1000
}

export class SyncMetrics extends Context.Service<
  SyncMetrics,
  {
    /** Somebody waited so long for a permit, also if in vain. */
    readonly permitWaited: (name: string, tookMs: number) => Effect.Effect<void>
    /** So much waits in a queue now. */
    readonly queueDepth: (name: string, priority: string, depth: number) => Effect.Effect<void>
    /** A sender found no room and waits. */
    readonly sendBlocked: (name: string) => Effect.Effect<void>
    /** A handler took so long, well or badly. */
    readonly handled: (name: string, tookMs: number) => Effect.Effect<void>
    /** Everything so far. */
    readonly report: Effect.Effect<SyncReport>
  }
>()("core/metrics/SyncMetrics") {}

const warnEveryMs = 60_000
const msPerSecond = 1000
const nanosPerMilli = 1_000_000

const permitWait = (name: string) =>
  Metric.histogram(sync.permitWait.name, {
    description: sync.permitWait.help,
    attributes: { name },
    boundaries: sync.permitWait.boundaries
  })

const handlerTime = (handler: string) =>
  Metric.histogram(sync.handler.name, {
    description: sync.handler.help,
    attributes: { handler },
    boundaries: sync.handler.boundaries
  })

const blockedSends = (name: string) =>
  Metric.counter(sync.blockedSends.name, {
    description: sync.blockedSends.help,
    attributes: { name },
    incremental: true
  })

const queueDepth = (name: string, priority: string) => ({
  name,
  priority,
  /** The most that was ever seen; a gauge only knows the last. */
  max: 0,
  gauge: Metric.gauge(sync.queueDepth.name, {
    description: sync.queueDepth.help,
    attributes: { name, priority }
  })
})

/** Values by key, made at their first use. */
const memo = <A>(make: (key: string) => A) => {
  const values = new Map<string, A>()
  const get = (key: string): A => {
    const known = values.get(key)
    if (known !== undefined) return known
    const made = make(key)
    values.set(key, made)
    return made
  }
  return { get, values }
}

export const layer = (thresholds: SyncThresholds = thresholdsDefault): Layer.Layer<SyncMetrics> =>
  Layer.effect(
    SyncMetrics,
    Effect.gen(function* () {
      const context = yield* Effect.context()
      const warn = makeWarnings(yield* Clock.Clock)
      const permits = memo(permitWait)
      const handlers = memo(handlerTime)
      const blocked = memo((name) => ({ counter: blockedSends(name), lately: 0, sinceMs: 0 }))
      const queues = memo((name) => memo((priority) => queueDepth(name, priority)))
      const { nowMs } = warn

      return SyncMetrics.of({
        permitWaited: (name, tookMs) =>
          Effect.suspend(() => {
            permits.get(name).updateUnsafe(tookMs / msPerSecond, context)
            return tookMs < thresholds.permitWaitMs
              ? Effect.void
              : warn.say(`permit ${name}`, `waited ${Math.round(tookMs)} ms for a permit of "${name}"`)
          }),
        queueDepth: (name, priority, depth) =>
          Effect.suspend(() => {
            const queue = queues.get(name).get(priority)
            queue.max = Math.max(queue.max, depth)
            queue.gauge.updateUnsafe(depth, context)
            return depth < thresholds.queueDepth
              ? Effect.void
              : warn.say(`queue ${name} ${priority}`, `${depth} wait in the ${priority} queue of "${name}"`)
          }),
        sendBlocked: (name) =>
          Effect.suspend(() => {
            const entry = blocked.get(name)
            entry.counter.updateUnsafe(1, context)
            const now = nowMs()
            if (now - entry.sinceMs >= warnEveryMs) {
              entry.sinceMs = now
              entry.lately = 0
            }
            return ++entry.lately < thresholds.blockedSends
              ? Effect.void
              : warn.say(`send ${name}`, `a sender waits for room in "${name}", ${entry.lately} lately`)
          }),
        handled: (name, tookMs) =>
          Effect.suspend(() => {
            handlers.get(name).updateUnsafe(tookMs / msPerSecond, context)
            return tookMs < thresholds.handlerMs
              ? Effect.void
              : warn.say(`handler ${name}`, `the handler "${name}" took ${Math.round(tookMs)} ms`)
          }),
        report: Effect.sync(() => ({
          permits: Array.from(permits.values, ([name, metric]) => timeReport(name, metric.valueUnsafe(context))),
          queues: Array.from(queues.values.values()).flatMap(({ values }) =>
            Array.from(values.values(), ({ gauge, max, name, priority }) => ({
              name,
              priority,
              depth: gauge.valueUnsafe(context).value,
              depthMax: max
            }))
          ),
          blocked: Array.from(blocked.values, ([name, { counter }]) => ({
            name,
            count: counter.valueUnsafe(context).count
          })),
          handlers: Array.from(handlers.values, ([name, metric]) => timeReport(name, metric.valueUnsafe(context)))
        }))
      })
    })
  )

/** Warnings, each about one thing at most once in `warnEveryMs`; the next one says how many were kept back. */
const makeWarnings = (clock: Clock.Clock) => {
  const told = new Map<string, { atMs: number; keptBack: number }>()
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / nanosPerMilli
  const say = (about: string, line: string): Effect.Effect<void> => {
    const now = nowMs()
    const last = told.get(about)
    if (last !== undefined && now - last.atMs < warnEveryMs) {
      last.keptBack++
      return Effect.void
    }
    told.set(about, { atMs: now, keptBack: 0 })
    const more = last === undefined || last.keptBack === 0 ? "" : `, and ${last.keptBack} times more since the last one`
    return Effect.logWarning(`sync: ${line}${more}`)
  }
  return { nowMs, say }
}

export interface MeasuredSemaphore {
  /** Runs the effect while holding a permit; waits for one, and the wait is measured. */
  readonly withPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Permits that nobody holds. */
  readonly available: Effect.Effect<number>
  /** Who waits for a permit now. */
  readonly waiting: Effect.Effect<number>
}

/** A semaphore whose waits go to `SyncMetrics` under this name; without that service they are not measured. */
export const measuredSemaphore = (name: string, permits: number): Effect.Effect<MeasuredSemaphore> =>
  Effect.gen(function* () {
    const metrics = Option.getOrUndefined(yield* Effect.serviceOption(SyncMetrics))
    const clock = yield* Clock.Clock
    const semaphore = Semaphore.makeUnsafe(permits)
    let held = 0
    let waiting = 0
    const waited = (sinceNs: bigint) =>
      Effect.suspend(() => {
        waiting--
        const tookMs = Number(clock.monotonicTimeNanosUnsafe() - sinceNs) / nanosPerMilli
        return metrics === undefined ? Effect.void : metrics.permitWaited(name, tookMs)
      })
    const withPermit = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.uninterruptibleMask((restore) =>
        // Counted inside of the mask: an interruption that came before it may still skip what it gives.
        Effect.suspend(() => {
          const sinceNs = clock.monotonicTimeNanosUnsafe()
          let isWaiting = true
          waiting++
          const stopWaiting = Effect.suspend(() => {
            if (!isWaiting) return Effect.void
            isWaiting = false
            return waited(sinceNs)
          })
          const take = Effect.tap(stopWaiting, () => Effect.sync(() => held++))
          const giveBack = Effect.sync(() => held--)
          const hold = Effect.acquireUseRelease(
            take,
            () => effect,
            () => giveBack
          )
          return Effect.ensuring(restore(semaphore.withPermit(hold)), stopWaiting)
        })
      )
    return {
      withPermit,
      available: Effect.sync(() => permits - held),
      waiting: Effect.sync(() => waiting)
    }
  })
