/** The health of the console where nothing happens any more. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Console from "../../../core/Console.ts"
import * as World from "../../../scenarios/World.ts"
import * as Sim from "../../../sim/Sim.ts"

const recovers = (component: string) =>
  Effect.gen(function* () {
    const world = yield* World.make({ nodes: {}, parts: Console.parts })
    const statusOf = Effect.map(world.components.all, (all) => all.find(({ name }) => name === component)?.status)
    yield* world.components.errored(component, "something was lost")
    const before = yield* statusOf
    if (before !== "degraded") return yield* Effect.die(`the ${component} is ${before}`)
    yield* Sim.eventually({
      what: `the ${component} is healthy although nothing happens`,
      within: 30_000,
      look: statusOf,
      until: (status) => status === "healthy"
    })
  }).pipe(Effect.scoped)

describe("ConsoleHealth", () => {
  for (const component of ["hub", "activity", "fleet memory"]) {
    it(`lets the ${component} recover on a fleet where nothing happens`, () => {
      const { failure } = Sim.check(recovers(component), { runs: 6, seed: 1 })
      assert.isUndefined(failure, failure?.message)
    })
  }
})
