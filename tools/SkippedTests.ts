/** Reporter: names every test that was skipped, with its reason, at the end of a run. */
import type { Reporter, TestModule } from "vitest/node"

export default class SkippedTests implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const names = modules.flatMap((module) =>
      Array.from(module.children.allTests("skipped"), (test) => `  ${module.relativeModuleId}: ${test.name}`)
    )
    if (names.length > 0) console.log(`${names.length} tests were skipped:\n${names.join("\n")}\n`)
  }
}
