/**
 * The workers of the bus: a fixed number of fibers that take events and run handlers, and one that watches the time.
 *
 * A handler runs in its worker's own fiber, so an event costs no fiber. A handler that takes too long, or whose
 * subscriber goes, is ended by interrupting that fiber; a worker that was interrupted ends after its event, and another
 * takes its place.
 */
import { Clock, Context, Duration, Effect, Exit, Fiber, Latch, Scope } from "effect"
import * as Marks from "../Marks.ts"
import type { SyncMetrics } from "../metrics/SyncMetrics.ts"
import { priorityOf } from "./BusEvent.ts"
import type { EventBusOptions } from "./EventBus.ts"
import type { Member, Publication, Queues, Taken } from "./Queues.ts"

interface Worker {
  readonly wake: Latch.Latch
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  taken: Taken | undefined
  startedNs: bigint
  /** Its fiber was interrupted: it takes no further event. */
  dismissed: boolean
  /** Its event was counted as failed when its time was up. */
  late: boolean
}

/**
 * The worker that this code runs in; undefined outside of handlers. What a handler forks inherits it.
 */
export const CurrentWorker = Context.Reference<object | undefined>("core/bus/CurrentWorker", {
  defaultValue: () => undefined
})

export interface Workers {
  /** Wakes a worker if one is idle and there is something to do. That one wakes the next. */
  readonly wake: Effect.Effect<void>
  /**
   * Interrupts all handlers of a subscriber that are under way, and waits for their end; except for the handler that
   * asks for it, which would wait for itself.
   */
  readonly end: (member: Member) => Effect.Effect<void>
  /** Interrupts all handlers and waits for their end. No event is handled afterwards. */
  readonly close: Effect.Effect<void>
}

/** The default number of workers: 2.5 for each processor, from 4 to 32. */
export const workersFor = (cores: number): number => Math.max(4, Math.min(Math.floor(2.5 * cores), 32))

/** Starts the workers. `close` must be called in the end. */
export const make = Effect.fnUntraced(function* (
  queues: Queues,
  options: Pick<EventBusOptions, "workers" | "handlerTimeoutMs">,
  wiring: {
    /** Lets a publisher go on. */
    readonly free: (publication: Publication) => Effect.Effect<void>
    readonly metrics: SyncMetrics["Service"] | undefined
  }
): Effect.fn.Return<Workers> {
  const scope = yield* Scope.make()
  const pool = new Pool(queues, options, wiring, yield* Clock.Clock, scope)
  yield* Effect.forEach(Array.from({ length: Math.max(1, options.workers) }), () => pool.hire, { discard: true })
  yield* pool.watch.pipe(Effect.withSpan("EventBus.watch"), Effect.forkIn(scope))
  return {
    wake: pool.wake,
    end: (member) => pool.end(member),
    close: Effect.andThen(pool.dismissAll, Scope.close(scope, Exit.void))
  }
})

class Pool {
  readonly #queues: Queues
  readonly #limitNs: bigint
  readonly #limitMs: number
  readonly #wiring: Parameters<typeof make>[2]
  readonly #clock: Clock.Clock
  readonly #scope: Scope.Scope
  readonly #workers = new Set<Worker>()
  readonly #idle: Array<Worker> = []
  /** Open while somebody's time must be watched. */
  readonly #busy = Latch.makeUnsafe(false)
  #closed = false

  constructor(
    queues: Queues,
    options: Pick<EventBusOptions, "handlerTimeoutMs">,
    wiring: Parameters<typeof make>[2],
    clock: Clock.Clock,
    scope: Scope.Scope
  ) {
    this.#queues = queues
    this.#limitMs = options.handlerTimeoutMs
    this.#limitNs = BigInt(Math.ceil(options.handlerTimeoutMs * nanosPerMilli))
    this.#wiring = wiring
    this.#clock = clock
    this.#scope = scope
  }

  readonly wake = Effect.suspend(() =>
    this.#queues.isReady ? (this.#idle.pop()?.wake.open ?? Effect.void) : Effect.void
  )

  readonly hire: Effect.Effect<void> = Effect.suspend(() => {
    const worker: Worker = {
      wake: Latch.makeUnsafe(false),
      fiber: undefined,
      taken: undefined,
      startedNs: 0n,
      dismissed: false,
      late: false
    }
    this.#workers.add(worker)
    return this.#run(worker).pipe(
      Effect.withSpan("EventBus.worker"),
      Effect.provideService(CurrentWorker, worker),
      // Interruptible in handlers only: the end of an event is always noted, and no event is taken and then lost.
      Effect.forkIn(this.#scope, { uninterruptible: true }),
      Effect.asVoid
    )
  })

