/**
 * The order that shows it: a thief has read both ends; the owner takes the last job as its own; the thief takes it
 * too.
 */
import { Effect, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const jobs = ["resize", "upload"] as const

/** `takeLast` decides a race for the last job, at `top`, and says whether the owner has won. */
const stealing = (takeLast: (top: Ref.Ref<number>, at: number) => Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    const top = yield* Ref.make(0)
    const bottom = yield* Ref.make<number>(jobs.length)
    const done: Array<string> = []
    const work = (index: number) => Effect.sync(() => void done.push(jobs[index] ?? "nothing"))

    const owner = Effect.fn("owner")(function* () {
      for (;;) {
        const last = yield* Ref.updateAndGet(bottom, (n) => n - 1)
        const first = yield* Ref.get(top)
        if (first < last) {
          yield* work(last)
          continue
        }
        const isMine = first === last && (yield* takeLast(top, first))
        yield* Ref.set(bottom, last + 1)
        if (isMine) yield* work(last)
        return
      }
    })
    const thief = Effect.fn("thief")(function* () {
      const first = yield* Ref.get(top)
      const end = yield* Ref.get(bottom)
      if (first >= end) return
      const isMine = yield* Ref.modify(top, (now) => (now === first ? [true, now + 1] : [false, now]))
      if (isMine) yield* work(first)
    })
    yield* Effect.all([owner(), thief()], { concurrency: "unbounded" })
    yield* must(new Set(done).size === done.length, () => `a job was done twice: ${done.join(", ")}`)
  })

export const workStealing: Bug = {
  name: "work stealing",
  what: "The owner takes the last job of its deque without racing a thief for it.",
  buggy: stealing((top, at) => Effect.as(Ref.set(top, at + 1), true)),
  fixed: stealing((top, at) => Ref.modify(top, (now) => (now === at ? [true, now + 1] : [false, now]))),
  shows: { outcome: "failed", message: "a job was done twice: upload, resize, resize" }
}
