import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { admit, closed, ended, refusedForMs } from "../../../core/fleet/Breaker.ts"
import type { Breaker, BreakerOptions, Verdict } from "../../../core/fleet/Breaker.ts"

const options: BreakerOptions = { failuresMax: 3, openMs: 100, openMsMax: 350, probeMsMax: 50 }

/** A call at this time that ends at once. */
const call = (breaker: Breaker, nowMs: number, verdict: Verdict, spread = 0): Breaker => {
  const [next, admission] = admit(breaker, options, nowMs)
  assert.strictEqual(admission._tag, "Admitted", `a call at ${nowMs}`)
  return admission._tag === "Admitted"
    ? ended(next, options, { ticket: admission.ticket, verdict, nowMs, spread })
    : next
}

const after = (...verdicts: ReadonlyArray<Verdict>): Breaker =>
  verdicts.reduce((breaker, verdict) => call(breaker, 0, verdict), closed)

const open = after("bad", "bad", "bad")

describe("a closed circuit", () => {
  it("opens on the failure that reaches the limit", () => {
    assert.strictEqual(refusedForMs(after("bad", "bad"), 0), 0)
    assert.strictEqual(refusedForMs(open, 0), 100)
  })

  it("counts failures in a row only", () => {
    assert.strictEqual(refusedForMs(after("bad", "bad", "well", "bad", "bad"), 0), 0)
  })

  it("neither counts nor forgets for a call that tells nothing", () => {
    assert.strictEqual(refusedForMs(after("nothing", "nothing", "nothing", "nothing"), 0), 0)
    assert.strictEqual(refusedForMs(after("bad", "bad", "nothing", "bad"), 0), 100)
  })
})

describe("an open circuit", () => {
  it("refuses until its time is over and then lets one call through", () => {
    assert.deepStrictEqual(admit(open, options, 99)[1], { _tag: "Refused", retryAfterMs: 1 })
    const [halfOpen, first] = admit(open, options, 100)
    assert.isTrue(first._tag === "Admitted" && first.isProbe)
    assert.deepStrictEqual(admit(halfOpen, options, 100)[1], { _tag: "Refused", retryAfterMs: 50 })
    assert.deepStrictEqual(admit(halfOpen, options, 9_000)[1], { _tag: "Refused", retryAfterMs: 1 })
  })

  it("is not changed by a call from before it opened", () => {
    const [, early] = admit(closed, options, 0)
    assert.isTrue(early._tag === "Admitted")
    for (const verdict of ["well", "bad", "nothing"] as const) {
      assert.strictEqual(ended(open, options, { ticket: 0, verdict, nowMs: 50, spread: 0 }), open)
    }
  })

  it("opens twice as long with each probe that fails, up to the limit", () => {
    const again = call(open, 100, "bad")
    assert.strictEqual(refusedForMs(again, 100), 200)
    const thrice = call(again, 300, "bad")
    assert.strictEqual(refusedForMs(thrice, 300), 350)
  })

  it("is shorter by a random part, a fifth at most", () => {
    const [ready, admission] = admit(after("bad", "bad"), options, 0)
    assert.isTrue(admission._tag === "Admitted")
    const tripped = ended(ready, options, { ticket: 0, verdict: "bad", nowMs: 0, spread: 0.999 })
    assert.closeTo(refusedForMs(tripped, 0), 80, 0.1)
  })
})

describe("a half-open circuit", () => {
  it("closes when its probe succeeds", () => {
    const back = call(open, 100, "well")
    assert.strictEqual(refusedForMs(back, 100), 0)
    assert.strictEqual(refusedForMs(call(call(back, 101, "bad"), 102, "bad"), 102), 0)
  })

  it("gives the place of a probe that told nothing to the next call", () => {
    const free = call(open, 100, "nothing")
    const [, next] = admit(free, options, 100)
    assert.isTrue(next._tag === "Admitted" && next.isProbe)
  })

  it("does not hear a call that began before it was half open", () => {
    const [halfOpen] = admit(open, options, 100)
    assert.strictEqual(ended(halfOpen, options, { ticket: 0, verdict: "well", nowMs: 101, spread: 0 }), halfOpen)
  })
})

describe("a circuit that closed again", () => {
  const failAt = (breaker: Breaker, nowMs: number) =>
    call(call(call(breaker, nowMs, "bad"), nowMs, "bad"), nowMs, "bad")

  it("opens for longer when it fails again soon", () => {
    assert.strictEqual(refusedForMs(failAt(call(open, 100, "well"), 150), 150), 200)
  })

  it("begins anew once it stayed closed for as long as it was open", () => {
    assert.strictEqual(refusedForMs(failAt(call(open, 100, "well"), 200), 200), 100)
  })
})

// Model -----------------------------------------------------------------------------------------------------------------

const verdict = fc.constantFrom("well" as const, "bad" as const, "nothing" as const)
const step = fc.oneof(
  fc.record({ do: fc.constant("call" as const), verdict }),
  fc.record({ do: fc.constant("end" as const), index: fc.nat(5) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(400) })
)

describe("any history", () => {
  it("has one probe at most, lets nothing through while open, and opens on nothing but enough failures", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let breaker = closed
        let nowMs = 0
        const underWay: Array<{ readonly ticket: number; readonly isProbe: boolean; readonly verdict: Verdict }> = []
        for (const one of steps) {
          const before = breaker
          if (one.do === "wait") nowMs += one.ms
          if (one.do === "call") {
            const [next, admission] = admit(breaker, options, nowMs)
            breaker = next
            assert.strictEqual(admission._tag === "Refused", refusedForMs(before, nowMs) > 0)
            if (admission._tag === "Admitted") underWay.push({ ...admission, verdict: one.verdict })
          }
          if (one.do === "end") {
            const [ending] = underWay.splice(one.index, 1)
            if (ending !== undefined) breaker = ended(breaker, options, { ...ending, nowMs, spread: 0.5 })
            const hasOpened = before._tag !== "Open" && breaker._tag === "Open"
            if (hasOpened) assert.strictEqual(ending?.verdict, "bad")
            if (hasOpened && before._tag === "Closed") assert.strictEqual(before.failures, options.failuresMax - 1)
            if (before._tag === "HalfOpen" && breaker !== before) assert.isTrue(ending?.isProbe)
          }
          const probes = underWay.filter(({ isProbe, ticket }) => isProbe && ticket === breaker.life)
          assert.isAtMost(probes.length, 1)
          if (breaker._tag === "HalfOpen") assert.strictEqual(probes.length, breaker.probeUntilMs === undefined ? 0 : 1)
          if (breaker._tag === "Open") assert.isAtMost(breaker.openForMs, options.openMsMax)
        }
      }),
      { numRuns: 500 }
    )
  })
})