  #run(worker: Worker): Effect.Effect<void> {
    const awake = Effect.interruptible(worker.wake.await)
    const handle = Effect.exit(
      Effect.interruptible(
        Effect.suspend(() => worker.taken?.member.subscriber.handle(worker.taken.event) ?? Effect.void)
      )
    )
    const next = this.#next(worker)
    const settle = (exit: Exit.Exit<void>) => this.#settle(worker, exit)
    const event = Effect.flatMap(handle, settle)
    return Effect.gen({ self: this }, function* () {
      worker.fiber = yield* Effect.withFiberSucceed((fiber) => fiber)
      while (!worker.dismissed && !this.#closed) {
        if (yield* next) yield* event
        else yield* awake
      }
      this.#workers.delete(worker)
      if (!this.#closed) yield* this.hire
    })
  }

  /** Takes an event; when there is none, the worker is idle from the same step on, so that no waking is missed. */
  #next(worker: Worker): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const next = this.#queues.take()
      if (next === undefined) {
        worker.wake.closeUnsafe()
        this.#idle.push(worker)
        return Effect.succeed(false)
      }
      const { freed, taken } = next
      worker.taken = taken
      worker.late = false
      worker.startedNs = this.#clock.monotonicTimeNanosUnsafe()
      const others = freed === undefined ? this.wake : Effect.andThen(this.#wiring.free(freed), this.wake)
      const watched = this.#busy.isOpen() ? others : Effect.andThen(this.#busy.open, others)
      return Effect.as(watched, true)
    })
  }

  #settle(worker: Worker, exit: Exit.Exit<void>): Effect.Effect<void> {
    const { taken } = worker
    if (taken === undefined) return Effect.void
    worker.taken = undefined
    this.#queues.done(taken)
    const { event, member } = taken
    const { name } = member.subscriber
    const measured = this.#measure(taken, worker.startedNs)
    if (Exit.isSuccess(exit)) {
      if (!worker.late) member.handled++
      return measured
    }
    // Ended from outside: that was counted, or its subscriber is gone.
    if (worker.dismissed || this.#closed) return measured
    member.failed++
    Marks.reached("a handler of the bus failed")
    const failure = Effect.logError(`bus: the handler of "${name}" failed at ${event.type}`, exit.cause)
    return Effect.andThen(measured, Effect.annotateLogs(failure, { subscriber: name }))
  }

  #measure({ event, member }: Taken, startedNs: bigint): Effect.Effect<void> {
    const { metrics } = this.#wiring
    if (metrics === undefined) return Effect.void
    const { name } = member.subscriber
    const tookMs = Number(this.#clock.monotonicTimeNanosUnsafe() - startedNs) / nanosPerMilli
    const priority = priorityOf(event)
    return Effect.andThen(
      metrics.handled(`bus.${name}`, tookMs),
      metrics.queueDepth(`bus.${name}`, priority, member.queues[priority].size)
    )
  }

  end(member: Member): Effect.Effect<void> {
    return Effect.flatMap(CurrentWorker, (self) => {
      const handling = Array.from(this.#workers).filter((worker) => worker.taken?.member === member && worker !== self)
      for (const worker of handling) dismiss(worker)
      return Effect.forEach(handling, ({ fiber }) => (fiber === undefined ? Effect.void : Fiber.await(fiber)), {
        discard: true
      })
    })
  }

  readonly dismissAll = Effect.suspend(() => {
    this.#closed = true
    for (const worker of Array.from(this.#workers)) dismiss(worker)
    return Effect.void
  })

  /** Sleeps until the first of the handlers under way has used up its time. */
  readonly watch: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => {
      const nowNs = this.#clock.monotonicTimeNanosUnsafe()
      const late: Array<Worker> = []
      let firstNs: bigint | undefined
      for (const worker of this.#workers) {
        if (worker.taken === undefined || worker.dismissed) continue
        const leftNs = this.#limitNs - (nowNs - worker.startedNs)
        if (leftNs <= 0n) late.push(worker)
        else if (firstNs === undefined || leftNs < firstNs) firstNs = leftNs
      }
      if (late.length > 0) return Effect.forEach(late, (worker) => this.#giveUp(worker), { discard: true })
      if (firstNs !== undefined) return Effect.sleep(Duration.nanos(firstNs))
      this.#busy.closeUnsafe()
      return this.#busy.await
    })
  )

  #giveUp(worker: Worker): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { taken } = worker
      if (taken === undefined || worker.dismissed) return Effect.void
      worker.late = true
      taken.member.failed++
      Marks.reached("a handler of the bus took too long")
      const { name } = taken.member.subscriber
      dismiss(worker)
      return Effect.annotateLogs(
        Effect.logError(
          `bus: the handler of "${name}" was interrupted at ${taken.event.type} after ${this.#limitMs} ms`
        ),
        { subscriber: name }
      )
    })
  }
}

const nanosPerMilli = 1_000_000

const dismiss = (worker: Worker): void => {
  worker.dismissed = true
  worker.fiber?.interruptUnsafe()
}
