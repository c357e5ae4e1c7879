/** What vitest's JSON report says, as one line. */

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

type Json = Record<string, unknown>

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null

const list = (value: unknown): ReadonlyArray<Json> => (Array.isArray(value) ? value.filter(isJson) : [])

/**
 * Counts the tests of a report. A file that failed without any failed test (it could not be loaded, or a hook of it
 * failed) counts as one failed test: its own never ran, and a zero would hide that.
 */
export const countTests = (report: unknown): TestCounts => {
  const files = list(isJson(report) ? report["testResults"] : undefined)
  const tests = files.flatMap((file) => list(file["assertionResults"]))
  const withStatus = (...statuses: ReadonlyArray<string>) =>
    tests.filter((test) => statuses.some((status) => status === test["status"])).length
  const broken = files.filter(
    (file) => file["status"] === "failed" && list(file["assertionResults"]).every((test) => test["status"] !== "failed")
  )
  return {
    passed: withStatus("passed"),
    failed: withStatus("failed") + broken.length,
    skipped: withStatus("skipped", "pending", "todo", "disabled")
  }
}

/** `tests: 12 passed, 0 failed`, and the skipped ones if there are any. */
export const summaryLine = ({ failed, passed, skipped }: TestCounts): string =>
  `tests: ${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`
