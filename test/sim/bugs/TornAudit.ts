/**
 * The order that shows it: the audit reads between the two halves of a transfer, or a transfer between its two reads.
 */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** `guard` is how the audit reads, beside transfers that hold the lock. */
const bank = (guard: (lock: Semaphore.Semaphore, read: Effect.Effect<number>) => Effect.Effect<number>) =>
  Effect.gen(function* () {
    const lock = yield* Semaphore.make(1)
    const savings = yield* Ref.make(100)
    const current = yield* Ref.make(0)
    const transfer = Effect.fn("transfer")(() =>
      lock.withPermit(
        Effect.andThen(
          Ref.update(savings, (n) => n - 40),
          Ref.update(current, (n) => n + 40)
        )
      )
    )
    const audit = Effect.fn("audit")(function* () {
      const total = yield* guard(
        lock,
        Effect.zipWith(Ref.get(savings), Ref.get(current), (a, b) => a + b)
      )
      yield* must(total === 100, () => `the audit finds ${total} where there are 100`)
    })
    yield* Effect.all([transfer(), audit()], { concurrency: "unbounded" })
  })

export const tornAudit: Bug = {
  name: "torn audit",
  what: "Two balances that belong together are read without the lock under which they change.",
  buggy: bank((_, read) => read),
  fixed: bank((lock, read) => lock.withPermit(read)),
  shows: { outcome: "failed", message: "where there are 100" }
}
