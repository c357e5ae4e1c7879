/**
 * What the parts of the console count themselves, as samples of metrics. Pure: what they say in, samples out. Parts
 * that a console does not have are undefined and give none.
 */
import type { AccountCounts } from "../auth/Accounts.ts"
import type { SubscriberStats } from "../bus/EventBus.ts"
import type { NodeView } from "../domain/Node.ts"
import type { BatchView } from "../domain/Operation.ts"
import { ProcessState } from "../domain/ProcessState.ts"
import type { ComponentHealth } from "../health/Components.ts"
import type { HubCounts } from "../hub/Hub.ts"
import type { ProcessUsage } from "../ProcessStats.ts"
import type { BudgetCounts } from "../resources/FiberBudget.ts"
import type { MemoryCounts } from "../resources/MemoryMonitor.ts"
import type { DatabaseCounts, DatabaseStatus } from "../storage/Database.ts"
import { sample } from "./Board.ts"
import type { Sample } from "./Board.ts"
import { breakerValue, families } from "./Families.ts"

/** Entries of the activity log on their way to the database. */
export interface ActivityCounts {
  readonly waiting: number
  readonly lost: number
}

/** What everything says of itself at one moment. */
export interface Observed {
  readonly version: string
  readonly startedMs: number
  readonly configVersion: number | undefined
  readonly nodes: ReadonlyArray<NodeView>
  readonly batches: ReadonlyArray<Pick<BatchView, "status">>
  readonly hub: HubCounts
  readonly bus: ReadonlyArray<SubscriberStats>
  readonly components: ReadonlyArray<ComponentHealth>
  readonly fibers: { readonly alive: number; readonly started: number }
  readonly accounts: AccountCounts | undefined
  readonly database: (DatabaseCounts & { readonly status: DatabaseStatus }) | undefined
  readonly activity: ActivityCounts | undefined
  readonly usage: ProcessUsage | undefined
  readonly budget: ReadonlyArray<BudgetCounts>
  readonly memory: MemoryCounts | undefined
}

const msPerSecond = 1000

const statusValue = { healthy: 0, degraded: 1, failing: 2, failed: 3 } as const
const levelValue = { normal: 0, warning: 1, critical: 2 } as const

const nodeStatuses = ["connecting", "up", "down"] as const
const batchStatuses = ["planned", "running", "done", "failed", "timeout", "cancelled"] as const

const one = (is: boolean): number => (is ? 1 : 0)

/** Samples of everything that was observed. */
export const samplesOf = (observed: Observed): ReadonlyArray<Sample> => [
  ...self(observed),
  ...fleet(observed),
  ...hub(observed.hub),
  ...observed.bus.flatMap(bus),
  ...(observed.accounts === undefined ? [] : accounts(observed.accounts)),
  ...(observed.database === undefined ? [] : database(observed.database)),
  ...(observed.activity === undefined ? [] : activity(observed.activity)),
  ...(observed.usage === undefined ? [] : usage(observed.usage)),
  ...observed.budget.flatMap(budget),
  ...(observed.memory === undefined ? [] : memory(observed.memory))
]

const self = ({ components, configVersion, fibers, startedMs, version }: Observed): ReadonlyArray<Sample> => {
  const of = families.self
  return [
    sample(of.build, 1, version),
    sample(of.started, startedMs / msPerSecond),
    ...(configVersion === undefined ? [] : [sample(of.configVersion, configVersion)]),
    sample(of.fibers, fibers.alive),
    sample(of.fibersStarted, fibers.started),
    ...components.flatMap(({ errors, name, status }) => [
      sample(of.component, statusValue[status], name),
      sample(of.componentErrors, errors, name)
    ])
  ]
}

