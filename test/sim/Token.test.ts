/** Tokens survive a round trip, are short and safe in a shell, and no text makes their reading throw. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import * as Sim from "../../sim/Sim.ts"
import { formatToken, parseToken, tokenName } from "../../sim/Token.ts"

const tokens = fc.record({
  name: fc.string({ maxLength: 100 }),
  strategy: fc.constantFrom("random", "pct-3"),
  seed: fc.maxSafeInteger(),
  steps: fc.maxSafeNat(),
  traceHash: fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: 16, maxLength: 16 })
    .map((digits) => digits.map((digit) => digit.toString(16)).join("")),
  marks: fc.array(fc.integer({ min: 0, max: 4095 }), { maxLength: 31 }),
  script: fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/), { nil: undefined })
})

describe("tokens", () => {
  it("come back from their text, which is short and safe", () => {
    fc.assert(
      fc.property(tokens, (token) => {
        const text = formatToken(token)
        assert.match(text, /^[A-Za-z0-9_+/.-]{1,219}$/)
        const parsed = Result.getOrThrow(parseToken(` ${text}\n`))
        assert.deepStrictEqual(parsed, { ...token, name: tokenName(token.name), seed: token.seed + 0 })
        assert.strictEqual(formatToken(parsed), text)
      })
    )
  })

  it("are refused, and nothing throws, when the text is hostile", () => {
    const real = Sim.run(Effect.yieldNow, { name: "x" }).token
    const broken = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.tuple(fc.nat(real.length), fc.string()).map(([at, text]) => real.slice(0, at) + text + real.slice(at + 1)),
      fc.constantFrom("m2.x.random.zzzzzzzzzzz.1.0123456789abcdef.", "m2.x.random.1.zzzzzzzzzzz.0123456789abcdef.")
    )
    fc.assert(
      fc.property(broken, (text) => {
        const replayed = Sim.replay(Effect.yieldNow, text)
        if (Result.isFailure(replayed)) assert.isAbove(replayed.failure.message.length, 0)
        else assert.strictEqual(replayed.success.token, text.trim())
      })
    )
  })

  it("say what is wrong with a text", () => {
    const refusal = (text: string) => Result.getOrThrow(Result.flip(parseToken(text))).message
    assert.include(refusal("m0.x"), 'begins with "m2."')
    assert.include(refusal("m2.x"), "no whole token")
    assert.include(refusal("m2.x.random.1.zzzzzzzzzzz.0123456789abcdef."), "its steps is over 2^53 - 1")
  })
})
