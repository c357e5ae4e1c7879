import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Lanes from "../../sim/Lanes.ts"
import type { Pool } from "../../sim/PoolCheck.ts"

const pool = (count: number): Pool => ({
  threads: Array.from({ length: count }, () => ({ ask: () => Effect.die("nothing is asked here") }))
})

interface Item {
  readonly name: string
  readonly tookMs: number
}

/** Does all items on so many threads, each for its time; what began, over how many threads, and what was told. */
const doAll = Effect.fnUntraced(function* (
  threads: number,
  items: ReadonlyArray<Item>,
  options: { readonly inTurn?: boolean; readonly failing?: string; readonly last?: string } = {}
) {
  const told: Array<string> = []
  const begun: Array<string> = []
  const threadsAtEnd: Array<string> = []
  const doing = yield* Effect.forkChild(
    Lanes.forEach(pool(threads), items, {
      ...(options.inTurn === undefined ? {} : { inTurn: options.inTurn }),
      sweep: Effect.fnUntraced(function* (over: Pool, { name, tookMs }: Item) {
        begun.push(name)
        yield* Effect.sleep(tookMs)
        threadsAtEnd.push(`${name} ${over.threads.length}`)
        return name === options.failing ? yield* Effect.fail(name) : name
      }),
      isLast: (name: string) => name === options.last,
      tell: (name: string) => Effect.sync(() => void told.push(name))
    })
  )
  yield* TestClock.adjust("1 hour")
  return { exit: yield* Fiber.await(doing), told, begun, threadsAtEnd }
})

const items = [
  { name: "a", tookMs: 100 },
  { name: "b", tookMs: 10 },
  { name: "c", tookMs: 20 },
  { name: "d", tookMs: 200 }
]

describe("Lanes", () => {
  it.effect("does as many at a time as there are threads, and tells of them in their order", () =>
    Effect.gen(function* () {
      const { begun, exit, threadsAtEnd, told } = yield* doAll(2, items)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(begun, ["a", "b", "c", "d"])
      assert.deepStrictEqual(told, ["a", "b", "c", "d"])
      // When a has ended there is nothing left to begin, and its thread helps with d.
      assert.deepStrictEqual(threadsAtEnd, ["b 1", "c 1", "a 1", "d 2"])
    })
  )

  it.effect("does one after the other over all threads when they take turns", () =>
    Effect.gen(function* () {
      const { threadsAtEnd } = yield* doAll(3, items, { inTurn: true })
      assert.deepStrictEqual(threadsAtEnd, ["a 3", "b 3", "c 3", "d 3"])
    })
  )

  it.effect("begins nothing after the last, and ends what is under way", () =>
    Effect.gen(function* () {
      const { begun, told } = yield* doAll(2, items, { last: "b" })
      assert.deepStrictEqual(begun, ["a", "b"])
      assert.deepStrictEqual(told, ["a", "b"])
    })
  )

  it.effect("tells after an error what there is by then", () =>
    Effect.gen(function* () {
      const { begun, exit, told } = yield* doAll(2, items, { failing: "c" })
      assert.deepStrictEqual(exit, Exit.fail("c"))
      assert.deepStrictEqual(begun, ["a", "b", "c"])
      assert.deepStrictEqual(told, ["b"])
    })
  )
})
