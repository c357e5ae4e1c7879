/** The order that shows it: all five have taken their first fork before any takes the second. */
import { Effect, Ref, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const names = ["plato", "hypatia", "seneca", "diotima", "zeno"] as const

/** `isLeftFirst` says which fork the philosopher at a seat takes first. */
const dinner = (isLeftFirst: (seat: number) => boolean) =>
  Effect.gen(function* () {
    const forks = yield* Effect.forEach(names, () => Semaphore.make(1))
    const meals = yield* Ref.make(0)
    const eat = Ref.update(meals, (n) => n + 1)
    const dine = (seat: number, left: Semaphore.Semaphore, right: Semaphore.Semaphore) =>
      Effect.withSpan(
        isLeftFirst(seat) ? left.withPermit(right.withPermit(eat)) : right.withPermit(left.withPermit(eat)),
        `${names[seat]} dines`
      )
    yield* Effect.forEach(forks, (left, seat) => dine(seat, left, forks[(seat + 1) % forks.length] ?? left), {
      concurrency: "unbounded"
    })
    const eaten = yield* Ref.get(meals)
    yield* must(eaten === names.length, () => `${eaten} meals were eaten, not ${names.length}`)
  })

export const diningPhilosophers: Bug = {
  name: "dining philosophers",
  what: "Every philosopher takes the left fork first, so that all can wait for the right one in a circle.",
  buggy: dinner(() => true),
  fixed: dinner((seat) => seat > 0),
  shows: { outcome: "deadlock", message: "in zeno dines" }
}
