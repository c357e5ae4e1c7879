/** The order that shows it: both look before either has stored its connection. */
import { Effect, SynchronizedRef } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

type Connections = SynchronizedRef.SynchronizedRef<ReadonlyMap<string, number>>

/** `use` gives the connection to a node, opening it when there is none. */
const twoUsers = (
  use: (connections: Connections, node: string, open: Effect.Effect<number>) => Effect.Effect<number>
) =>
  Effect.gen(function* () {
    const connections = yield* SynchronizedRef.make<ReadonlyMap<string, number>>(new Map())
    let opened = 0
    const open = Effect.sync(() => ++opened)
    const ask = (who: string) => Effect.withSpan(use(connections, "web-1", open), `${who} asks web-1`)
    yield* Effect.all([ask("ann"), ask("bob")], { concurrency: "unbounded" })
    yield* must(opened === 1, () => `web-1 was connected to ${opened} times`)
  })

export const doubleInitialisation: Bug = {
  name: "double initialisation",
  what: "Two users both find no connection in the map, and each opens one.",
  buggy: twoUsers((connections, node, open) =>
    Effect.gen(function* () {
      const known = (yield* SynchronizedRef.get(connections)).get(node)
      if (known !== undefined) return known
      const made = yield* open
      yield* SynchronizedRef.update(connections, (all) => new Map(all).set(node, made))
      return made
    })
  ),
  fixed: twoUsers((connections, node, open) =>
    SynchronizedRef.modifyEffect(
      connections,
      Effect.fnUntraced(function* (all) {
        const known = all.get(node)
        if (known !== undefined) return [known, all] as const
        const made = yield* open
        return [made, new Map(all).set(node, made)] as const
      })
    )
  ),
  shows: { outcome: "failed", message: "connected to 2 times" }
}
