/** The order that shows it: both hold the lock for reading when the first asks for all of it. */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** Two may read at once, one permit each; a writer takes both. */
const readers = 2

const twoClients = (
  readThenRefresh: (
    lock: Semaphore.Semaphore,
    isStale: Effect.Effect<boolean>,
    refresh: Effect.Effect<void>
  ) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const lock = yield* Semaphore.make(readers)
    const isStale = yield* Ref.make(true)
    const refreshes = yield* Ref.make(0)
    const refresh = Effect.gen(function* () {
      if (!(yield* Ref.get(isStale))) return
      yield* Ref.update(refreshes, (n) => n + 1)
      yield* Ref.set(isStale, false)
    })
    const client = (who: string) => Effect.withSpan(readThenRefresh(lock, Ref.get(isStale), refresh), `${who} reads`)
    yield* Effect.all([client("ann"), client("bob")], { concurrency: "unbounded" })
    const count = yield* Ref.get(refreshes)
    yield* must(count === 1, () => `refreshed ${count} times`)
  })

export const upgradeDeadlock: Bug = {
  name: "upgrade deadlock",
  what: "Two readers keep their read locks while each waits for the other's, to write.",
  buggy: twoClients((lock, isStale, refresh) =>
    lock.withPermits(1)(
      Effect.flatMap(isStale, (stale) => (stale ? lock.withPermits(readers - 1)(refresh) : Effect.void))
    )
  ),
  fixed: twoClients((lock, isStale, refresh) =>
    Effect.flatMap(lock.withPermits(1)(isStale), (stale) => (stale ? lock.withPermits(readers)(refresh) : Effect.void))
  ),
  shows: { outcome: "deadlock", message: "in bob reads" }
}
