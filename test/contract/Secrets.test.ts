/** One contract of `Secrets` for the simulated and the real one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as NodeSecrets from "../../runtime/NodeSecrets.ts"
import * as SimSecrets from "../../scenarios/ports/SimSecrets.ts"
import * as Sim from "../../sim/Sim.ts"
import { suite } from "./Secrets.ts"

describe("Secrets, simulated", () => {
  suite({
    it: (name, test) =>
      it(`${name}, simulated`, () => {
        const { failure } = Sim.check(Effect.provide(test(), SimSecrets.layer()), { runs: 3, shrink: false })
        assert.isUndefined(failure?.message)
      })
  })
})

describe("Secrets of node:crypto", () => {
  suite({ it: (name, test) => it.live(name, () => Effect.provide(test(), NodeSecrets.layer)) })
})
