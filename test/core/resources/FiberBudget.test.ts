import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as FiberBudget from "../../../core/resources/FiberBudget.ts"

const withBudget = <A, E>(
  max: () => number,
  use: (budget: FiberBudget.FiberBudget["Service"]) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.flatMap(FiberBudget.FiberBudget, use).pipe(
    Effect.provide(FiberBudget.layer(() => ({ requests: max(), operations: 1_000 })))
  )

const requests = (budget: FiberBudget.FiberBudget["Service"]) => Effect.map(budget.counts, ([counts]) => counts)

describe("FiberBudget", () => {
  it.effect("refuses what is beyond the ceiling at once, and does nothing of it", () =>
    withBudget(
      () => 2,
      Effect.fnUntraced(function* (budget) {
        const go = yield* Deferred.make<void>()
        const held = yield* Effect.forEach([1, 2], () =>
          Effect.forkChild(budget.within("requests")(Deferred.await(go)), { startImmediately: true })
        )
        let began = false
        const refused = yield* Effect.flip(budget.within("requests")(Effect.sync(() => (began = true))))
        assert.deepStrictEqual(
          [refused._tag, refused.component, refused.max, began],
          ["BudgetExceeded", "requests", 2, false]
        )
        assert.strictEqual(yield* budget.within("operations")(Effect.succeed("other")), "other")
        assert.deepInclude(yield* requests(budget), { underWay: 2, peak: 2, refused: 1, max: 2 })
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.joinAll(held)
        assert.deepInclude(yield* requests(budget), { underWay: 0 })
      })
    )
  )

  it.effect("has the room free again however the effect ends", () =>
    withBudget(
      () => 1,
      Effect.fnUntraced(function* (budget) {
        const within = budget.within("requests")
        yield* Effect.flip(within(Effect.fail("failed")))
        yield* Effect.exit(within(Effect.die("died")))
        const never = yield* Effect.forkChild(within(Effect.never), { startImmediately: true })
        yield* Fiber.interrupt(never)
        yield* Effect.exit(Effect.timeout(within(Effect.never), 5)).pipe(
          Effect.forkChild,
          Effect.flatMap(Fiber.interrupt)
        )
        assert.deepInclude(yield* requests(budget), { underWay: 0, peak: 1, refused: 0 })
        assert.strictEqual(yield* within(Effect.succeed(1)), 1)
      })
    )
  )

  it.effect("takes a new ceiling at once, for what comes then", () => {
    let max = 2
    return withBudget(
      () => max,
      Effect.fnUntraced(function* (budget) {
        const within = budget.within("requests")
        const held = yield* Effect.forkChild(within(Effect.never), { startImmediately: true })
        max = 1
        yield* Effect.flip(within(Effect.void))
        max = 2
        yield* within(Effect.void)
        yield* Fiber.interrupt(held)
        assert.deepInclude(yield* requests(budget), { underWay: 0, refused: 1 })
      })
    )
  })
})
