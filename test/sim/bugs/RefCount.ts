/** The order that shows it: the last user counts down to zero, another one counts up again, the first one closes. */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

type Guard = (lock: Semaphore.Semaphore, count: Effect.Effect<void>) => Effect.Effect<void>

/** `guard` stands around each count with what follows from it. */
const sharedConnection = (guard: Guard) =>
  Effect.gen(function* () {
    const lock = yield* Semaphore.make(1)
    const users = yield* Ref.make(0)
    const isOpen = yield* Ref.make(false)
    const acquire = Effect.gen(function* () {
      if ((yield* Ref.updateAndGet(users, (n) => n + 1)) === 1) yield* Ref.set(isOpen, true)
    })
    const release = Effect.gen(function* () {
      if ((yield* Ref.updateAndGet(users, (n) => n - 1)) === 0) yield* Ref.set(isOpen, false)
    })
    const user = (who: string) =>
      Effect.gen(function* () {
        yield* guard(lock, acquire)
        const usable = yield* Ref.get(isOpen)
        yield* must(usable, () => `${who} uses a connection that is closed`)
        yield* guard(lock, release)
      }).pipe(Effect.withSpan(`${who} queries`))
    yield* Effect.all([user("ann"), user("bob")], { concurrency: "unbounded" })
  })

export const refCount: Bug = {
  name: "reference count",
  what: "A shared connection is closed by its last user although another has begun to use it.",
  buggy: sharedConnection((_, count) => count),
  fixed: sharedConnection((lock, count) => lock.withPermit(count)),
  shows: { outcome: "failed", message: "uses a connection that is closed" }
}
