import { assert, describe, it } from "@effect/vitest"
import { fresh, rulesDefault, step } from "../../../core/health/ComponentState.ts"
import type { ComponentReport, ComponentState } from "../../../core/health/ComponentState.ts"

const rules = { ...rulesDefault, degradedAfter: 2, failingAfter: 3, healthyAfter: 2 }

/** The status after each report: S a success, E an error, F failed, R registered, and Q a minute without any. */
const statuses = (reports: string, over = rules): ReadonlyArray<string> => {
  let state: ComponentState = fresh
  let nowMs = 0
  return Array.from(reports, (each) => {
    nowMs += each === "Q" ? 60_000 : 1
    if (each !== "Q") state = step(state, reportOf(each, nowMs), over)
    return state.status
  })
}

const reportOf = (letter: string, nowMs: number): ComponentReport => {
  if (letter === "S") return { _tag: "Succeeded", nowMs }
  if (letter === "E") return { _tag: "Errored", nowMs, message: "no" }
  return letter === "F" ? { _tag: "Failed", nowMs, message: "over" } : { _tag: "Registered" }
}

describe("ComponentState", () => {
  it("is degraded by errors among successes, and failing by errors in a row", () => {
    assert.deepStrictEqual(statuses("SESE"), ["healthy", "healthy", "healthy", "degraded"])
    assert.deepStrictEqual(statuses("EEEE"), ["healthy", "degraded", "failing", "failing"])
    assert.deepStrictEqual(statuses("E", rulesDefault), ["degraded"])
  })

  it("recovers by steps: one success, then so many in a row", () => {
    assert.deepStrictEqual(statuses("EEES").at(-1), "degraded")
    assert.deepStrictEqual(statuses("EEESES").at(-1), "degraded")
    assert.deepStrictEqual(statuses("EEESS").at(-1), "healthy")
    // What was made good no longer counts.
    assert.deepStrictEqual(statuses("EEESSE").at(-1), "healthy")
    assert.deepStrictEqual(statuses("ESSE").at(-1), "healthy")
  })

  it("recovers by any success after a minute without an error, and not by time alone", () => {
    assert.deepStrictEqual(statuses("EEQ").at(-1), "degraded")
    assert.deepStrictEqual(statuses("EEQS").at(-1), "healthy")
    assert.deepStrictEqual(statuses("EQSE").at(-1), "healthy")
    assert.deepStrictEqual(statuses("EEEQS").at(-1), "degraded")
  })

  it("stays failed whatever is reported, until it is registered again", () => {
    assert.deepStrictEqual(statuses("FSESQS").at(-1), "failed")
    assert.deepStrictEqual(statuses("FER").at(-1), "healthy")
    assert.deepStrictEqual(statuses("EER").at(-1), "degraded")
  })

  it("counts errors, those in a row, and keeps the last", () => {
    let state = fresh
    for (const [i, letter] of Array.from("EESE").entries()) state = step(state, reportOf(letter, i), rules)
    const { errors, errorsInARow, lastError } = state
    assert.deepStrictEqual(
      { errors, errorsInARow, lastError },
      { errors: 3, errorsInARow: 1, lastError: { atMs: 3, message: "no" } }
    )
  })
})
