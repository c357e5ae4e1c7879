/** The order that shows it: the interruption comes late, between the two halves of the booking. */
import { Effect, Fiber, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const checks = ["limit", "sanctions", "balance", "currency", "holiday", "duplicate"] as const

const cancelledTransfer = (book: (debit: Effect.Effect<void>, credit: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const ann = yield* Ref.make(100)
    const bob = yield* Ref.make(0)
    const transfer = Effect.fn("transfer from ann to bob")(function* () {
      yield* Effect.forEach(checks, () => Effect.yieldNow)
      yield* book(
        Ref.update(ann, (n) => n - 30),
        Ref.update(bob, (n) => n + 30)
      )
    })
    const fiber = yield* Effect.forkChild(transfer())
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    const total = (yield* Ref.get(ann)) + (yield* Ref.get(bob))
    yield* must(total === 100, () => `${total} of 100 are left after a cancelled transfer`)
  })

export const halfTransfer: Bug = {
  name: "half a transfer",
  what: "A transfer can be interrupted between debit and credit, and the money is gone.",
  buggy: cancelledTransfer((debit, credit) => Effect.andThen(debit, credit)),
  fixed: cancelledTransfer((debit, credit) => Effect.uninterruptible(Effect.andThen(debit, credit))),
  shows: { outcome: "failed", message: "70 of 100 are left" }
}
