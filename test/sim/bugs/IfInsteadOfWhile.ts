/** The order that shows it: a consumer is woken, another one takes the item first, the woken one goes on regardless. */
import { Deferred, Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** A lock with a condition: `wait` gives the lock up until `notify` wakes one that waits. */
const makeMonitor = Effect.gen(function* () {
  const lock = yield* Semaphore.make(1)
  const sleepers = yield* Ref.make<ReadonlyArray<Deferred.Deferred<void>>>([])
  const wait = Effect.gen(function* () {
    const bell = yield* Deferred.make<void>()
    yield* Ref.update(sleepers, (all) => [...all, bell])
    yield* lock.release(1)
    yield* Deferred.await(bell)
    yield* lock.take(1)
  })
  const notify = Effect.gen(function* () {
    const first = yield* Ref.modify(sleepers, ([head, ...rest]) => [head, rest])
    if (first !== undefined) yield* Deferred.succeed(first, undefined)
  })
  return { lock, wait, notify }
})

/** `awaitItem` is called with the lock held, and so it returns. */
const twoConsumers = (awaitItem: (isEmpty: () => boolean, wait: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const monitor = yield* makeMonitor
    const items: Array<string> = []
    const consume = (who: string) =>
      Effect.gen(function* () {
        yield* monitor.lock.take(1)
        yield* awaitItem(() => items.length === 0, monitor.wait)
        const item = items.shift()
        yield* must(item !== undefined, () => `${who} takes an item from an empty buffer`)
        yield* monitor.lock.release(1)
      }).pipe(Effect.withSpan(who))
    const produce = Effect.fn("producer")(function* () {
      for (const item of ["first", "second"]) {
        yield* monitor.lock.take(1)
        items.push(item)
        yield* monitor.notify
        yield* monitor.lock.release(1)
      }
    })
    yield* Effect.all([consume("consumer 1"), consume("consumer 2"), produce()], { concurrency: "unbounded" })
  })

export const ifInsteadOfWhile: Bug = {
  name: "if instead of while",
  what: "A consumer that was woken does not look again whether there still is an item.",
  buggy: twoConsumers((isEmpty, wait) => Effect.suspend(() => (isEmpty() ? wait : Effect.void))),
  fixed: twoConsumers((isEmpty, wait) =>
    Effect.gen(function* () {
      while (isEmpty()) yield* wait
    })
  ),
  shows: { outcome: "failed", message: "takes an item from an empty buffer" }
}
