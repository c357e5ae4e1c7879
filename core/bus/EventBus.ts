/**
 * The spine of the console (S20): events, from the one that learned of something to all that care.
 *
 * Each subscriber has three bounded queues, one a priority. A fixed pool of workers takes from them: the most urgent
 * first, and for one subscriber never two events of the same key at a time, so that the events of a key are handled in
 * the order in which they were published. No fiber is made for an event.
 *
 * A publisher that waits has handed over all its events already: they stand in line, in order, and it goes on when the
 * last of them has found room, whatever other subscribers do. Code that runs in a handler never waits when it
 * publishes, because room is made by handlers only: what finds no room then is dropped and counted. If a publisher is
 * interrupted while it waits, what still stands in line is dropped and counted.
 */
import { Context, Effect, Latch, Layer, Option } from "effect"
import type { Scope } from "effect"
import { SyncMetrics } from "../metrics/SyncMetrics.ts"
import { priorityOf } from "./BusEvent.ts"
import type { BusEvent, Priority } from "./BusEvent.ts"
import { Queues, statsOf } from "./Queues.ts"
import type { Member, Publication, Published } from "./Queues.ts"
import * as Workers from "./Workers.ts"

/**
 * What happens to an event for which a subscriber has no room: its oldest waiting one, or the new one, is dropped; or
 * only pieces of logs are dropped and for all else the publisher waits; or it waits for everything.
 */
export type OverflowPolicy = "dropOldest" | "dropNewest" | "dropLow" | "wait"

export interface EventBusOptions {
  readonly workers: number
  readonly queueEventsMax: Readonly<Record<Priority, number>>
  readonly overflow: OverflowPolicy
  /** A handler that takes longer for one event is interrupted, which counts as a failure. */
  readonly handlerTimeoutMs: number
}

export interface Subscriber {
  /** Unique while it is subscribed; names it in logs and metrics. */
  readonly name: string
  /**
   * Acts on an event. When it dies or takes too long, that is counted and logged, and the next event follows. It must
   * not wait for a client or a node, and must stay interruptible, or its deadline cannot end it. Fibers that it forks
   * are not ended with it.
   */
  readonly handle: (event: BusEvent) => Effect.Effect<void>
  /** Events of the same key are handled in order. By default all are. What it throws counts as a failure. */
  readonly key?: (event: BusEvent) => string
  /** Which events it wants at all. By default all. */
  readonly wants?: (event: BusEvent) => boolean
}

export interface SubscriberStats {
  readonly name: string
  readonly waiting: Readonly<Record<Priority, number>>
  readonly handled: number
  readonly failed: number
  readonly dropped: number
  /** Times that a publisher had to wait for it. */
  readonly blocked: number
}

export class EventBus extends Context.Service<
  EventBus,
  {
    /**
     * Hands events in this order to all subscribers of this moment. Whether it waits for those that have no room is
     * the policy's decision.
     */
    readonly publish: (events: ReadonlyArray<BusEvent>) => Effect.Effect<void>
    /**
     * Adds a subscriber for events published from now on, until the scope closes: then what waits for it is dropped,
     * and a handler under way is interrupted and waited for.
     */
    readonly subscribe: (subscriber: Subscriber) => Effect.Effect<void, never, Scope.Scope>
    readonly stats: Effect.Effect<ReadonlyArray<SubscriberStats>>
  }
>()("core/bus/EventBus") {}

/**
 * The bus; it ends with its scope: then handlers are interrupted and waited for, publishers that wait go on, and later
 * events are dropped. When there are `SyncMetrics`, it measures queues, blocked publishers and handlers.
 */
export const layer = (options: EventBusOptions): Layer.Layer<EventBus> =>
  Layer.effect(
    EventBus,
    Effect.gen(function* () {
      const metrics = Option.getOrUndefined(yield* Effect.serviceOption(SyncMetrics))
      const queues = new Queues(options)
      const waits = new Map<Publication, Latch.Latch>()
      const free = (publication: Publication) =>
        Effect.suspend(() => {
          const latch = waits.get(publication)
          waits.delete(publication)
          return latch === undefined ? Effect.void : latch.open
        })
      const workers = yield* Workers.make(queues, options, { free, metrics })
      const drop = (member: Member) =>
        Effect.suspend(() => Effect.forEach(queues.remove(member), free, { discard: true }))
      let closed = false
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          closed = true
          return Effect.andThen(Effect.forEach(queues.members, drop, { discard: true }), workers.close)
        })
      )

      const publish = (events: ReadonlyArray<BusEvent>, restore: typeof Effect.interruptible) =>
        Effect.flatMap(Workers.CurrentWorker, (worker) => {
          const published = queues.publish(events, worker === undefined)
          const { publication } = published
          const told = report(published, events, queues, metrics)
          if (publication === undefined) return Effect.andThen(workers.wake, told)
          const room = Latch.makeUnsafe(false)
          waits.set(publication, room)
          const giveUp = Effect.sync(() => {
            waits.delete(publication)
            queues.withdraw(publication)
          })
          return workers.wake.pipe(
            Effect.andThen(told),
            Effect.andThen(restore(room.await)),
            Effect.onInterrupt(() => giveUp)
          )
        })

      return EventBus.of({
        publish: (events) =>
          Effect.uninterruptibleMask((restore) =>
            closed || events.length === 0 ? Effect.void : publish(events, restore)
          ),
        subscribe: (subscriber) =>
          Effect.acquireRelease(
            Effect.suspend(() => {
              if (closed) return Effect.succeed(undefined)
              const member = queues.add(subscriber)
              if (member === undefined)
                return Effect.die(`EventBus: there is a subscriber "${subscriber.name}" already`)
              return Effect.succeed(member)
            }),
            (member) => (member === undefined ? Effect.void : Effect.andThen(drop(member), workers.end(member)))
          ).pipe(Effect.asVoid),
        stats: Effect.sync(() => queues.members.map(statsOf))
      })
      // Or its workers have started when it is given up, and nobody knows yet who is to end them.
    }).pipe(Effect.uninterruptible)
  )

/** Logs and measures what came of publishing. */
const report = (
  { blocked, broken }: Published,
  events: ReadonlyArray<BusEvent>,
  queues: Queues,
  metrics: SyncMetrics["Service"] | undefined
): Effect.Effect<void> => {
  if (metrics === undefined && broken.length === 0) return Effect.void
  return Effect.gen(function* () {
    for (const { defect, member } of broken) {
      const { name } = member.subscriber
      yield* Effect.annotateLogs(
        Effect.logError(`bus: the subscriber "${name}" could not say whether it wants an event`, defect),
        { subscriber: name }
      )
    }
    if (metrics === undefined) return
    for (const { subscriber } of blocked) yield* metrics.sendBlocked(`bus.${subscriber.name}`)
    for (const priority of new Set(events.map(priorityOf))) {
      for (const { queues: waiting, subscriber } of queues.members) {
        yield* metrics.queueDepth(`bus.${subscriber.name}`, priority, waiting[priority].size)
      }
    }
  })
}
