/** What the parts of a console say of themselves, made up for tests: everything that can be observed is there. */
import type { NodeView } from "../../../core/domain/Node.ts"
import type { Observed } from "../../../core/metrics/Collection.ts"
import { idle } from "../../../scenarios/ports/SimProcessStats.ts"

export const node = (name: string, change: Partial<NodeView> = {}): NodeView => ({
  name,
  environment: "production",
  kind: "supervisord",
  status: "up",
  since: "2026-01-01T00:00:00.000Z",
  stale: false,
  incarnation: 1,
  breaker: { state: "closed" },
  processes: { RUNNING: 17, STOPPED: 2, FATAL: 1 },
  ...change
})

export const observed = (change: Partial<Observed> = {}): Observed => ({
  version: "1.2.3",
  startedMs: 1_500,
  configVersion: 3,
  nodes: [node("web-1"), node("db-1", { status: "down", stale: true, breaker: { state: "open" } })],
  batches: [{ status: "running" }, { status: "done" }, { status: "done" }],
  hub: {
    connected: 2,
    joined: 5,
    left: 3,
    slow: 1,
    refused: 4,
    sessions: 2,
    logs: 1,
    framesSent: 100,
    bytesSent: 5_000,
    seq: 42
  },
  bus: [{ name: "hub", waiting: { high: 0, normal: 2, low: 1 }, handled: 9, failed: 1, dropped: 2, blocked: 3 }],
  components: [
    { name: "hub", status: "degraded", errors: 7, errorsInARow: 0, lastError: undefined, detail: {} },
    { name: "database", status: "failing", errors: 2, errorsInARow: 2, lastError: undefined, detail: {} }
  ],
  fibers: { alive: 12, started: 90 },
  accounts: { users: 3, sessions: 2, tokens: 1, logins: 8, refused: { expired: 2, "wrong password": 5 } },
  database: { asked: 20, retried: 3, failed: { Unavailable: 1 }, breaker: "half-open", status: "up" },
  activity: { waiting: 1, lost: 0 },
  usage: idle,
  budget: [{ component: "requests", underWay: 1, peak: 3, max: 1_000, refused: 2 }],
  memory: { level: "warning", entered: { normal: 0, warning: 1, critical: 0 }, shed: 4 },
  ...change
})
