/** The order that shows it: the waiter looks, the order becomes ready and wakes nobody, the waiter goes to sleep. */
import { Deferred, Effect, Ref } from "effect"
import type { Bug } from "./Bug.ts"

interface Counter {
  readonly isReady: boolean
  readonly waiter: Deferred.Deferred<void> | undefined
}

/** `look` says whether the order is ready, and leaves the bell of who will wait. */
const oneOrder = (look: (counter: Ref.Ref<Counter>, bell: Deferred.Deferred<void>) => Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    const counter = yield* Ref.make<Counter>({ isReady: false, waiter: undefined })
    const guest = Effect.fn("guest waits for the order")(function* () {
      const bell = yield* Deferred.make<void>()
      if (!(yield* look(counter, bell))) yield* Deferred.await(bell)
    })
    const kitchen = Effect.fn("kitchen serves the order")(function* () {
      const waiter = yield* Ref.modify(counter, (now) => [now.waiter, { ...now, isReady: true }])
      if (waiter !== undefined) yield* Deferred.succeed(waiter, undefined)
    })
    yield* Effect.all([guest(), kitchen()], { concurrency: "unbounded" })
  })

export const missedWakeUp: Bug = {
  name: "missed wake-up",
  what: "Whether to wait is looked up in one step and the wish to be woken left in another.",
  buggy: oneOrder((counter, bell) =>
    Effect.gen(function* () {
      const { isReady } = yield* Ref.get(counter)
      yield* Ref.update(counter, (now) => ({ ...now, waiter: bell }))
      return isReady
    })
  ),
  fixed: oneOrder((counter, bell) => Ref.modify(counter, (now) => [now.isReady, { ...now, waiter: bell }])),
  shows: { outcome: "deadlock", message: "in guest waits for the order" }
}
