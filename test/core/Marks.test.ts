import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Marks, marks, reached } from "../../core/Marks.ts"
import type { Mark } from "../../core/Marks.ts"

const reach = (mark: Mark) => Effect.sync(() => reached(mark))

/** Gives what is told while the effect runs, and to nobody further out. */
const told = (effect: Effect.Effect<unknown>): Effect.Effect<ReadonlyArray<Mark>> =>
  Effect.suspend(() => {
    const all: Array<Mark> = []
    return Effect.as(
      Effect.provideService(effect, Marks, (mark) => void all.push(mark)),
      all
    )
  })

describe("marks", () => {
  it.effect("are told to whom the fiber has in its context", () =>
    Effect.gen(function* () {
      let inner: ReadonlyArray<Mark> = []
      const outer = yield* told(
        Effect.gen(function* () {
          yield* reach("a circuit opened")
          inner = yield* told(reach("a commit had no answer"))
          yield* reach("a reload was refused")
        })
      )
      yield* reach("a slow client was let go")
      assert.deepStrictEqual(outer, ["a circuit opened", "a reload was refused"])
      assert.deepStrictEqual(inner, ["a commit had no answer"])
    })
  )

  it.effect("are told from fibers that were forked there", () =>
    Effect.gen(function* () {
      const forked = Effect.flatMap(Effect.forkChild(reach("a circuit opened")), Fiber.join)
      assert.deepStrictEqual(yield* told(forked), ["a circuit opened"])
    })
  )

  it("may be reached where no fiber runs", () => assert.doesNotThrow(() => reached("a circuit opened")))

  it("are short phrases, each there once", () => {
    assert.strictEqual(new Set(marks).size, marks.length)
    for (const mark of marks) assert.match(mark, /^[a-z][a-z ,]{9,70}[a-z]$/)
  })
})
