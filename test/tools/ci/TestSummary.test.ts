import { assert, describe, it } from "@effect/vitest"
import { countTests, summaryLine } from "../../../tools/ci/TestSummary.ts"

const file = (status: string, ...tests: ReadonlyArray<string>) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each }))
})

describe("summary of tests", () => {
  it("counts the tests of all files", () => {
    const report = { testResults: [file("passed", "passed", "passed"), file("failed", "passed", "failed")] }
    assert.deepStrictEqual(countTests(report), { passed: 3, failed: 1, skipped: 0 })
  })

  it("counts a file that could not be loaded as failed", () => {
    const report = { testResults: [file("failed"), file("failed", "passed"), file("passed", "passed")] }
    assert.deepStrictEqual(countTests(report), { passed: 2, failed: 2, skipped: 0 })
  })

  it("tells of skipped tests only where there are any", () => {
    const report = { testResults: [file("passed", "passed", "skipped", "pending", "todo")] }
    assert.strictEqual(summaryLine(countTests(report)), "tests: 1 passed, 0 failed, 3 skipped")
    assert.strictEqual(summaryLine({ passed: 7, failed: 0, skipped: 0 }), "tests: 7 passed, 0 failed")
  })

  it("counts nothing where there is no report", () => {
    assert.strictEqual(summaryLine(countTests(undefined)), "tests: 0 passed, 0 failed")
  })
})
