/** One contract of `Signals` for the simulated surroundings and the real ones. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as NodeSignals from "../../runtime/NodeSignals.ts"
import * as SimSignals from "../../scenarios/ports/SimSignals.ts"
import * as Sim from "../../sim/Sim.ts"
import { suite } from "./Signals.ts"

describe("Signals, simulated", () => {
  suite<SimSignals.SimSignals>({
    it: (name, test) =>
      it(`${name}, simulated`, () => {
        const { failure } = Sim.check(Effect.provide(test(), SimSignals.layer), { runs: 50 })
        assert.isUndefined(failure?.message)
      }),
    send: (signal) => SimSignals.SimSignals.use((signals) => signals.send(signal))
  })
})

describe("Signals of this process", () => {
  suite<never>({
    it: (name, test) => it.live(name, () => Effect.provide(test(), NodeSignals.layer)),
    send: (signal) => Effect.sync(() => void process.kill(process.pid, signal))
  })
})
