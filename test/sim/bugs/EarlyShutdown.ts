/**
 * The order that shows it: one worker finds the queue empty and ends it while another is about to add what it found.
 */
import { Cause, Effect, Queue, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const links = new Map<string, ReadonlyArray<string>>([
  ["/", ["/news"]],
  ["/help", []],
  ["/news", []]
])

/** `isOver` is asked after each page, with how many wait in the queue and how many are not done. */
const crawl = (isOver: (queued: number, notDone: number) => boolean) =>
  Effect.gen(function* () {
    const pages = yield* Queue.bounded<string, Cause.Done>(8)
    yield* Queue.offerAll(pages, ["/", "/help"])
    const notDone = yield* Ref.make(2)
    const visited: Array<string> = []
    const visit = Effect.fnUntraced(function* (page: string) {
      yield* Effect.yieldNow
      visited.push(page)
      const found = links.get(page) ?? []
      yield* Ref.update(notDone, (n) => n + found.length - 1)
      yield* Queue.offerAll(pages, found)
      if (isOver(yield* Queue.size(pages), yield* Ref.get(notDone))) yield* Queue.end(pages)
    })
    const worker = (which: number) =>
      Effect.withSpan(
        Effect.forever(Effect.flatMap(Queue.take(pages), visit)).pipe(Effect.catchIf(Cause.isDone, () => Effect.void)),
        `worker ${which}`
      )
    yield* Effect.all([worker(1), worker(2)], { concurrency: "unbounded" })
    yield* must(visited.includes("/news"), () => `only ${visited.join(" and ")} were visited, /news was lost`)
  })

export const earlyShutdown: Bug = {
  name: "early shutdown",
  what: "A queue is ended when it is empty although a job under way can still add to it.",
  buggy: crawl((queued) => queued === 0),
  fixed: crawl((_, notDone) => notDone === 0),
  shows: { outcome: "failed", message: "/news was lost" }
}
