/**
 * A pool for long work (S31): each job has a number, a context that says what it is, and can be cancelled on its own or
 * with the pool. Nothing of a job is left in the table when it has ended, however it ended.
 */
import { Clock, Deferred, Effect, Exit, Schema, Scope } from "effect"
import type { Fiber } from "effect"
import { CurrentWorker } from "../bus/Workers.ts"

/** As many jobs as allowed are under way and wait; or the pool is closing. */
export class JobRefused extends Schema.TaggedError<JobRefused>()("JobRefused", {
  reason: Schema.Literals(["full", "closing"]),
  runningMax: Schema.Int,
  waitingMax: Schema.Int
}) {}

export interface JobPoolOptions {
  /** Names the pool in logs and metrics. */
  readonly name: string
  readonly runningMax: number
  /** Jobs that wait for their turn, in the order of asking. */
  readonly waitingMax: number
}

export interface JobInfo {
  readonly id: number
  readonly name: string
  readonly state: "waiting" | "running"
  /** When it came to this state, unix milliseconds. */
  readonly sinceMs: number
}

export interface Job<A, E> {
  readonly id: number
  /** Waits for the end; a cancelled job ends by interruption. */
  readonly await: Effect.Effect<Exit.Exit<A, E>>
  /** Ends it, whether it waits or runs, and waits until it has ended. */
  readonly cancel: Effect.Effect<void>
}

export interface JobPool {
  /** Takes the job and does not wait for its end. It belongs to the pool, not to the caller. */
  readonly submit: <A, E, R>(name: string, work: Effect.Effect<A, E, R>) => Effect.Effect<Job<A, E>, JobRefused, R>
  /** Jobs that wait or run, oldest first. */
  readonly jobs: Effect.Effect<ReadonlyArray<JobInfo>>
  /** Cancels the job of this number; false when there is none. */
  readonly cancel: (id: number) => Effect.Effect<boolean>
}

/**
 * A pool; when its scope closes it refuses further jobs, cancels all that it has and waits for them. A job runs with
 * the services and the log context of who submitted it, in a fiber of the pool.
 */
export const make = (options: JobPoolOptions): Effect.Effect<JobPool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const own = yield* Effect.context()
    const table = new Table(options)
    yield* Effect.addFinalizer(() => Effect.andThen(table.close, Scope.close(scope, Exit.void)))
    const submit = <A, E, R>(name: string, work: Effect.Effect<A, E, R>): Effect.Effect<Job<A, E>, JobRefused, R> =>
      Effect.gen(function* () {
        const context = yield* Effect.context<R>()
        const nowMs = yield* Clock.currentTimeMillis
        const done = Deferred.makeUnsafe<Exit.Exit<A, E>>()
        const entry = table.add(name, nowMs)
        if (typeof entry === "string") {
          const { runningMax, waitingMax } = options
          return yield* new JobRefused({ reason: entry, runningMax, waitingMax })
        }
        const { id } = entry
        const end = (exit: Exit.Exit<A, E>) => Effect.asVoid(Deferred.succeed(done, exit))
        entry.ended = Effect.asVoid(Deferred.await(done))
        entry.abandon = end(Exit.interrupt())
        entry.begin = Effect.withFiber((fiber) => {
          entry.fiber = fiber
          if (entry.cancelled) fiber.interruptUnsafe()
          return Effect.exit(Effect.interruptible(named(options.name, id, name, work)))
        }).pipe(
          Effect.tap((exit) => logDefect(options.name, id, name, exit)),
          Effect.tap(() => table.remove(entry)),
          Effect.flatMap(end),
          // It may have been submitted by a handler of the bus, but does not run in it.
          Effect.provideService(CurrentWorker, undefined),
          Effect.provideContext(context),
          Effect.andThen(table.next),
          // Under nothing of the job before it, whose fiber may begin this one.
          Effect.updateContext<never, never>(() => own),
          // So that it ends in order also when it is interrupted before its first step.
          Effect.forkIn(scope, { uninterruptible: true }),
          Effect.asVoid
        )
        yield* table.next
        return { id, await: Deferred.await(done), cancel: table.cancel(entry) }
      }).pipe(Effect.uninterruptible)
    return {
      submit,
      jobs: table.jobs,
      cancel: (id) =>
        Effect.suspend(() => {
          const entry = table.get(id)
          return entry === undefined ? Effect.succeed(false) : Effect.as(table.cancel(entry), true)
        })
    }
  })

