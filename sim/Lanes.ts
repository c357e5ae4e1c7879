/**
 * Several sweeps over one pool: as many at a time as it has threads, each over a thread of its own. So a thread stays
 * with one program, whose code it has compiled, and waits for no other at the end of a round; one that finds nothing
 * more to begin helps with what is left. Results are the same as over the whole pool one after the other.
 */
import { Effect, Semaphore } from "effect"
import type { Pool, Thread } from "./PoolCheck.ts"

export interface LanesOptions<A, B, E, R> {
  /** One sweep; the pool is the part of the whole that it is to use. */
  readonly sweep: (over: Pool, item: A) => Effect.Effect<B, E, R>
  /** Called with the results in the order of the items; after an error with what there is. */
  readonly tell: (result: B) => Effect.Effect<void>
  /** After such a result nothing more begins; what is under way goes on. */
  readonly isLast: (result: B) => boolean
  /** One at a time over the whole pool: for sweeps that end by the clock. Default false. */
  readonly inTurn?: boolean
}

interface Lane {
  readonly threads: Array<Thread>
  isBusy: boolean
}

/** Sweeps for all items, unless one fails or is the last. */
export const forEach = <A, B, E, R>(
  pool: Pool,
  items: ReadonlyArray<A>,
  { inTurn = false, isLast, sweep, tell }: LanesOptions<A, B, E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const lanes = (inTurn ? [pool.threads] : pool.threads.map((thread) => [thread])).map((threads): Lane => ({
      threads: [...threads],
      isBusy: true
    }))
    const results = new Results(tell, yield* Semaphore.make(1))
    const left = items.entries()
    let isOver = false

    const run = Effect.fnUntraced(function* (lane: Lane) {
      while (!isOver) {
        const next = left.next()
        if (next.done === true) break
        const [index, item] = next.value
        const result = yield* sweep(lane, item)
        isOver ||= isLast(result)
        yield* results.put(index, result)
      }
      lane.isBusy = false
      const [least] = lanes.filter(({ isBusy }) => isBusy).toSorted((a, b) => a.threads.length - b.threads.length)
      least?.threads.push(...lane.threads)
    })
    yield* Effect.forEach(lanes, run, { concurrency: "unbounded", discard: true }).pipe(Effect.ensuring(results.rest))
  })

/** Told in their order, each as soon as those before it are there. */
class Results<B> {
  private readonly waiting = new Map<number, { readonly result: B }>()
  private told = 0
  private readonly tell: (result: B) => Effect.Effect<void>
  private readonly turn: Semaphore.Semaphore

  constructor(tell: (result: B) => Effect.Effect<void>, turn: Semaphore.Semaphore) {
    this.tell = tell
    this.turn = turn
  }

  put(index: number, result: B): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.waiting.set(index, { result })
      return this.turn.withPermit(this.inOrder)
    })
  }

  private readonly inOrder: Effect.Effect<void> = Effect.suspend(() => {
    const next = this.waiting.get(this.told)
    if (next === undefined) return Effect.void
    this.waiting.delete(this.told++)
    return Effect.andThen(this.tell(next.result), this.inOrder)
  })

  /** What waits for one that will never come. */
  readonly rest: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(
      [...this.waiting].toSorted(([a], [b]) => a - b),
      ([, { result }]) => this.tell(result),
      { discard: true }
    )
  )
}
