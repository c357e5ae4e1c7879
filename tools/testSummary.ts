/** `node tools/testSummary.ts REPORT.json`: the counts of a vitest JSON report as one line. */
import { existsSync, readFileSync } from "node:fs"
import { countTests, summaryLine } from "./ci/TestSummary.ts"

const [file] = process.argv.slice(2)
if (file === undefined || !existsSync(file)) {
  console.error(`testSummary: there is no report at ${file ?? "(no file given)"}: the tests did not run to their end`)
  console.log(summaryLine(countTests(undefined)))
  process.exitCode = 1
} else {
  const report: unknown = JSON.parse(readFileSync(file, "utf8"))
  console.log(summaryLine(countTests(report)))
}
