/** No false alarm: every correct twin of a bug ends well in 10,000 runs, and leaves nothing running. */
import { assert, describe, it } from "@effect/vitest"
import * as Sim from "../../../sim/Sim.ts"
import { bugs, deepBugs } from "./Bugs.ts"

const limits = { runs: 10_000, testTimeoutMs: 120_000, tracesMin: 200, stepsMeanMax: 300 } as const

describe("in 10,000 runs no false alarm is raised on the twin of", () => {
  for (const { fixed, name } of [...bugs, ...deepBugs]) {
    it(`${name}: right in every order`, { timeout: limits.testTimeoutMs }, () => {
      const { distinctTraces, failure, runs, steps } = Sim.check(fixed, { runs: limits.runs, leaks: "fail" })
      assert.isUndefined(failure, failure?.message)
      assert.strictEqual(runs, limits.runs)
      // It is no proof unless the runs differ.
      assert.isAbove(distinctTraces, limits.tracesMin)
      assert.isBelow(steps / runs, limits.stepsMeanMax)
    })
  }
})
