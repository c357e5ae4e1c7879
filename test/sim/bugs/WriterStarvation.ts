/** The order that shows it: whenever two reads end in one instant, one begins anew before the other has ended. */
import { Clock, Effect, Semaphore } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const readers = 2
const readMs = 10
const readsEach = 6

/** `queueUp` stands before each access: readers pass, a writer stays in it while it waits. */
const library = (
  queueUp: (gate: Semaphore.Semaphore) => {
    readonly pass: Effect.Effect<void>
    readonly stay: (write: Effect.Effect<void>) => Effect.Effect<void>
  }
) =>
  Effect.gen(function* () {
    const lock = yield* Semaphore.make(readers)
    const { pass, stay } = queueUp(yield* Semaphore.make(1))
    const reader = (who: string) =>
      Effect.gen(function* () {
        for (let i = 0; i < readsEach; i++) {
          yield* pass
          yield* lock.withPermits(1)(Effect.sleep(readMs))
        }
      }).pipe(Effect.withSpan(`${who} reads`))
    const writer = Effect.fn("writer")(function* () {
      const before = yield* Clock.currentTimeMillis
      yield* stay(lock.withPermits(readers)(Effect.void))
      const waited = (yield* Clock.currentTimeMillis) - before
      yield* must(waited < readsEach * readMs, () => `the writer waited for ${waited} ms, until all readers had left`)
    })
    yield* Effect.all([reader("ann"), reader("bob"), writer()], { concurrency: "unbounded" })
  })

export const writerStarvation: Bug = {
  name: "writer starvation",
  what: "Readers that overlap never leave the lock free for a writer, who waits until the last has gone.",
  buggy: library(() => ({ pass: Effect.void, stay: (write) => write })),
  fixed: library((gate) => ({ pass: gate.withPermit(Effect.void), stay: (write) => gate.withPermit(write) })),
  shows: { outcome: "failed", message: "until all readers had left" }
}