const fleet = ({ batches, nodes }: Observed): ReadonlyArray<Sample> => {
  const of = families.fleet
  const byStatus = new Map<string, number>(nodeStatuses.map((status) => [status, 0]))
  const byState = new Map<string, number>(ProcessState.literals.map((state) => [state, 0]))
  const byBatch = new Map<string, number>(batchStatuses.map((status) => [status, 0]))
  const samples: Array<Sample> = []
  let stale = 0
  for (const node of nodes) {
    add(byStatus, node.status, 1)
    stale += one(node.stale)
    samples.push(sample(of.nodeUp, one(node.status === "up"), node.name, node.environment ?? ""))
    if (node.breaker !== undefined) samples.push(sample(of.nodeBreaker, breakerValue[node.breaker.state], node.name))
    for (const [state, count] of Object.entries(node.processes)) {
      add(byState, state, count)
      samples.push(sample(of.nodeProcesses, count, node.name, state))
    }
  }
  for (const { status } of batches) add(byBatch, status, 1)
  for (const [status, count] of byStatus) samples.push(sample(of.nodes, count, status))
  for (const [state, count] of byState) samples.push(sample(of.processes, count, state))
  for (const [status, count] of byBatch) samples.push(sample(of.batches, count, status))
  samples.push(sample(of.nodesStale, stale))
  return samples
}

const add = (counts: Map<string, number>, key: string, count: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + count)
}

const hub = (counts: HubCounts): ReadonlyArray<Sample> => {
  const of = families.hub
  return [
    sample(of.clients, counts.connected),
    sample(of.sessions, counts.sessions),
    sample(of.logs, counts.logs),
    sample(of.sequence, counts.seq),
    sample(of.joined, counts.joined),
    sample(of.left, counts.left),
    sample(of.slow, counts.slow),
    sample(of.refused, counts.refused),
    sample(of.frames, counts.framesSent),
    sample(of.bytes, counts.bytesSent)
  ]
}

const bus = ({ blocked, dropped, failed, handled, name, waiting }: SubscriberStats): ReadonlyArray<Sample> => {
  const of = families.bus
  return [
    ...Object.entries(waiting).map(([priority, count]) => sample(of.waiting, count, name, priority)),
    sample(of.handled, handled, name),
    sample(of.failed, failed, name),
    sample(of.dropped, dropped, name),
    sample(of.blocked, blocked, name)
  ]
}

const accounts = ({ logins, refused, sessions, tokens, users }: AccountCounts): ReadonlyArray<Sample> => {
  const of = families.access
  return [
    sample(of.users, users),
    sample(of.sessions, sessions),
    sample(of.tokens, tokens),
    sample(of.logins, logins),
    ...Object.entries(refused).map(([reason, count]) => sample(of.refused, count, reason))
  ]
}

const database = ({
  asked,
  breaker,
  failed,
  retried,
  status
}: DatabaseCounts & { readonly status: DatabaseStatus }): ReadonlyArray<Sample> => {
  const of = families.storage
  return [
    sample(of.up, one(status === "up")),
    sample(of.breaker, breakerValue[breaker]),
    sample(of.asked, asked),
    sample(of.retried, retried),
    ...Object.entries(failed).map(([reason, count]) => sample(of.failed, count, reason))
  ]
}

const activity = ({ lost, waiting }: ActivityCounts): ReadonlyArray<Sample> => [
  sample(families.storage.activityWaiting, waiting),
  sample(families.storage.activityLost, lost)
]

const usage = (used: ProcessUsage): ReadonlyArray<Sample> => {
  const of = families.self
  return [
    sample(of.resident, used.residentBytes),
    sample(of.heapUsed, used.heapUsedBytes),
    sample(of.heapTotal, used.heapTotalBytes),
    sample(of.external, used.externalBytes),
    sample(of.cpu, used.cpuSeconds),
    sample(of.loopDelay, used.eventLoopDelayP50Seconds, "p50"),
    sample(of.loopDelay, used.eventLoopDelayP99Seconds, "p99"),
    sample(of.loopDelay, used.eventLoopDelayMaxSeconds, "max"),
    ...(used.openFiles === undefined ? [] : [sample(of.openFiles, used.openFiles)])
  ]
}

const budget = ({ component, max, refused, underWay }: BudgetCounts): ReadonlyArray<Sample> => [
  sample(families.self.budgetUsed, underWay, component),
  sample(families.self.budgetMax, max, component),
  sample(families.self.budgetRefused, refused, component)
]

const memory = ({ entered, level, shed }: MemoryCounts): ReadonlyArray<Sample> => [
  sample(families.self.memoryLevel, levelValue[level]),
  ...Object.entries(entered).map(([name, count]) => sample(families.self.memoryEntered, count, name)),
  sample(families.self.memoryShed, shed)
]
