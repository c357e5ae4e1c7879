/**
 * The order that shows it: both owners find the log open; one closes it; the ledger gets the same descriptor; the
 * other owner closes that.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** `close` frees the descriptor of a file once. */
const descriptors = (close: (isClosed: Ref.Ref<boolean>, free: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const files = new Map<number, string>()
    /** As the operating system does: the lowest number that is free. */
    const open = (name: string) =>
      Effect.sync(() => {
        let descriptor = 3
        while (files.has(descriptor)) descriptor++
        files.set(descriptor, name)
        return descriptor
      })
    const log = yield* open("log")
    const isClosed = yield* Ref.make(false)
    const closeLog = (who: string) =>
      Effect.withSpan(
        close(
          isClosed,
          Effect.sync(() => void files.delete(log))
        ),
        `${who} closes the log`
      )
    const book = Effect.fn("booking")(function* () {
      const ledger = yield* open("ledger")
      yield* Effect.yieldNow
      yield* must(files.get(ledger) === "ledger", () => `the ledger, descriptor ${ledger}, was closed by somebody else`)
    })
    yield* Effect.all([closeLog("rotation"), closeLog("shutdown"), book()], { concurrency: "unbounded" })
  })

export const doubleClose: Bug = {
  name: "double close",
  what: "Two owners close the same file, and the second one closes another that was given its descriptor.",
  buggy: descriptors((isClosed, free) =>
    Effect.gen(function* () {
      if (yield* Ref.get(isClosed)) return
      yield* free
      yield* Ref.set(isClosed, true)
    })
  ),
  fixed: descriptors((isClosed, free) =>
    Effect.gen(function* () {
      if (yield* Ref.getAndSet(isClosed, true)) return
      yield* free
    })
  ),
  shows: { outcome: "failed", message: "descriptor 3, was closed by somebody else" }
}
