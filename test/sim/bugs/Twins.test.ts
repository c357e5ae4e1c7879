/** No false alarm: every correct twin of a bug ends well in many runs, and leaves nothing running. */
import { assert, describe, it } from "@effect/vitest"
import * as Sim from "../../../sim/Sim.ts"
import { bugs, deepBugs } from "./Bugs.ts"

const runs = Number(process.env["MUSTER_TWIN_RUNS"] ?? 2_000)
const limits = { testTimeoutMs: 120_000, tracesMin: 200, stepsMeanMax: 300 } as const

describe(`in ${runs} runs no false alarm is raised on the twin of`, () => {
  for (const { fixed, name } of [...bugs, ...deepBugs]) {
    it(`${name}: right in every order`, { timeout: limits.testTimeoutMs }, () => {
      const { distinctTraces, failure, runs: done, steps } = Sim.check(fixed, { runs, leaks: "fail" })
      assert.isUndefined(failure, failure?.message)
      assert.strictEqual(done, runs)
      // It is no proof unless the runs differ.
      assert.isAbove(distinctTraces, limits.tracesMin)
      assert.isBelow(steps / runs, limits.stepsMeanMax)
    })
  }
})
