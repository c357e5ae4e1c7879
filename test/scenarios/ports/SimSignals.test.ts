import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option } from "effect"
import { Signals } from "../../../core/Signals.ts"
import * as SimSignals from "../../../scenarios/ports/SimSignals.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as WallClock from "../../../sim/WallClock.ts"

/** Holds in every run. */
const holds = <E>(program: Effect.Effect<void, E, Signals | SimSignals.SimSignals | Sim.RunContext>) => {
  const { failure, faults } = Sim.check(Effect.provide(program, SimSignals.layer), { runs: 100 })
  assert.isUndefined(failure?.message)
  return faults
}

describe("SimSignals", () => {
  it("sends at the chosen moment and counts what it sends", () => {
    const faults = holds(
      Effect.scoped(
        Effect.gen(function* () {
          const signals = yield* SimSignals.SimSignals
          const startMs = yield* Clock.currentTimeMillis
          yield* signals.sendAfter("3 seconds", "SIGTERM")
          assert.strictEqual(yield* (yield* Signals).terminate, "SIGTERM")
          assert.strictEqual((yield* Clock.currentTimeMillis) - startMs, 3_000)
        })
      )
    )
    assert.strictEqual(faults.get("signal SIGTERM"), 100)
  })

  it("sends nothing after the scope has closed", () => {
    holds(
      Effect.gen(function* () {
        const signals = yield* SimSignals.SimSignals
        yield* Effect.scoped(signals.sendAfter("3 seconds", "SIGTERM"))
        const asked = yield* Effect.timeoutOption((yield* Signals).terminate, "1 minute")
        assert.isTrue(Option.isNone(asked))
      })
    )
  })

  it("takes signals within a second for one wish, and a later one for impatience, whatever the wall clock says", () => {
    holds(
      Effect.gen(function* () {
        const signals = yield* SimSignals.SimSignals
        const impatient = yield* Effect.forkChild(signals.impatient)
        yield* signals.send("SIGINT")
        yield* WallClock.jump("1 hour")
        yield* signals.send("SIGTERM")
        yield* Effect.sleep(999)
        yield* signals.send("SIGTERM")
        yield* Effect.sleep(0.5)
        assert.isUndefined(impatient.pollUnsafe())
        yield* Effect.sleep(0.5)
        yield* signals.send("SIGTERM")
        assert.strictEqual(yield* Fiber.join(impatient), 130)
      })
    )
  })
})
