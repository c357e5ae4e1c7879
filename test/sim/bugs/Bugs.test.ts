/** The default strategy finds the classic bugs, for the reason for which they fail, and each finding replays. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Sim from "../../../sim/Sim.ts"
import type { Bug } from "./Bug.ts"
import { bugs, deepBugs } from "./Bugs.ts"

const limits = { runsMax: 10_000, exploredMax: 100_000, testTimeoutMs: 120_000 } as const

/** The run ended as the bug makes it end, and its token leads to the same run again. */
const assertShows = (bug: Bug, { message, outcome, token, traceHash }: Sim.RunResult<void, unknown>) => {
  assert.strictEqual(outcome, bug.shows.outcome)
  assert.include(message, bug.shows.message)
  const again = Result.getOrThrow(Sim.replay(bug.buggy, token))
  assert.deepStrictEqual([again.message, again.traceHash], [message, traceHash])
}

/** Both the run as it was found and the shrunk one, which no deviation can be taken from. */
const assertFound = (bug: Bug, { failure }: Sim.CheckResult<void, unknown>) => {
  assert.isDefined(failure, `${bug.name} was not found`)
  assertShows(bug, failure)
  assert.isDefined(failure.shrunk)
  assertShows(bug, failure.shrunk)
  assert.isTrue(failure.minimal)
  assert.isAtMost(failure.shrunk.deviations.length, failure.deviations.length)
  assert.include(failure.story, bug.shows.message)
}

describe("within 10,000 runs the default strategy finds", () => {
  for (const bug of bugs) {
    it(`${bug.name}: ${bug.what}`, { timeout: limits.testTimeoutMs }, () =>
      assertFound(bug, Sim.check(bug.buggy, { runs: limits.runsMax, name: bug.name }))
    )
  }
})

describe("no schedule of up to two preemptions shows what needs more exact ones", () => {
  for (const bug of deepBugs) {
    it(`${bug.name}: ${bug.what}`, { timeout: limits.testTimeoutMs }, () => {
      const shallow = Sim.explore(bug.buggy, { preemptions: 2, maxRuns: limits.exploredMax })
      assert.deepStrictEqual([shallow.failure, shallow.complete], [undefined, true])
    })
  }
})

it("has bugs of different names, each with something to show", () => {
  const all = [...bugs, ...deepBugs]
  assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  assert.isAtLeast(bugs.length, 15)
  assert.includeMembers(
    bugs.map(({ shows }) => shows.outcome),
    ["failed", "deadlock"]
  )
})
