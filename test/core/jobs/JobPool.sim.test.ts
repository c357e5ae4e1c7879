/** The pool under every order of its fibers that the simulator draws. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import * as JobPool from "../../../core/jobs/JobPool.ts"
import * as Sim from "../../../sim/Sim.ts"

const runningMax = 2

/** Clients submit and cancel jobs that succeed, die, sleep or take long to end; the pool closes at some moment. */
const restless = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const pool = yield* JobPool.make({ name: "sim", runningMax, waitingMax: 3 }).pipe(Scope.provide(scope))
  let running = 0
  const work = (own: { runs: number }) =>
    Effect.gen(function* () {
      running++
      own.runs++
      if (running > runningMax) return yield* Effect.die(`${running} jobs at a time`)
      const kind = yield* Sim.choose("workload", 4)
      if (kind === 1) return yield* Effect.die("broken")
      yield* Effect.interruptible(Effect.onInterrupt(Effect.sleep(kind * 10), () => Effect.yieldNow))
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          running--
          own.runs--
        })
      ),
      Effect.uninterruptible
    )
  const client = (name: string) =>
    Effect.gen(function* () {
      for (let i = 0; i < 4; i++) {
        const own = { runs: 0 }
        const submitted = yield* Effect.result(pool.submit(name, work(own)))
        if (Result.isFailure(submitted)) {
          yield* Sim.sometimes(submitted.failure.reason)
          yield* Effect.sleep(5)
          continue
        }
        const job = submitted.success
        if ((yield* Sim.choose("workload", 3)) === 2) {
          yield* job.cancel
          if ((yield* pool.jobs).some(({ id }) => id === job.id))
            return yield* Effect.die("cancelled, and in the table")
          yield* Effect.sleep(5)
          if (own.runs > 0) return yield* Effect.die("cancelled, and it runs")
        }
        const exit = yield* job.await
        if ((yield* pool.jobs).some(({ id }) => id === job.id)) return yield* Effect.die("ended, and in the table")
        if (Exit.hasDies(exit) && JSON.stringify(exit).includes("at a time")) return yield* Effect.die("too many ran")
      }
    })
  const clients = yield* Effect.forEach(["a", "b", "c", "d", "e", "f"], (name) => Effect.forkChild(client(name)))
  if ((yield* Sim.choose("workload", 2)) === 1) {
    yield* Effect.sleep(yield* Sim.choose("workload", 30))
    yield* Scope.close(scope, Exit.void)
    if (running > 0) return yield* Effect.die("closed, and a job runs")
  }
  yield* Fiber.joinAll(clients)
  if ((yield* pool.jobs).length > 0) return yield* Effect.die("the table is not empty")
  yield* Scope.close(scope, Exit.void)
})

it("never runs too many, ends every job, and leaves nothing, whoever cancels or closes", () => {
  const { failure, runs, sometimes } = Sim.check(restless, { runs: 400, seed: 1, leaks: "fail" })
  assert.isUndefined(failure?.message, failure?.story)
  assert.strictEqual(runs, 400)
  for (const reason of ["full", "closing"]) assert.isAbove(sometimes.get(reason) ?? 0, 50, reason)
})
