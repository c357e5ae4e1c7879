/** The order that shows it: both visits read, then both write. */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const twoVisits = (count: (visits: Ref.Ref<number>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const visits = yield* Ref.make(0)
    const visit = (who: string) => Effect.withSpan(count(visits), `${who} visits`)
    yield* Effect.all([visit("ann"), visit("bob")], { concurrency: "unbounded" })
    const counted = yield* Ref.get(visits)
    yield* must(counted === 2, () => `2 visits, ${counted} counted`)
  })

export const lostUpdate: Bug = {
  name: "lost update",
  what: "A counter is read and written in two steps, and a visit in between is lost.",
  buggy: twoVisits((visits) => Effect.flatMap(Ref.get(visits), (n) => Ref.set(visits, n + 1))),
  fixed: twoVisits((visits) => Ref.update(visits, (n) => n + 1)),
  shows: { outcome: "failed", message: "2 visits, 1 counted" }
}
