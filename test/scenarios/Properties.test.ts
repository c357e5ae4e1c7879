import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { properties } from "../../scenarios/Properties.ts"
import { findSubject, replay, sweep } from "../../scenarios/Sweep.ts"

/** A few: `npm run check` and `npm run mutants` try more seeds, and all mutants. */
const seeds = { holding: 3, catching: 1_000 } as const

/** Properties of which a run takes a few milliseconds. */
const shortOnes = new Set(["P11", "P12"])
const minuteMs = 60_000

const subject = (name: string) => Result.getOrThrow(findSubject(name))

/** Names of what two runs have not in common: the difference itself is too large to be shown. */
const differing = (one: object, other: object): ReadonlyArray<string> =>
  Object.keys({ ...one, ...other }).filter((key) => !isDeepStrictEqual(Reflect.get(one, key), Reflect.get(other, key)))

describe("properties", () => {
  for (const { id, mutants, title } of properties) {
    it(`${id} ${title} holds`, { timeout: 2 * minuteMs }, () => {
      const result = sweep(subject(id), { runs: seeds.holding, seed: 0 })
      assert.strictEqual(result.failure?.message, undefined)
      assert.strictEqual(result.runs, seeds.holding)
      assert.isAbove(result.distinctTraces, seeds.holding / 2)
    })

    it(`${id} has at least three mutants`, () => assert.isAtLeast(mutants.length, 3))

    for (const mutant of mutants.slice(0, 1)) {
      it(`${id} catches ${mutant.id}, and its token replays the run`, { timeout: 2 * minuteMs }, () => {
        // Shrinking takes hundreds of runs: it is tried where a run is short.
        const options = { runs: seeds.catching, seed: 0, shrink: shortOnes.has(id) }
        const { failure } = sweep(subject(`${id}+${mutant.id}`), options)
        assert.isDefined(failure, "not caught")
        const { candidates, minimal, picture, run, shrunk, story, ...found } = failure
        const again = Result.getOrThrow(replay(found.token)).run
        // All of it: outcome, message, steps, every deviation and every stretch of every fiber.
        assert.deepStrictEqual(differing(found, again), [])
        assert.strictEqual(picture.token, (shrunk ?? found).token)
        if (!options.shrink) return
        assert.isDefined(shrunk, `not shrunk after ${candidates} candidates`)
        assert.deepStrictEqual(differing(Result.getOrThrow(replay(shrunk.token)).run, shrunk), [])
        assert.isAtMost(shrunk.deviations.length, found.deviations.length)
        // One that is too long is led to by the token of the run that was found.
        const lines = [`npx muster replay ${shrunk.token}`, `npx muster replay ${found.token} --shrink`]
        assert.isAtMost(Math.min(...lines.map((line) => line.length)), 200)
        assert.include(story, shrunk.message)
        assert.isTrue(minimal || candidates > 100, `given up after ${candidates} candidates and ${run} runs`)
      })
    }
  }

  it("gives the same digest of traces for the same seeds", () => {
    const digest = (seed: number) => sweep(subject("P4"), { runs: 20, seed }).traceHash
    assert.strictEqual(digest(7), digest(7))
    assert.notStrictEqual(digest(7), digest(8))
  })

  it("names what there is when a name is unknown", () => {
    const problem = (name: string) => Result.getOrThrow(Result.flip(findSubject(name))).message
    assert.include(problem("P99"), "P1, P2, P3, P4")
    assert.include(problem("P1+nonsense"), "racy-count")
  })

  it("refuses a token of another program", () => {
    const { failure } = sweep(subject("P4+lost-update"), { runs: seeds.catching, seed: 0, shrink: false })
    assert.isDefined(failure)
    const forged = failure.token.replace("lost-update", "stale-read")
    assert.include(Result.getOrThrow(Result.flip(replay(forged))).message, "differs")
  })
})
