/** The order that shows it: connecting and the timeout end in the same instant, and the connection is there first. */
import { Effect, type Scope } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const connectMs = 250

const query = (
  connect: (open: Effect.Effect<void>, close: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
) =>
  Effect.gen(function* () {
    let connections = 0
    const open = Effect.andThen(
      Effect.sleep(connectMs),
      Effect.sync(() => void connections++)
    )
    const close = Effect.sync(() => void connections--)
    const ask = Effect.fn("ask the node")(function* () {
      yield* connect(open, close)
      yield* Effect.sleep("1 second")
    }, Effect.scoped)
    yield* Effect.timeoutOption(ask(), connectMs)
    yield* must(connections === 0, () => `${connections} connections are open after the timeout`)
  })

export const connectionLeak: Bug = {
  name: "connection leak",
  what: "A timeout between opening a connection and registering its release leaves it open.",
  buggy: query((open, close) =>
    Effect.andThen(
      open,
      Effect.addFinalizer(() => close)
    )
  ),
  fixed: query((open, close) => Effect.acquireRelease(open, () => close)),
  shows: { outcome: "failed", message: "1 connections are open after the timeout" }
}
