/** The order that shows it: the dashboard reads the state, the last event is published, the dashboard subscribes. */
import { Effect, PubSub, Ref, type Scope } from "effect"
import type { Bug } from "./Bug.ts"

type Subscribe = Effect.Effect<PubSub.Subscription<number>, never, Scope.Scope>

/** `join` gives the state and the subscription to what changes it. */
const dashboard = (
  join: (
    read: Effect.Effect<number>,
    subscribe: Subscribe
  ) => Effect.Effect<readonly [number, PubSub.Subscription<number>], never, Scope.Scope>
) =>
  Effect.gen(function* () {
    const version = yield* Ref.make(0)
    const changes = yield* PubSub.bounded<number>(8)
    const publish = Effect.fn("fleet changes")(function* () {
      for (const next of [1, 2]) {
        yield* Ref.set(version, next)
        yield* PubSub.publish(changes, next)
      }
    })
    const show = Effect.fn("dashboard waits for version 2")(function* () {
      const [first, subscription] = yield* join(Ref.get(version), PubSub.subscribe(changes))
      let shown = first
      while (shown < 2) shown = Math.max(shown, yield* PubSub.take(subscription))
    }, Effect.scoped)
    yield* Effect.all([publish(), show()], { concurrency: "unbounded" })
  })

export const lateSubscriber: Bug = {
  name: "late subscriber",
  what: "A dashboard reads the state and then subscribes, and never hears of a change in between.",
  buggy: dashboard((read, subscribe) =>
    Effect.gen(function* () {
      const state = yield* read
      return [state, yield* subscribe] as const
    })
  ),
  fixed: dashboard((read, subscribe) =>
    Effect.gen(function* () {
      const subscription = yield* subscribe
      return [yield* read, subscription] as const
    })
  ),
  shows: { outcome: "deadlock", message: "in dashboard waits for version 2" }
}
