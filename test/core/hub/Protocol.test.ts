import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import { decodeClientFrame, wants } from "../../../core/hub/Protocol.ts"
import type { ClientFrame } from "../../../core/hub/Protocol.ts"

const numbered = { seq: 1, at: "1970-01-01T00:00:00.000Z" }
const nodeEvent: FleetEvent = { type: "node.status", ...numbered, node: "web", from: "up", to: "down" }
const processEvent: FleetEvent = { type: "process.removed", ...numbered, node: "db", group: "app", name: "api" }

describe("a subscription", () => {
  const table = [
    { subscription: {}, node: true, process: true },
    { subscription: { topics: ["node"] }, node: true, process: false },
    { subscription: { topics: ["process"] }, node: false, process: true },
    { subscription: { topics: [] }, node: false, process: false },
    { subscription: { nodes: ["web"] }, node: true, process: false },
    { subscription: { nodes: [] }, node: false, process: false },
    { subscription: { topics: ["node"], nodes: ["db"] }, node: false, process: false },
    { subscription: { topics: ["process", "node"], nodes: ["db", "web"] }, node: true, process: true }
  ] as const
  it.each(table)("$subscription wants what it names", ({ node, process, subscription }) => {
    assert.deepStrictEqual([wants(subscription, nodeEvent), wants(subscription, processEvent)], [node, process])
  })
})

describe("a frame of a client", () => {
  const frames: ReadonlyArray<ClientFrame> = [
    { type: "ping" },
    { type: "pong" },
    { type: "subscribe" },
    { type: "subscribe", topics: ["node"], nodes: ["web"] }
  ]
  it.each(frames)("%o is taken as it is", (frame) => {
    const decoded = decodeClientFrame(JSON.stringify(frame))
    assert.deepStrictEqual(Result.getOrUndefined(decoded), frame)
  })
})
