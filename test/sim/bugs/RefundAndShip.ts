/**
 * The order that shows it: payment and expiry fall on the same instant, and both look at the order before either acts.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

type Status = "pending" | "paid" | "expired"

/** `settle` moves a pending order on, and says whether it did. */
const oneOrder = (settle: (order: Ref.Ref<Status>, to: Status) => Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    const order = yield* Ref.make<Status>("pending")
    const done: Array<string> = []
    const payment = Effect.fn("payment arrives")(function* () {
      yield* Effect.sleep("30 minutes")
      if (yield* settle(order, "paid")) done.push("shipped")
    })
    const expiry = Effect.fn("order expires")(function* () {
      yield* Effect.sleep("30 minutes")
      if (yield* settle(order, "expired")) done.push("refunded")
    })
    yield* Effect.all([payment(), expiry()], { concurrency: "unbounded" })
    yield* must(done.length === 1, () => `the order was ${done.join(" and ")}`)
  })

export const refundAndShip: Bug = {
  name: "refund and ship",
  what: "A payment and the expiry of its order both find the order pending and both act.",
  buggy: oneOrder((order, to) =>
    Effect.gen(function* () {
      if ((yield* Ref.get(order)) !== "pending") return false
      yield* Ref.set(order, to)
      return true
    })
  ),
  fixed: oneOrder((order, to) => Ref.modify(order, (now) => (now === "pending" ? [true, to] : [false, now]))),
  shows: { outcome: "failed", message: "the order was" }
}
