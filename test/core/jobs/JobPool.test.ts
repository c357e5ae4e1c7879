import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Latch, Logger, Option, References, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as JobPool from "../../../core/jobs/JobPool.ts"

const options = { name: "test", runningMax: 1, waitingMax: 1 }

describe("JobPool", () => {
  it.effect("runs jobs in the order of asking, and tells how they ended", () =>
    Effect.gen(function* () {
      const pool = yield* JobPool.make({ ...options, waitingMax: 5 })
      const order: Array<number> = []
      const jobs = yield* Effect.forEach([1, 2, 3], (n) =>
        pool.submit(
          `job ${n}`,
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => order.push(n))
          )
        )
      )
      const failing = yield* pool.submit("failing", Effect.fail("no"))
      yield* Effect.forEach(jobs, (job) => job.await)
      assert.deepStrictEqual(order, [1, 2, 3])
      assert.deepStrictEqual(Exit.findErrorOption(yield* failing.await), Option.some("no"))
      assert.deepStrictEqual(yield* pool.jobs, [])
    })
  )

  it.effect("refuses a job for which there is no place, and says what it has", () =>
    Effect.gen(function* () {
      const pool = yield* JobPool.make(options)
      yield* TestClock.adjust(5)
      yield* pool.submit("first", Effect.never)
      yield* pool.submit("second", Effect.never)
      const { reason, runningMax, waitingMax } = yield* Effect.flip(pool.submit("third", Effect.void))
      assert.deepStrictEqual({ reason, runningMax, waitingMax }, { reason: "full", runningMax: 1, waitingMax: 1 })
      assert.deepStrictEqual(yield* pool.jobs, [
        { id: 1, name: "first", state: "running", sinceMs: 5 },
        { id: 2, name: "second", state: "waiting", sinceMs: 5 }
      ])
    })
  )

  it.effect("cancels a job that waits or runs, and gives its place to the next", () =>
    Effect.gen(function* () {
      const pool = yield* JobPool.make({ ...options, waitingMax: 2 })
      const ended = yield* Deferred.make<void>()
      const running = yield* pool.submit(
        "running",
        Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.yieldNow, Deferred.succeed(ended, undefined)))
      )
      const waiting = yield* pool.submit("waiting", Effect.die("it was cancelled"))
      const last = yield* pool.submit("last", Effect.succeed("ran"))
      yield* Effect.yieldNow
      yield* waiting.cancel
      assert.isTrue(Exit.hasInterrupts(yield* waiting.await))
      assert.isTrue(yield* pool.cancel(running.id))
      assert.isTrue(Deferred.isDoneUnsafe(ended))
      assert.isTrue(Exit.hasInterrupts(yield* running.await))
      assert.deepStrictEqual(yield* last.await, Exit.succeed("ran"))
      assert.isFalse(yield* pool.cancel(running.id))
      yield* running.cancel
      assert.deepStrictEqual(yield* pool.jobs, [])
    })
  )

  it.effect("cancels everything when it closes, and takes nothing afterwards", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pool = yield* JobPool.make(options).pipe(Scope.provide(scope))
      const gate = yield* Latch.make()
      const told: Array<string> = []
      const running = yield* pool.submit(
        "running",
        Effect.onInterrupt(gate.await, () =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => told.push("ended"))
          )
        )
      )
      const waiting = yield* pool.submit(
        "waiting",
        Effect.sync(() => told.push("began"))
      )
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(told, ["ended"])
      assert.isTrue(Exit.hasInterrupts(yield* running.await))
      assert.isTrue(Exit.hasInterrupts(yield* waiting.await))
      assert.deepStrictEqual(yield* pool.jobs, [])
      assert.strictEqual((yield* Effect.flip(pool.submit("late", Effect.void))).reason, "closing")
    })
  )

  it.effect("leaves nothing of a job that dies, and logs it with the job's number", () => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ fiber, message }) => {
      lines.push(`${String(message)} ${JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))}`)
    })
    return Effect.gen(function* () {
      const pool = yield* JobPool.make(options)
      const job = yield* pool.submit("broken", Effect.andThen(Effect.log("inside"), Effect.die("bug")))
      assert.isTrue(Exit.hasDies(yield* job.await))
      assert.deepStrictEqual(yield* pool.jobs, [])
      assert.deepStrictEqual(lines, [
        'inside {"pool":"test","job":1,"job_name":"broken"}',
        'job 1 (broken) died {"pool":"test","job":1}'
      ])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("runs a job in the context of who submitted it, not of the job before it", () =>
    Effect.gen(function* () {
      const pool = yield* JobPool.make(options)
      const annotations = Effect.map(References.CurrentLogAnnotations, ({ who }) => who)
      const first = yield* Effect.annotateLogs(pool.submit("first", Effect.andThen(Effect.yieldNow, annotations)), {
        who: "ada"
      })
      const second = yield* pool.submit("second", annotations)
      assert.deepStrictEqual([yield* first.await, yield* second.await], [Exit.succeed("ada"), Exit.succeed(undefined)])
    })
  )
})
