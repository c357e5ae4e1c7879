/** Fault rules: asked in their order, the first that objects decides, and each lives as long as its scope. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as Sim from "../../sim/Sim.ts"

interface Write {
  readonly file: string
}

const make = Sim.Rules.make<Write>({ service: "disk", describe: ({ file }) => `a write of ${file}` })

const resultOf = <A>(program: Effect.Effect<A, never, Sim.RunContext>, seed = 0) => {
  const { exit, faults, message, told } = Sim.run(program, { seed, record: true })
  if (exit === undefined || Exit.isFailure(exit)) throw new Error(message)
  return { value: exit.value, faults, told: told.map(({ text }) => text) }
}

describe("rules", () => {
  it("let everything pass where there are none", () => {
    const { faults, told, value } = resultOf(Effect.map(make, (rules) => rules.decide({ file: "a" })))
    assert.deepStrictEqual([value, faults.size, told], [Sim.Rules.pass, 0, []])
    assert.strictEqual(value._tag, "pass")
  })

  it("decide by the first that does not pass, and ask none after it", () => {
    const program = Effect.gen(function* () {
      const rules = yield* make
      const asked: Array<string> = []
      const rule = (name: string, verdict: Sim.RuleVerdict) => (point: Write) => {
        asked.push(`${name} ${point.file}`)
        return point.file === "b" && name === "first" ? Sim.Rules.pass : verdict
      }
      yield* rules.add(rule("first", { _tag: "drop" }))
      yield* rules.add(rule("second", { _tag: "fail", code: "ENOSPC" }))
      const verdicts = [rules.decide({ file: "a" }), rules.decide({ file: "b" })]
      return { asked, verdicts }
    }).pipe(Effect.scoped)
    const { faults, told, value } = resultOf(program)
    assert.deepStrictEqual(value.verdicts, [{ _tag: "drop" }, { _tag: "fail", code: "ENOSPC" }])
    assert.deepStrictEqual(value.asked, ["first a", "first b", "second b"])
    assert.deepStrictEqual(Array.from(faults), [
      ["disk drop", 1],
      ["disk ENOSPC", 1]
    ])
    assert.deepStrictEqual(told, ["disk: drop a write of a", "disk: ENOSPC a write of b"])
  })

  it("are gone when their scope closes, in whichever order", () => {
    const program = Effect.gen(function* () {
      const rules = yield* make
      const verdicts: Array<string> = []
      const look = Effect.sync(() => verdicts.push(rules.decide({ file: "a" })._tag))
      const refuse = () => ({ _tag: "refuse" }) as const
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* rules.add(() => ({ _tag: "reset" }))
          yield* look
          yield* Effect.scoped(Effect.andThen(rules.add(refuse), look))
          yield* look
        })
      )
      yield* look
      // The same rule twice: the end of one leaves the other.
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* rules.add(refuse)
          yield* Effect.scoped(rules.add(refuse))
          yield* look
        })
      )
      yield* look
      return verdicts
    })
    assert.deepStrictEqual(resultOf(program).value, ["reset", "reset", "reset", "pass", "refuse", "pass"])
  })

  it("of one service do not touch another", () => {
    const program = Effect.gen(function* () {
      const [a, b] = [yield* make, yield* make]
      yield* a.add(() => ({ _tag: "delay", ms: 5 }))
      return [a.decide({ file: "x" }), b.decide({ file: "x" })]
    }).pipe(Effect.scoped)
    assert.deepStrictEqual(resultOf(program).value, [{ _tag: "delay", ms: 5 }, { _tag: "pass" }])
  })

  it("with a chance strike about as often as they say, only where they match, and shrink away", () => {
    const strikes = (num: number, den: number) =>
      Effect.gen(function* () {
        const rules = yield* make
        yield* rules.add(
          yield* Sim.Rules.withChance<Write>({ num, den }, { _tag: "corrupt" }, ({ file }) => file === "a")
        )
        let count = 0
        for (let i = 0; i < 400; i++) {
          assert.strictEqual(rules.decide({ file: "b" })._tag, "pass")
          if (rules.decide({ file: "a" })._tag === "corrupt") count++
        }
        return count
      }).pipe(Effect.scoped)
    assert.strictEqual(resultOf(strikes(0, 5)).value, 0)
    assert.strictEqual(resultOf(strikes(5, 5)).value, 400)
    // Five standard deviations around 80.
    for (const seed of [1, 2, 3]) assert.approximately(resultOf(strikes(1, 5), seed).value, 80, 40)
    const failing = Effect.flatMap(strikes(1, 5), (count) => (count >= 3 ? Effect.die("too often") : Effect.void))
    const { failure } = Sim.check(failing, { runs: 5 })
    assert.strictEqual(failure?.shrunk?.faults.get("disk corrupt"), 3)
  })
})
