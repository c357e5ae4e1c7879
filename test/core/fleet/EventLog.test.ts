import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, References } from "effect"
import * as EventBus from "../../../core/bus/EventBus.ts"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import * as EventLog from "../../../core/fleet/EventLog.ts"
import { processIn } from "./Processes.ts"

const numbered = { at: "2026-01-01T00:00:00.000Z", node: "web-1" }

const events: ReadonlyArray<FleetEvent> = [
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

it.effect("warns of what needs a person, and leaves out what the status of the node tells", () =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      const annotations = JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))
      lines.push(`${logLevel} ${String(message)} ${annotations}`)
    })
    const console = EventLog.layer.pipe(Layer.provideMerge(EventBus.layer), Layer.provide(Logger.layer([logger])))
    yield* Effect.gen(function* () {
      const bus = yield* EventBus.EventBus
      const tap = yield* bus.subscribe
      yield* bus.publish(events)
      for (const _ of events) yield* tap.take
      for (let turn = 0; turn < 100 && lines.length < 5; turn++) yield* Effect.yieldNow
    }).pipe(Effect.scoped, Effect.provide(console))
    assert.deepStrictEqual(lines, [
      "Info node web-1 is up {}",
      `Info web-1 app:api RUNNING -> EXITED {"pid":${processIn("EXITED").pid}}`,
      "Warn web-1 app:api BACKOFF -> FATAL: no such file {}",
      `Warn web-1 app:api was started again and is RUNNING {"from_pid":7,"pid":${processIn("RUNNING").pid}}`,
      'Warn node web-1 is down: no reply within 5000 ms {"code":"TimedOut"}'
    ])
  })
)
