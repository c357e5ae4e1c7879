/**
 * Runs in each test process. vitest ends its processes by a signal, at which Node writes no coverage, so under
 * `npm run coverage` it is written at the end of each test file. Processes that tests spawn write theirs as they exit.
 */
import { takeCoverage } from "node:v8"
import { afterAll } from "vitest"

if (process.env["NODE_V8_COVERAGE"] !== undefined) afterAll(() => takeCoverage())
