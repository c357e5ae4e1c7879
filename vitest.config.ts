import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

/** Tests against real servers and processes wait for them, so there is one worker more than CI has cores. */
const limits = { testTimeoutMs: 30_000, hookTimeoutMs: 30_000, teardownTimeoutMs: 10_000, workersMax: 3 } as const

const elsewhere = ["test/fixtures/**", "node_modules/**", "dist/**"]

/** Nearly all of them run on virtual time, and leave nothing behind. */
const parts = ["test/{core,docs,reports,scenarios,sim,tools}/**/*.test.ts"]

// What V8 made of a module serves every process of the tests, which else spend half their time on loading. Coverage
// would be less precise with it.
if (process.env["NODE_V8_COVERAGE"] === undefined) {
  process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url))
}

export default defineConfig({
  test: {
    projects: [
      // Loading takes longer than most of these: a process goes from one file to the next.
      { extends: true, test: { name: "parts", include: parts, isolate: false } },
      // A process for each file: what one leaves behind (a server, a child, a handle) does not reach the next.
      { extends: true, test: { name: "real", include: ["test/**/*.test.ts"], exclude: [...parts, ...elsewhere] } }
    ],
    setupFiles: ["tools/vitest.setup.ts"],
    reporters: ["default", "./tools/SkippedTests.ts"],
    pool: "forks",
    maxWorkers: limits.workersMax,
    testTimeout: limits.testTimeoutMs,
    hookTimeout: limits.hookTimeoutMs,
    teardownTimeout: limits.teardownTimeoutMs,
    // Tests with real servers share a machine with whatever else runs there. One that passes at the second try is told
    // as such by the reporter; what runs on virtual time fails again.
    retry: process.env["CI"] === undefined ? 0 : 1,
    // Node runs the TypeScript itself, as it does outside of tests: same semantics, and stack traces and coverage point
    // at the lines as they are written.
    experimental: { viteModuleRunner: false, nodeLoader: false }
  }
})
