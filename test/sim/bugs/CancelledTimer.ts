/** The order that shows it: the undo comes in the instant in which the mail goes out, looks, and is overtaken. */
import { Effect, Fiber, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** `cancel` stops the timer and says whether it was in time. */
const undoSend = (cancel: (timer: Fiber.Fiber<void>, isSent: Effect.Effect<boolean>) => Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    const sent = yield* Ref.make(false)
    const send = Effect.fn("send after 5 seconds")(function* () {
      yield* Effect.sleep("5 seconds")
      yield* Ref.set(sent, true)
    })
    const timer = yield* Effect.forkChild(send())
    const undo = Effect.fn("undo")(function* () {
      yield* Effect.sleep("5 seconds")
      return yield* cancel(timer, Ref.get(sent))
    })
    const isUndone = yield* undo()
    const isSent = yield* Ref.get(sent)
    yield* must(!(isUndone && isSent), () => "the mail was sent although the user was told that it was not")
  })

export const cancelledTimer: Bug = {
  name: "cancelled timer",
  what: "Whether a timer has fired is looked up before it is stopped, and it fires in between.",
  buggy: undoSend((timer, isSent) =>
    Effect.gen(function* () {
      if (yield* isSent) return false
      yield* Fiber.interrupt(timer)
      return true
    })
  ),
  fixed: undoSend((timer, isSent) =>
    Effect.gen(function* () {
      yield* Fiber.interrupt(timer)
      return !(yield* isSent)
    })
  ),
  shows: { outcome: "failed", message: "sent although the user was told that it was not" }
}
