import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as KeyedLocks from "../../../core/fleet/KeyedLocks.ts"

describe("KeyedLocks", () => {
  it.effect("runs what has one key in the order of asking, and what has another at once", () =>
    Effect.gen(function* () {
      const locks = yield* KeyedLocks.make
      const log: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const use = (key: string, name: string, wait: Effect.Effect<void>) =>
        Effect.forkChild(
          locks.withLock(key)(
            Effect.gen(function* () {
              log.push(`${name} in`)
              yield* wait
              log.push(`${name} out`)
            })
          ),
          { startImmediately: true }
        )
      const fibers = [
        yield* use("a", "first", Deferred.await(gate)),
        yield* use("a", "second", Effect.void),
        yield* use("b", "other", Effect.void),
        yield* use("a", "third", Effect.void)
      ]
      yield* Effect.yieldNow
      assert.deepStrictEqual(log, ["first in", "other in", "other out"])
      assert.strictEqual(yield* locks.size, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(log.slice(3), ["first out", "second in", "second out", "third in", "third out"])
      assert.strictEqual(yield* locks.size, 0)
    })
  )

  it.effect("forgets a key after a failure, a defect, and an interruption of the holder and of one who waits", () =>
    Effect.gen(function* () {
      const locks = yield* KeyedLocks.make
      const lock = locks.withLock("a")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(lock(Effect.fail("no")))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(lock(Effect.die("no")))))
      const holder = yield* Effect.forkChild(lock(Effect.never), { startImmediately: true })
      const waiter = yield* Effect.forkChild(lock(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(waiter)
      assert.strictEqual(yield* locks.size, 1)
      yield* Fiber.interrupt(holder)
      assert.strictEqual(yield* locks.size, 0)
      assert.strictEqual(yield* lock(Effect.succeed("free")), "free")
    })
  )
})