const named = <A, E, R>(pool: string, id: number, name: string, work: Effect.Effect<A, E, R>) =>
  work.pipe(
    Effect.annotateLogs({ pool, job: id, job_name: name }),
    Effect.withSpan("JobPool.job", { attributes: { pool, id, name } })
  )

/** Perhaps nobody waits for the job; a bug must be seen all the same. */
const logDefect = (pool: string, id: number, name: string, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Exit.isFailure(exit) && Exit.hasDies(exit)
    ? Effect.annotateLogs(Effect.logError(`job ${id} (${name}) died`, exit.cause), { pool, job: id })
    : Effect.void

interface Entry {
  readonly id: number
  readonly name: string
  state: JobInfo["state"]
  sinceMs: number
  cancelled: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** Runs it in a fiber of its own. */
  begin: Effect.Effect<void>
  /** Tells those who wait for it that it is not to begin. */
  abandon: Effect.Effect<void>
  /** Waits until it has ended and is out of the table. */
  ended: Effect.Effect<void>
}

/** The jobs of a pool, in the order of asking. What it decides, it decides in one step. */
class Table {
  readonly #options: JobPoolOptions
  readonly #entries = new Map<number, Entry>()
  #running = 0
  #lastId = 0
  #closing = false

  constructor(options: JobPoolOptions) {
    this.#options = options
  }

  /** Takes a job in, or says why not. */
  add(name: string, sinceMs: number): Entry | JobRefused["reason"] {
    if (this.#closing) return "closing"
    if (this.#entries.size >= this.#options.runningMax + this.#options.waitingMax) return "full"
    const entry: Entry = {
      id: ++this.#lastId,
      name,
      state: "waiting",
      sinceMs,
      cancelled: false,
      fiber: undefined,
      begin: Effect.void,
      abandon: Effect.void,
      ended: Effect.void
    }
    this.#entries.set(entry.id, entry)
    return entry
  }

  get(id: number): Entry | undefined {
    return this.#entries.get(id)
  }

  readonly jobs: Effect.Effect<ReadonlyArray<JobInfo>> = Effect.sync(() =>
    Array.from(this.#entries.values(), ({ id, name, sinceMs, state }) => ({ id, name, state, sinceMs }))
  )

  /** Begins as many jobs as may run now. */
  readonly next: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
    Effect.suspend(() => {
      const begun: Array<Entry> = []
      for (const entry of this.#entries.values()) {
        if (this.#running >= this.#options.runningMax) break
        if (entry.state === "running") continue
        entry.state = "running"
        entry.sinceMs = nowMs
        this.#running++
        begun.push(entry)
      }
      return Effect.forEach(begun, ({ begin }) => begin, { discard: true })
    })
  )

  /** It ran, and has ended. */
  remove(entry: Entry): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#entries.delete(entry.id)
      this.#running--
    })
  }

  /** Ends a job, whatever its state, and waits for its end. Once begun, it is cancelled even if nobody waits. */
  cancel(entry: Entry): Effect.Effect<void> {
    return Effect.andThen(
      this.#stop(entry),
      Effect.suspend(() => entry.ended)
    )
  }

  #stop(entry: Entry): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.#entries.has(entry.id)) return Effect.void
      if (entry.state === "waiting") {
        this.#entries.delete(entry.id)
        return entry.abandon
      }
      entry.cancelled = true
      entry.fiber?.interruptUnsafe()
      return Effect.void
    }).pipe(Effect.uninterruptible)
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#closing = true
    const entries = Array.from(this.#entries.values())
    // Those that wait first: the end of one that runs would give them their turn.
    const waiting = entries.filter(({ state }) => state === "waiting")
    return Effect.forEach([...waiting, ...entries], (entry) => this.#stop(entry), { discard: true }).pipe(
      Effect.andThen(Effect.forEach(entries, ({ ended }) => ended, { discard: true }))
    )
  })
}
