/** The health of the console where nothing happens any more. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Console from "../../../core/Console.ts"
import * as World from "../../../scenarios/World.ts"
import * as Sim from "../../../sim/Sim.ts"

const recovers = Effect.gen(function* () {
  const world = yield* World.make({ nodes: {}, parts: Console.parts })
  const statusOf = Effect.map(world.components.all, (all) => all.find(({ name }) => name === "hub")?.status)
  yield* world.components.errored("hub", "events were lost")
  const before = yield* statusOf
  if (before !== "degraded") return yield* Effect.die(`the hub is ${before}`)
  yield* Sim.eventually({
    what: "the hub is healthy although no event comes",
    within: 30_000,
    look: statusOf,
    until: (status) => status === "healthy"
  })
}).pipe(Effect.scoped)

describe("ConsoleHealth", () => {
  it("lets the hub recover on a fleet where nothing happens", () => {
    const { failure } = Sim.check(recovers, { runs: 20, seed: 1 })
    assert.isUndefined(failure, failure?.message)
  })
})
