import { assert, describe, it } from "@effect/vitest"
import { processFaults, plan, wireFaults } from "../../../runtime/real/Chaos.ts"
import { Prng } from "../../../sim/Prng.ts"

const options = { kinds: [...wireFaults, ...processFaults], targets: 3, durationMs: 10_000, lastsMsMax: 1_000 }

const planOf = (seed: number) => plan(new Prng(seed, 0), options)

describe("the plan of the chaos", () => {
  it("is the same for a seed, and another for another", () => {
    assert.deepStrictEqual(planOf(7), planOf(7))
    assert.notDeepEqual(planOf(7), planOf(8))
  })

  it("disturbs each target once at a time, and is over in time", () => {
    for (let seed = 0; seed < 200; seed++) {
      const all = planOf(seed)
      for (let target = 0; target < options.targets; target++) {
        const own = all.filter((each) => each.target === target)
        assert.isNotEmpty(own)
        for (const [index, { fromMs, untilMs }] of own.entries()) {
          assert.isAtLeast(untilMs - fromMs, options.lastsMsMax / 2)
          assert.isAtMost(untilMs - fromMs, options.lastsMsMax)
          assert.isAtMost(untilMs, options.durationMs)
          assert.isAbove(fromMs, own[index - 1]?.untilMs ?? -1)
        }
      }
    }
  })

  it("draws every kind", () => {
    const kinds = new Set(
      Array.from({ length: 50 }, (_, seed) => planOf(seed)).flatMap((all) => all.map(({ kind }) => kind))
    )
    assert.deepStrictEqual([...kinds].toSorted(), [...options.kinds].toSorted())
  })
})
