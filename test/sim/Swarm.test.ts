/** A swarm draws for each run which faults are in play and how strongly, and says so. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as Sim from "../../sim/Sim.ts"

const kinds = { delay: [1, 20, 400], loss: [5], reset: ["rare", "often"] } as const
const drawn = Sim.swarm(kinds)

const runs = 1_200

const draws = Array.from({ length: runs }, (_, seed) => {
  const { exit, message, notes } = Sim.run(drawn, { seed })
  if (exit === undefined || Exit.isFailure(exit)) throw new Error(message)
  return { value: exit.value, notes }
})

const part = (wanted: (value: Readonly<Partial<Record<keyof typeof kinds, number | string>>>) => boolean): number =>
  draws.filter(({ value }) => wanted(value)).length / runs

describe("a swarm", () => {
  it("leaves each kind out of half of the runs, on its own account", () => {
    // Five standard deviations of a half, of 1,200.
    for (const kind of ["delay", "loss", "reset"] as const) {
      assert.approximately(
        part((value) => kind in value),
        1 / 2,
        0.075
      )
    }
    assert.approximately(
      part((value) => "delay" in value && "loss" in value && "reset" in value),
      1 / 8,
      0.05
    )
    assert.approximately(
      part((value) => Object.keys(value).length === 0),
      1 / 8,
      0.05
    )
  })

  it("uses each level of a kind as often", () => {
    for (const level of kinds.delay) {
      assert.approximately(
        part((value) => value.delay === level),
        1 / 6,
        0.055
      )
    }
  })

  it("notes what it drew for the report", () => {
    for (const { notes, value } of draws.slice(0, 50)) {
      for (const kind of ["delay", "loss", "reset"] as const) {
        assert.strictEqual(notes.get(kind), value[kind] === undefined ? "off" : JSON.stringify(value[kind]))
      }
    }
  })

  it("is empty when every choice is the dullest, and shrinks to the one kind that matters", () => {
    const failing = Effect.flatMap(drawn, ({ delay = 0 }) => (delay >= 20 ? Effect.die("too slow") : Effect.void))
    const { failure } = Sim.check(failing, { runs: 100 })
    assert.deepStrictEqual(Object.fromEntries(failure?.shrunk?.notes ?? []), { delay: "20", loss: "off", reset: "off" })
    const canonical = Sim.check(drawn, { runs: 1 })
    assert.isUndefined(canonical.failure)
  })
})
