/**
 * The order that shows it: the barber sees no one, a guest sits down and rings, the barber resets the bell and sleeps.
 */
import { Effect, Latch, Ref } from "effect"
import type { Bug } from "./Bug.ts"

/** `wait` returns when somebody may be waiting. */
const barberShop = (wait: (chairs: Ref.Ref<number>, bell: Latch.Latch) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const chairs = yield* Ref.make(0)
    const bell = yield* Latch.make()
    const barber = Effect.fn("barber")(function* () {
      for (let served = 0; served < 2;) {
        yield* wait(chairs, bell)
        const isSomeone = yield* Ref.modify(chairs, (n) => (n > 0 ? [true, n - 1] : [false, n]))
        if (isSomeone) served++
      }
    })
    const guest = (who: string) =>
      Effect.gen(function* () {
        yield* Ref.update(chairs, (n) => n + 1)
        yield* bell.open
      }).pipe(Effect.withSpan(`${who} comes in`))
    yield* Effect.all([barber(), guest("ann"), guest("bob")], { concurrency: "unbounded" })
  })

export const sleepingBarber: Bug = {
  name: "sleeping barber",
  what: "The barber resets the bell after looking for guests instead of before, and sleeps through a ring.",
  buggy: barberShop((chairs, bell) =>
    Effect.gen(function* () {
      if ((yield* Ref.get(chairs)) > 0) return
      yield* bell.close
      yield* bell.await
    })
  ),
  fixed: barberShop((chairs, bell) =>
    Effect.gen(function* () {
      yield* bell.close
      if ((yield* Ref.get(chairs)) > 0) return
      yield* bell.await
    })
  ),
  shows: { outcome: "deadlock", message: "in barber" }
}
