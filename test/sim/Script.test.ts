/** Choices written out: they come back from their text, mean the same run, and no text makes their reading throw. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { seeded } from "../../sim/Choices.ts"
import { execute } from "../../sim/Run.ts"
import { decode, decodeScript, encode, encodeScript, scriptOf, scripted } from "../../sim/Script.ts"
import type { Listed } from "../../sim/Script.ts"
import * as Sim from "../../sim/Sim.ts"

const listed = fc
  .array(fc.tuple(fc.nat(2 ** 31), fc.integer({ min: 1, max: 2 ** 32 - 1 })), { maxLength: 20 })
  .map((pairs): Listed => new Map(pairs.toSorted(([a], [b]) => a - b)))

const scripts = fc.record({ faults: listed, workload: listed, data: fc.option(listed, { nil: undefined }) })

describe("a script", () => {
  it("comes back from its text, which is safe anywhere", () => {
    fc.assert(
      fc.property(scripts, (script) => {
        const text = encodeScript(script)
        assert.match(text, /^[A-Za-z0-9_-]+$/)
        assert.deepStrictEqual(decodeScript(text), script)
      })
    )
  })

  it("takes two bytes for a near and small choice", () => {
    const text = encode([new Map(Array.from({ length: 30 }, (_, i) => [3 * i, 1 + (i % 5)]))])
    assert.isAtMost(text.length, Math.ceil((61 * 4) / 3))
  })

  it("is read or refused whatever the text is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/), fc.string()), (text) => {
        const lists = decode(text)
        if (lists === undefined) return
        for (const [index, value] of lists.flatMap((list) => Array.from(list))) {
          assert.isTrue(Number.isSafeInteger(index) && Number.isSafeInteger(value))
        }
      }),
      { numRuns: 1_000 }
    )
    assert.isUndefined(decodeScript(""))
    assert.isUndefined(decodeScript("AA"))
    assert.isUndefined(decodeScript(encode([new Map(), new Map(), new Map(), new Map()])))
  })

  it("gives its values by index, the dullest elsewhere, and data from the seed where it has none", () => {
    const script = { faults: new Map([[1, 2]]), workload: new Map([[0, 9]]), data: undefined }
    const source = scripted(script, 7)
    const path = () => "0"
    assert.deepStrictEqual(
      [0, 1, 2].map((index) => source.value("faults", 3, index, path)),
      [0, 2, 0]
    )
    // Out of range in another program.
    assert.strictEqual(source.value("workload", 5, 0, path), 0)
    const drawn = seeded(7)
    for (let i = 0; i < 5; i++) {
      assert.strictEqual(source.value("data", 1_000, i, path), drawn.value("data", 1_000, i, path))
    }
  })

  it("made of a run leads to the same values again", () => {
    const program = Effect.gen(function* () {
      const values: Array<number> = []
      for (let i = 0; i < 5; i++) {
        values.push(
          yield* Sim.choose("faults", 3),
          yield* Sim.choose("workload", 2 ** 32),
          yield* Sim.choose("data", 9)
        )
      }
      return values
    })
    const strategy = Sim.strategyNamed("list-AA")
    assert.isDefined(strategy)
    for (let seed = 0; seed < 30; seed++) {
      const { deviations, exit } = Sim.run(program, { seed, strategy, record: true })
      for (const withData of [true, false]) {
        const script = scriptOf(deviations, withData)
        const again = execute(program, { seed: withData ? 0 : seed, strategy, script, record: "story" })
        assert.deepStrictEqual(again.exit, exit)
        assert.deepStrictEqual(Result.getOrThrow(Sim.replay(program, again.token)).exit, exit)
      }
    }
  })
})
