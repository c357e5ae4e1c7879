/** The order that shows it: the two edits conflict, the loser fails, and the editor waits for its receipt. */
import { Effect, Exit, Queue, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

type Receipts = Queue.Queue<Exit.Exit<number, string>>

/** `report` runs an edit in the background and puts a receipt for it into the queue. */
const editor = (report: (receipts: Receipts, edit: Effect.Effect<number, string>) => Effect.Effect<unknown, string>) =>
  Effect.gen(function* () {
    const version = yield* Ref.make(1)
    const receipts: Receipts = yield* Queue.bounded<Exit.Exit<number, string>>(4)
    const edit = (what: string) =>
      Effect.gen(function* () {
        const base = yield* Ref.get(version)
        const isStored = yield* Ref.modify(version, (now) => (now === base ? [true, now + 1] : [false, now]))
        return isStored ? base + 1 : yield* Effect.fail(`the ${what} was edited from an old version`)
      }).pipe(Effect.withSpan(`edit of the ${what}`))
    const collect = Effect.fn("editor waits for two receipts")(function* () {
      return [yield* Queue.take(receipts), yield* Queue.take(receipts)]
    })
    yield* Effect.forkChild(report(receipts, edit("title")))
    yield* Effect.forkChild(report(receipts, edit("text")))
    const exits = yield* collect()
    yield* must(exits.some(Exit.isSuccess), () => "both edits were refused")
  })

export const unobservedFailure: Bug = {
  name: "unobserved failure",
  what: "A background fiber reports its success only, and whoever waits for it waits for ever when it fails.",
  buggy: editor((receipts, edit) => Effect.flatMap(edit, (stored) => Queue.offer(receipts, Exit.succeed(stored)))),
  fixed: editor((receipts, edit) => Effect.flatMap(Effect.exit(edit), (exit) => Queue.offer(receipts, exit))),
  shows: { outcome: "deadlock", message: "in editor waits for two receipts" }
}
