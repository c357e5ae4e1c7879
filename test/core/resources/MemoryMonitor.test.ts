import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as EventBus from "../../../core/bus/EventBus.ts"
import * as Components from "../../../core/health/Components.ts"
import { levelAfter } from "../../../core/resources/MemoryPressure.ts"
import type { MemoryLevel } from "../../../core/resources/MemoryPressure.ts"
import * as MemoryMonitor from "../../../core/resources/MemoryMonitor.ts"
import * as SimProcessStats from "../../../scenarios/ports/SimProcessStats.ts"
import { consoleOptions } from "../../../scenarios/World.ts"

describe("MemoryPressure", () => {
  it.each<readonly [MemoryLevel, number, number, number, MemoryLevel]>([
    ["normal", 99, 100, 200, "normal"],
    ["normal", 100, 100, 200, "warning"],
    ["warning", 90, 100, 200, "warning"],
    ["warning", 89, 100, 200, "normal"],
    ["warning", 199, 100, 200, "warning"],
    ["normal", 200, 100, 200, "critical"],
    ["critical", 180, 100, 200, "critical"],
    ["critical", 179, 100, 200, "warning"],
    ["critical", 95, 100, 200, "warning"],
    ["critical", 89, 100, 200, "normal"],
    ["normal", 1e12, 0, 0, "normal"],
    ["normal", 150, 0, 200, "normal"],
    ["critical", 190, 0, 200, "critical"],
    ["warning", 1e12, 100, 0, "warning"]
  ])("from %s with %d used of %d and %d is %s", (before, used, warningBytes, criticalBytes, after) => {
    assert.strictEqual(levelAfter(before, used, { warningBytes, criticalBytes }), after)
  })
})

const intervalMs = 5_000

const withMonitor = <A, E>(
  use: (of: {
    readonly monitor: MemoryMonitor.MemoryMonitor["Service"]
    readonly components: Components.Components["Service"]
    readonly use: (residentBytes: number) => Effect.Effect<void>
  }) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.gen(function* () {
    const monitor = yield* MemoryMonitor.MemoryMonitor
    const components = yield* Components.Components
    const stats = yield* SimProcessStats.SimProcessStats
    return yield* use({
      monitor,
      components,
      use: (residentBytes) => Effect.andThen(stats.use({ residentBytes }), TestClock.adjust(intervalMs))
    })
  }).pipe(
    Effect.provide(
      MemoryMonitor.layer({
        limits: () => ({ warningBytes: 1_000, criticalBytes: 2_000 }),
        intervalMs: () => intervalMs
      }).pipe(
        Layer.provideMerge(Components.layer()),
        Layer.provideMerge(SimProcessStats.layer),
        Layer.provide(EventBus.layer(consoleOptions.bus))
      )
    )
  )

describe("MemoryMonitor", () => {
  it.effect("sheds, refuses and recovers with the memory, and the component says so", () =>
    withMonitor(
      Effect.fnUntraced(function* ({ components, monitor, use }) {
        const shed: Array<string> = []
        yield* monitor.onPressure("kept events", (level) => Effect.sync(() => shed.push(level)))
        const state = Effect.gen(function* () {
          const memory = (yield* components.all).find(({ name }) => name === "memory")
          return [yield* monitor.level, yield* monitor.refusing, memory?.status, memory?.errors, shed.length]
        })
        yield* use(999)
        assert.deepStrictEqual(yield* state, ["normal", false, "healthy", 0, 0])
        yield* use(1_000)
        assert.deepStrictEqual(yield* state, ["warning", false, "degraded", 1, 1])
        yield* use(1_500)
        assert.deepStrictEqual(yield* state, ["warning", false, "degraded", 1, 2])
        yield* use(2_000)
        assert.deepStrictEqual(yield* state, ["critical", true, "failing", 2, 3])
        yield* use(1_850)
        assert.deepStrictEqual(yield* state, ["critical", true, "failing", 2, 4])
        yield* use(1_700)
        assert.deepStrictEqual(yield* state, ["warning", false, "degraded", 2, 5])
        yield* use(500)
        assert.deepStrictEqual(yield* state, ["normal", false, "healthy", 2, 5])
        assert.deepStrictEqual(shed, ["warning", "warning", "critical", "critical", "warning"])
        assert.deepStrictEqual(yield* monitor.counts, {
          level: "normal",
          entered: { normal: 1, warning: 2, critical: 1 },
          shed: 5
        })
      })
    )
  )

  it.effect("lets nobody keep others from giving up theirs", () =>
    withMonitor(
      Effect.fnUntraced(function* ({ monitor, use }) {
        let shed = 0
        yield* monitor.onPressure("dies", () => Effect.die("no"))
        yield* monitor.onPressure("hangs", () => Effect.never)
        yield* Effect.scoped(monitor.onPressure("is gone", () => Effect.die("called after its scope")))
        yield* monitor.onPressure("gives", () => Effect.sync(() => shed++))
        yield* use(500)
        yield* use(1_500)
        yield* TestClock.adjust(2_000)
        assert.strictEqual(shed, 1)
        yield* use(1_500)
        yield* TestClock.adjust(2_000)
        assert.strictEqual(shed, 2)
      })
    )
  )
})
