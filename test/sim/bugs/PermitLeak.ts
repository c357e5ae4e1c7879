/**
 * The order that shows it: the request is interrupted when it has just taken the slot, after many steps without one.
 */
import { Effect, Fiber, Semaphore } from "effect"
import type { Bug } from "./Bug.ts"

const headers = ["host", "accept", "cookie", "origin", "traceparent"] as const

/** `hold` does the work with a slot. */
const oneSlot = (hold: (slots: Semaphore.Semaphore, work: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const slots = yield* Semaphore.make(1)
    const request = (who: string) =>
      Effect.gen(function* () {
        yield* Effect.forEach(headers, () => Effect.yieldNow)
        yield* hold(slots, Effect.yieldNow)
      }).pipe(Effect.withSpan(`request of ${who}`))
    const first = yield* Effect.forkChild(request("ann"))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(first)
    yield* request("bob")
  })

export const permitLeak: Bug = {
  name: "permit leak",
  what: "A request that is interrupted between taking a slot and promising to give it back keeps it for ever.",
  buggy: oneSlot((slots, work) => Effect.andThen(slots.take(1), Effect.ensuring(work, slots.release(1)))),
  fixed: oneSlot((slots, work) => slots.withPermit(work)),
  shows: { outcome: "deadlock", message: "in request of bob" }
}
