import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { ProcessStats } from "../../core/ProcessStats.ts"
import * as NodeProcessStats from "../../runtime/NodeProcessStats.ts"
import * as SimProcessStats from "../../scenarios/ports/SimProcessStats.ts"

const sides: ReadonlyArray<readonly [string, Layer.Layer<ProcessStats>]> = [
  ["real", NodeProcessStats.layer],
  ["simulated", SimProcessStats.layer]
]

/** Keeps the processor busy, and the event loop with it. */
const busy = (ms: number) => {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

describe.each(sides)("ProcessStats, %s", (_, layer) => {
  it.live("tells what is used in numbers that fit together", () =>
    Effect.gen(function* () {
      const { usage } = yield* ProcessStats
      const before = yield* usage
      const after = yield* usage
      for (const { openFiles = 0, ...used } of [before, after]) {
        for (const [name, value] of Object.entries({ ...used, openFiles })) {
          assert.isTrue(Number.isFinite(value) && value >= 0, name)
        }
        assert.isAtLeast(used.residentBytes, 1)
        assert.isAtMost(used.heapUsedBytes, used.heapTotalBytes)
        assert.isAtMost(used.eventLoopDelayP50Seconds, used.eventLoopDelayP99Seconds)
        assert.isAtMost(used.eventLoopDelayP99Seconds, used.eventLoopDelayMaxSeconds)
      }
      assert.isAtLeast(after.cpuSeconds, before.cpuSeconds)
    }).pipe(Effect.provide(layer))
  )
})

describe("NodeProcessStats", () => {
  it.live("tells of a blocked event loop to everybody who asks afterwards", () =>
    Effect.gen(function* () {
      const { usage } = yield* ProcessStats
      yield* Effect.sleep(60)
      busy(200)
      yield* Effect.sleep(60)
      for (const { cpuSeconds, eventLoopDelayMaxSeconds, openFiles } of [yield* usage, yield* usage]) {
        assert.isAtLeast(eventLoopDelayMaxSeconds, 0.15)
        assert.isAbove(cpuSeconds, 0.1)
        if (process.platform === "linux") assert.isAbove(openFiles ?? 0, 2)
      }
    }).pipe(Effect.provide(NodeProcessStats.layer))
  )
})
