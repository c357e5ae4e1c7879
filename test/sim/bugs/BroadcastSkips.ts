/** The order that shows it: ann has her message and leaves; the list moves up by one, and the loop steps over bob. */
import { Effect } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

/** `audience` is what the broadcast walks over. */
const chatRoom = (audience: (members: ReadonlyArray<string>) => ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const members = ["ann", "bob", "cid"]
    const received = new Set<string>()
    const broadcast = Effect.fn("broadcast")(function* () {
      for (const member of audience(members)) {
        yield* Effect.yieldNow
        received.add(member)
      }
    })
    const leave = Effect.fn("ann leaves")(function* () {
      yield* Effect.yieldNow
      members.splice(members.indexOf("ann"), 1)
    })
    yield* Effect.all([broadcast(), leave()], { concurrency: "unbounded" })
    const missed = members.filter((member) => !received.has(member))
    yield* must(missed.length === 0, () => `${missed.join()} stayed and did not get the message`)
  })

export const broadcastSkips: Bug = {
  name: "broadcast over a live list",
  what: "A loop over a list that others change steps over a member.",
  buggy: chatRoom((members) => members),
  fixed: chatRoom((members) => Array.from(members)),
  shows: { outcome: "failed", message: "stayed and did not get the message" }
}
