/**
 * The order that shows it: a reader loads the old price and is held up; it changes; the reader fills the cache with
 * it.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

interface Entry {
  readonly price: number | undefined
  /** Grows with each invalidation. */
  readonly generation: number
}

/** `isCurrent` says whether a price that was loaded for `before` may be kept in `now`. */
const priceList = (isCurrent: (before: Entry, now: Entry) => boolean) =>
  Effect.gen(function* () {
    const database = yield* Ref.make(10)
    const cache = yield* Ref.make<Entry>({ price: undefined, generation: 0 })
    const read = Effect.fn("read the price")(function* () {
      const before = yield* Ref.get(cache)
      if (before.price !== undefined) return before.price
      const price = yield* Ref.get(database)
      yield* Ref.update(cache, (now) => (isCurrent(before, now) ? { ...now, price } : now))
      return price
    })
    const change = Effect.fn("change the price")(function* () {
      yield* Ref.set(database, 12)
      yield* Ref.update(cache, ({ generation }) => ({ price: undefined, generation: generation + 1 }))
    })
    yield* Effect.all([read(), change()], { concurrency: "unbounded" })
    const price = yield* read()
    yield* must(price === 12, () => `the price is 12, the cache says ${price}`)
  })

export const staleCache: Bug = {
  name: "stale cache",
  what: "A reader fills the cache with what it loaded before the entry was invalidated.",
  buggy: priceList(() => true),
  fixed: priceList((before, now) => before.generation === now.generation),
  shows: { outcome: "failed", message: "the cache says 10" }
}
