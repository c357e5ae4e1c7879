/** The order that shows it: the mailer has the event and looks for the row before the shop has stored it. */
import { Effect, Queue } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const shop = (place: (commit: Effect.Effect<void>, publish: Effect.Effect<unknown>) => Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const rows = new Map<number, string>()
    const events = yield* Queue.bounded<number>(4)
    const sell = Effect.fn("shop places order 7")(() =>
      place(
        Effect.sync(() => void rows.set(7, "two chairs")),
        Queue.offer(events, 7)
      )
    )
    const mail = Effect.fn("mailer confirms")(function* () {
      const order = yield* Queue.take(events)
      yield* must(rows.has(order), () => `there is no order ${order} to confirm`)
    })
    yield* Effect.all([sell(), mail()], { concurrency: "unbounded" })
  })

export const publishBeforeCommit: Bug = {
  name: "publish before commit",
  what: "An event is published before what it tells of is stored.",
  buggy: shop((commit, publish) => Effect.andThen(publish, commit)),
  fixed: shop((commit, publish) => Effect.andThen(commit, publish)),
  shows: { outcome: "failed", message: "there is no order 7 to confirm" }
}
