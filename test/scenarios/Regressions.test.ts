/** Each bug that was fixed: found again by its token where it is planted, and not without. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { regressions, renewal, replayRegression } from "../../scenarios/Regressions.ts"
import type { Regression } from "../../scenarios/Regressions.ts"
import { findSubject, retrace } from "../../scenarios/Sweep.ts"
import { parseToken } from "../../sim/Token.ts"

const longMs = 60_000

const nameIn = (token: string): string => Result.getOrThrow(parseToken(token)).name

const first = (): Regression => {
  const found = regressions.find(({ property }) => property === "P18")
  assert.isDefined(found)
  return found
}

describe("the regressions", () => {
  for (const regression of regressions) {
    it(
      `${regression.property} holds, and fails with the bug planted: ${regression.what}`,
      () => {
        const planted = Result.getOrThrow(findSubject(nameIn(regression.token)))
        assert.isDefined(planted.mutant)
        assert.strictEqual(planted.property.id, regression.property.replace(/\/\w+$/, ""))
        assert.match(regression.since, /^2026-\d\d-\d\d$/)
        assert.strictEqual(Result.getOrThrow(retrace(planted, regression.token)).outcome, "failed")
        const real = Result.getOrThrow(findSubject(regression.property))
        assert.strictEqual(Result.getOrThrow(retrace(real, regression.token)).outcome, "done")
      },
      longMs
    )
  }

  it("say that a bug has not come back", () => {
    assert.deepStrictEqual(replayRegression(first()), { ...first(), status: "holds", message: "" })
  })

  it("fail when what the property runs is wrong again", () => {
    const regression = first()
    const { message, status } = replayRegression({ ...regression, property: nameIn(regression.token) })
    assert.strictEqual(status, "failed")
    assert.match(message, /^failed: log, answered 502/)
  })

  it("are stale when their choices do not lead to the bug any more, or they cannot be followed", () => {
    const { token, ...rest } = first()
    const staleOf = (other: string) => replayRegression({ ...rest, token: other })
    for (const [other, message] of [
      [token.replace("error-log-of-bugs-only", "no-such-mutant"), /has no mutant "no-such-mutant"/],
      [token.replace(nameIn(token), "P18"), /^P18 holds under its choices too/],
      [token.replace("list-AA", "tarot"), /the token's strategy tarot is unknown/],
      ["m1.old", /is no token of this version/]
    ] as const) {
      const result = staleOf(other)
      assert.strictEqual(result.status, "stale", other)
      assert.match(result.message, message)
    }
    assert.include(renewal(first()), "npx muster check P18 --mutant error-log-of-bugs-only --seeds 1000")
  })
})
