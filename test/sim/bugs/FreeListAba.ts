/**
 * The order that shows it: one user reads head 1 and its successor 2 and is held up; the other takes 1, takes 2, gives
 * 1 back; the head is 1 again, so that the first one's exchange succeeds and puts 2, which is in use, on the list.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** Buffers are numbered from 1; 0 ends the list. The stamp grows with each change. */
interface Head {
  readonly first: number
  readonly stamp: number
}

const freeList = (isSame: (a: Head, b: Head) => boolean) =>
  Effect.gen(function* () {
    const next = new Map([
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 0]
    ])
    const owners = new Map<number, string>()
    const head = yield* Ref.make<Head>({ first: 1, stamp: 0 })
    const exchange = (expected: Head, first: number) =>
      Ref.modify(head, (now) => (isSame(now, expected) ? [true, { first, stamp: now.stamp + 1 }] : [false, now]))

    const take = Effect.fnUntraced(function* (who: string) {
      for (;;) {
        const seen = yield* Ref.get(head)
        const successor = yield* Effect.sync(() => next.get(seen.first) ?? 0)
        if (!(yield* exchange(seen, successor))) continue
        yield* must(
          !owners.has(seen.first),
          () => `buffer ${seen.first} of ${owners.get(seen.first)} went to ${who} too`
        )
        owners.set(seen.first, who)
        return seen.first
      }
    })
    const giveBack = Effect.fnUntraced(function* (buffer: number) {
      owners.delete(buffer)
      for (;;) {
        const seen = yield* Ref.get(head)
        next.set(buffer, seen.first)
        if (yield* exchange(seen, buffer)) return
      }
    })
    const reader = Effect.fn("reader")(function* () {
      yield* take("reader")
      yield* take("reader")
    })
    const writer = Effect.fn("writer")(function* () {
      const first = yield* take("writer")
      yield* take("writer")
      yield* giveBack(first)
    })
    yield* Effect.all([reader(), writer()], { concurrency: "unbounded" })
  })

export const freeListAba: Bug = {
  name: "ABA on a free list",
  what: "An exchange of the head succeeds because the same buffer is first again, although the list has changed.",
  buggy: freeList((a, b) => a.first === b.first),
  fixed: freeList((a, b) => a.first === b.first && a.stamp === b.stamp),
  shows: { outcome: "failed", message: "of writer went to reader too" }
}
