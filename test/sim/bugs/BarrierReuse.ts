/**
 * The order that shows it: both meet; one leaves, does its next round and arrives again before the other has left. It
 * is counted as if both had come, and runs ahead.
 */
import { Effect, Latch, Ref } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const parties = 2
const rounds = 3

/** Closes behind the last one to leave; until then it is not fit to be used again. */
const makeBarrier = Effect.gen(function* () {
  const inside = yield* Ref.make(0)
  const gate = yield* Latch.make()
  return Effect.gen(function* () {
    if ((yield* Ref.updateAndGet(inside, (n) => n + 1)) === parties) yield* gate.open
    yield* gate.await
    if ((yield* Ref.updateAndGet(inside, (n) => n - 1)) === 0) yield* gate.close
  })
})

/** `barrierOf` says at which of two barriers a round ends. */
const simulation = (barrierOf: (round: number) => "first" | "second") =>
  Effect.gen(function* () {
    const barriers = { first: yield* makeBarrier, second: yield* makeBarrier }
    const done = new Map<string, number>()
    const half = (me: string, other: string) =>
      Effect.gen(function* () {
        for (let round = 1; round <= rounds; round++) {
          done.set(me, round)
          yield* barriers[barrierOf(round)]
          const behind = done.get(other) ?? 0
          yield* must(
            behind >= round,
            () => `the ${me} half is through round ${round}, the ${other} half is in ${behind}`
          )
        }
      }).pipe(Effect.withSpan(`${me} half`))
    yield* Effect.all([half("left", "right"), half("right", "left")], { concurrency: "unbounded" })
  })

export const barrierReuse: Bug = {
  name: "barrier reuse",
  what: "A barrier is used for the next round before everybody has left the last one.",
  buggy: simulation(() => "first"),
  fixed: simulation((round) => (round % 2 === 1 ? "first" : "second")),
  shows: { outcome: "failed", message: "half is through round" }
}
