import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, References } from "effect"
import * as EventBus from "../../../core/bus/EventBus.ts"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import type { BatchSummary } from "../../../core/domain/Operation.ts"
import * as EventLog from "../../../core/fleet/EventLog.ts"
import { options } from "../bus/Events.ts"
import { processIn } from "./Processes.ts"

const numbered = { at: "2026-01-01T00:00:00.000Z", node: "web-1" }

const events: ReadonlyArray<BusEvent> = [
  { type: "node.status", ...numbered, seq: 1, from: "connecting", to: "up" },
  { type: "process.added", ...numbered, seq: 2, process: processIn("RUNNING") },
  { type: "process.state", ...numbered, seq: 3, from: "RUNNING", to: "EXITED", process: processIn("EXITED") },
  {
    type: "process.state",
    ...numbered,
    seq: 4,
    from: "BACKOFF",
    to: "FATAL",
    process: { ...processIn("FATAL"), spawnerr: "no such file" }
  },
  { type: "process.restarted", ...numbered, seq: 5, from_pid: 7, process: processIn("RUNNING") },
  {
    type: "node.status",
    ...numbered,
    seq: 6,
    from: "up",
    to: "down",
    reason: { code: "TimedOut", message: "no reply within 5000 ms" }
  }
]

/** Publishes the events and gives the lines that come of them. */
const linesOf = (published: ReadonlyArray<BusEvent>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      const annotations = JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))
      lines.push(`${logLevel} ${String(message)} ${annotations}`)
    })
    const console = EventLog.layer.pipe(
      Layer.provideMerge(EventBus.layer(options)),
      Layer.provide(Logger.layer([logger]))
    )
    yield* Effect.gen(function* () {
      const bus = yield* EventBus.EventBus
      yield* bus.publish(published)
      const wanted = published.filter(({ type }) => type !== "log").length
      for (let turn = 0; turn < 100; turn++) {
        const [stats] = yield* bus.stats
        if (stats?.handled === wanted) return
        yield* Effect.yieldNow
      }
      assert.fail(`not all of ${wanted} events were handled`)
    }).pipe(Effect.scoped, Effect.provide(console))
    return lines
  })

it.effect("warns of what needs a person, and leaves out what the status of the node tells", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* linesOf(events), [
      "Info node web-1 is up {}",
      `Info web-1 app:api RUNNING -> EXITED {"pid":${processIn("EXITED").pid}}`,
      "Warn web-1 app:api BACKOFF -> FATAL: no such file {}",
      `Warn web-1 app:api was started again and is RUNNING {"from_pid":7,"pid":${processIn("RUNNING").pid}}`,
      'Warn node web-1 is down: no reply within 5000 ms {"code":"TimedOut"}'
    ])
  })
)

it.effect("tells of nodes that come, go and are another one, and leaves operations to the fleet", () =>
  Effect.gen(function* () {
    const place = { following: 1, number: 1 }
    const identity = { identifier: "web", version: "4.2.5", pid: 9 }
    const operation = { operation: 1, kind: "start", group: "app", name: "api" } as const
    const lines = yield* linesOf([
      { type: "operation.started", ...numbered, seq: 1, ...operation },
      { type: "operation.finished", ...numbered, seq: 2, ...operation, outcome: "done", detail: "", took_ms: 1 },
      { type: "log", ...processIn("RUNNING"), node: "web-1", channel: "stdout", text: "a line", place },
      { type: "node.restarted", ...numbered, seq: 3, incarnation: 2, identity, why: "its pid changed" },
      { type: "node.removed", ...numbered, seq: 4 }
    ])
    assert.deepStrictEqual(lines, [
      'Warn node web-1 is another one than before: its pid changed {"incarnation":2,"identifier":"web","pid":9}',
      "Info node web-1 was removed {}"
    ])
  })
)

it.effect("tells the beginning and the end of a batch, and how it ended", () =>
  Effect.gen(function* () {
    const batch: BatchSummary = {
      id: 3,
      kind: "restart",
      mode: "rolling",
      status: "running",
      stopped_early: false,
      counts: { pending: 2 },
      started: numbered.at
    }
    const change = (seq: number, changes: Partial<BatchSummary>): BusEvent => ({
      type: "batch.changed",
      seq,
      at: numbered.at,
      batch: { ...batch, ...changes }
    })
    const lines = yield* linesOf([
      change(1, {}),
      change(2, { counts: { pending: 1, running: 1 } }),
      change(3, { counts: { skipped: 1, failed: 1 }, status: "failed", stopped_early: true }),
      change(4, { id: 4, counts: { done: 2 }, status: "done" })
    ])
    assert.deepStrictEqual(lines, [
      'Info batch 3 (restart, rolling) began {"pending":2}',
      'Warn batch 3 (restart, rolling) is over: failed, stopped early {"skipped":1,"failed":1}',
      'Info batch 4 (restart, rolling) is over: done {"done":2}'
    ])
  })
)

it.effect("warns of components that are not healthy", () =>
  Effect.gen(function* () {
    const change = { type: "component.status", component: "hub", at: numbered.at, detail: "why" } as const
    assert.deepStrictEqual(
      yield* linesOf([
        { ...change, from: "healthy", to: "failing" },
        { ...change, from: "degraded", to: "healthy" }
      ]),
      [
        'Warn component hub is failing: why {"from":"healthy"}',
        'Info component hub is healthy: why {"from":"degraded"}'
      ]
    )
  })
)
