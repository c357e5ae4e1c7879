/**
 * The order that shows it: the lease ends in the instant in which its holder writes. It finds itself leader; another
 * takes over and writes; then the first one writes.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const leaseSeconds = 10

/** `accepts` is the storage's rule: what it has seen last, and the term of who writes. */
const twoLeaders = (accepts: (lastTerm: number, term: number) => boolean) =>
  Effect.gen(function* () {
    const lease = yield* Ref.make({ holder: "north", term: 1 })
    const terms: Array<number> = []
    const write = (term: number) =>
      Effect.sync(() => {
        if (accepts(terms.at(-1) ?? 0, term)) terms.push(term)
      })
    const north = Effect.fn("north writes its report")(function* () {
      yield* Effect.sleep(`${leaseSeconds} seconds`)
      const { holder, term } = yield* Ref.get(lease)
      if (holder === "north") yield* write(term)
    })
    const south = Effect.fn("south takes over")(function* () {
      yield* Effect.sleep(`${leaseSeconds} seconds`)
      const { term } = yield* Ref.updateAndGet(lease, (last) => ({ holder: "south", term: last.term + 1 }))
      yield* write(term)
    })
    yield* Effect.all([north(), south()], { concurrency: "unbounded" })
    yield* must(terms.join() !== "2,1", () => "the leader of term 1 wrote over the leader of term 2")
  })

export const leaderLease: Bug = {
  name: "two leaders",
  what: "A leader checks its lease before it writes, and the lease can end in between.",
  buggy: twoLeaders(() => true),
  fixed: twoLeaders((lastTerm, term) => term >= lastTerm),
  shows: { outcome: "failed", message: "term 1 wrote over the leader of term 2" }
}
