import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import * as EventBus from "../../../core/bus/EventBus.ts"
import * as Components from "../../../core/health/Components.ts"
import * as Sim from "../../../sim/Sim.ts"
import { options } from "../bus/Events.ts"

const services = Components.layer({ failingAfter: 2 }).pipe(Layer.provideMerge(EventBus.layer(options)))

/** Changes of status as they come over the bus. */
const changes = Effect.gen(function* () {
  const told: Array<string> = []
  yield* (yield* EventBus.EventBus).subscribe({
    name: "test",
    handle: (event: BusEvent) =>
      Effect.sync(() => {
        if (event.type === "component.status")
          told.push(`${event.component} ${event.from} -> ${event.to}: ${event.detail}`)
      })
  })
  return told
})

/** Four reporters at once; nobody may be told of a change that the state does not have yet. */
const torn = Effect.scoped(
  Effect.gen(function* () {
    const components = yield* Components.Components
    const told: Array<string> = []
    yield* (yield* EventBus.EventBus).subscribe({
      name: "test",
      handle: (event) =>
        event.type === "component.status" ? Effect.sync(() => told.push(event.from, event.to)) : Effect.void
    })
    const fibers = yield* Effect.forEach([1, 2, 3, 4], () =>
      Effect.forkChild(
        Effect.forEach([1, 2, 3], () =>
          Effect.flatMap(Sim.choose("workload", 3), (n) =>
            n === 0 ? components.succeeded("x") : components.errored("x", "no")
          )
        )
      )
    )
    yield* Fiber.joinAll(fibers)
    yield* Effect.sleep(1)
    const [x] = yield* components.all
    // Each change begins where the one before it ended, and the last is the state.
    const chain = ["healthy", ...told, x?.status ?? "healthy"]
    for (let i = 0; i < chain.length; i += 2) {
      if (chain[i] !== chain[i + 1]) return yield* Effect.die(`torn: ${chain.join(" ")}`)
    }
    if (told.length > 4) yield* Sim.sometimes("several changes")
  })
).pipe(Effect.provide(services))

describe("Components", () => {
  it.effect("publishes changes of status, and only those", () =>
    Effect.gen(function* () {
      const told = yield* changes
      const components = yield* Components.Components
      yield* components.register("hub")
      yield* components.succeeded("hub")
      yield* components.errored("hub", "no")
      yield* components.errored("hub", "no")
      yield* components.errored("hub", "no")
      yield* components.succeeded("hub")
      yield* components.failed("hub", "over")
      yield* components.succeeded("hub")
      yield* components.register("hub")
      for (let turn = 0; turn < 100 && told.length < 5; turn++) yield* Effect.yieldNow
      assert.deepStrictEqual(told, [
        "hub healthy -> degraded: no",
        "hub degraded -> failing: no (2 errors in a row)",
        "hub failing -> degraded: a success",
        "hub degraded -> failed: over",
        "hub failed -> healthy: started again"
      ])
    }).pipe(Effect.provide(services))
  )

  it.effect("knows all components in the order of becoming known, with what they say of themselves", () =>
    Effect.gen(function* () {
      const components = yield* Components.Components
      yield* components.register("hub", Effect.succeed({ clients: 3 }))
      yield* TestClock.adjust(7)
      yield* components.errored("unknown", "no")
      yield* components.register("dying", Effect.die("bug"))
      yield* components.register("slow", Effect.never)
      const asking = yield* Effect.forkChild(components.all, { startImmediately: true })
      yield* TestClock.adjust(1000)
      const all = yield* Fiber.join(asking)
      const rest = { errors: 0, errorsInARow: 0 }
      assert.deepStrictEqual(all, [
        { name: "hub", status: "healthy", ...rest, lastError: undefined, detail: { clients: 3 } },
        {
          name: "unknown",
          status: "degraded",
          errors: 1,
          errorsInARow: 1,
          lastError: { atMs: 7, message: "no" },
          detail: {}
        },
        { name: "dying", status: "healthy", ...rest, lastError: undefined, detail: { detail: "not known: bug" } },
        {
          name: "slow",
          status: "healthy",
          ...rest,
          lastError: undefined,
          detail: { detail: "not known within 1000 ms" }
        }
      ])
    }).pipe(Effect.provide(services))
  )

  it("publishes changes in the order in which they happened", () => {
    const { failure, sometimes } = Sim.check(torn, { runs: 200, seed: 1, leaks: "fail" })
    assert.isUndefined(failure?.message, failure?.story)
    assert.isAbove(sometimes.get("several changes") ?? 0, 10)
  })
})
