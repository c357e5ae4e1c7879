import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import type { ComponentChanged } from "../../../core/domain/ConsoleEvent.ts"
import { decodeClientFrame, logKey, wants, wantsNumbered } from "../../../core/hub/Protocol.ts"
import type { ClientFrame, Subscription } from "../../../core/hub/Protocol.ts"

const numbered = { seq: 1, at: "1970-01-01T00:00:00.000Z" }
const nodeEvent: FleetEvent = { type: "node.status", ...numbered, node: "web", from: "up", to: "down" }
const processEvent: FleetEvent = { type: "process.removed", ...numbered, node: "db", group: "app", name: "api" }

const batchEvent: FleetEvent = {
  type: "batch.changed",
  ...numbered,
  batch: { id: 1, kind: "stop", mode: "rolling", status: "running", stopped_early: false, counts: {}, started: "" }
}
const component: ComponentChanged = {
  type: "component.status",
  component: "hub",
  from: "healthy",
  to: "failing",
  at: numbered.at,
  detail: ""
}
const log = { node: "web", group: "app", name: "api", channel: "stdout" } as const
const events = {
  node: nodeEvent,
  process: processEvent,
  batch: batchEvent,
  component,
  log: { type: "log", ...log, place: { following: 1, number: 1 } }
} as const

describe("a subscription", () => {
  const table: ReadonlyArray<{ subscription: Subscription; wanted: ReadonlyArray<string>; numbered: boolean }> = [
    { subscription: {}, wanted: ["node", "process", "batch", "component"], numbered: true },
    { subscription: { topics: ["node"] }, wanted: ["node"], numbered: true },
    { subscription: { topics: ["process"] }, wanted: ["process"], numbered: true },
    { subscription: { topics: ["activity"] }, wanted: ["batch"], numbered: true },
    { subscription: { topics: ["fleet"] }, wanted: ["component"], numbered: true },
    { subscription: { topics: [] }, wanted: [], numbered: false },
    { subscription: { topics: ["log"] }, wanted: [], numbered: false },
    { subscription: { topics: ["log"], logs: [log] }, wanted: ["log"], numbered: false },
    { subscription: { topics: [], logs: [log] }, wanted: ["log"], numbered: false },
    { subscription: { topics: [], logs: [{ ...log, channel: "stderr" }] }, wanted: [], numbered: false },
    { subscription: { nodes: ["web"] }, wanted: ["node"], numbered: true },
    { subscription: { nodes: ["db"], logs: [log] }, wanted: ["process", "log"], numbered: true },
    { subscription: { nodes: [] }, wanted: [], numbered: false },
    { subscription: { nodes: [], topics: ["node"] }, wanted: [], numbered: false },
    { subscription: { nodes: [], topics: ["activity", "fleet"] }, wanted: ["batch", "component"], numbered: true },
    { subscription: { topics: ["node"], nodes: ["db"] }, wanted: [], numbered: true },
    { subscription: { topics: ["process", "node"], nodes: ["db", "web"] }, wanted: ["node", "process"], numbered: true }
  ]
  it.each(table)("$subscription wants $wanted", ({ numbered: isNumbered, subscription, wanted }) => {
    const found = Object.entries(events).filter(([, event]) => wants(subscription, event))
    assert.deepStrictEqual(
      found.map(([name]) => name),
      [...wanted]
    )
    assert.strictEqual(wantsNumbered(subscription), isNumbered)
  })
})

describe("the key of a log", () => {
  it("is never the same for two logs, whatever stands in the names", () => {
    assert.notStrictEqual(logKey({ ...log, group: "a:b", name: "c" }), logKey({ ...log, group: "a", name: "b:c" }))
    assert.notStrictEqual(logKey({ ...log, node: "a/b" }), logKey({ ...log, node: "a", group: "b/app" }))
  })
})

describe("a frame of a client", () => {
  const frames: ReadonlyArray<ClientFrame> = [
    { type: "ping" },
    { type: "pong" },
    { type: "subscribe" },
    { type: "subscribe", topics: ["fleet", "node", "activity", "log"], nodes: ["web"], logs: [log] }
  ]
  it.each(frames)("%o is taken as it is", (frame) => {
    const decoded = decodeClientFrame(JSON.stringify(frame))
    assert.deepStrictEqual(Result.getOrUndefined(decoded), frame)
  })
})
