/**
 * The state of the fleet and its pure transitions: which nodes there are, what each reported last, and the number of
 * the last event. Whoever holds it (Registry) only applies these functions.
 */
import { DateTime } from "effect"
import { formatId } from "../domain/Process.ts"
import type { ProcessInfo } from "../domain/Process.ts"
import type { FleetChange, FleetEvent } from "../domain/FleetEvent.ts"
import type { DownReason, FleetSnapshot, NodeStatus, NodeView } from "../domain/Node.ts"

/** What the configuration says of a node. */
export interface NodeEntry {
  readonly name: string
  readonly environment: string | undefined
  readonly kind: "supervisord" | "local"
}

export interface NodeState {
  readonly entry: NodeEntry
  readonly status: NodeStatus
  readonly reason: DownReason | undefined
  readonly sinceMs: number
  readonly lastSeenMs: number | undefined
  /** Last known processes by `group:name`, in the node's order. */
  readonly processes: ReadonlyMap<string, ProcessInfo>
}

export interface FleetState {
  readonly seq: number
  readonly nodes: ReadonlyMap<string, NodeState>
}

/** What a poll brought: all processes of the node, or the reason why there is no answer. */
export type PollResult =
  | { readonly _tag: "Answered"; readonly processes: ReadonlyArray<ProcessInfo> }
  | { readonly _tag: "Failed"; readonly reason: DownReason }

export interface Transition {
  readonly state: FleetState
  readonly events: ReadonlyArray<FleetEvent>
}

export const empty: FleetState = { seq: 0, nodes: new Map() }

/** Adds a node; one of that name stays as it is. */
export const addNode = (state: FleetState, entry: NodeEntry, nowMs: number): FleetState => {
  if (state.nodes.has(entry.name)) return state
  const node: NodeState = {
    entry,
    status: "connecting",
    reason: undefined,
    sinceMs: nowMs,
    lastSeenMs: undefined,
    processes: new Map()
  }
  return { ...state, nodes: new Map([...state.nodes, [entry.name, node]]) }
}

/** Removes a node; its processes are told as removed. */
export const removeNode = (state: FleetState, name: string, nowMs: number): Transition => {
  const node = state.nodes.get(name)
  if (node === undefined) return { state, events: [] }
  const nodes = new Map(state.nodes)
  nodes.delete(name)
  const changes = Array.from(node.processes.values(), ({ group, name: process }): FleetChange => ({
    type: "process.removed",
    node: name,
    group,
    name: process
  }))
  return number({ ...state, nodes }, changes, nowMs)
}

/** Takes in what a poll brought. A poll of a node that is gone changes nothing. */
export const recordPoll = (state: FleetState, name: string, result: PollResult, nowMs: number): Transition => {
  const before = state.nodes.get(name)
  if (before === undefined) return { state, events: [] }
  const after = afterPoll(before, result, nowMs)
  const nodes = new Map(state.nodes).set(name, after)
  return number(
    { ...state, nodes },
    [...statusChange(before, after), ...processChanges(name, before.processes, after.processes)],
    nowMs
  )
}

const afterPoll = (before: NodeState, result: PollResult, nowMs: number): NodeState => {
  if (result._tag === "Failed") {
    return {
      ...before,
      status: "down",
      reason: result.reason,
      sinceMs: before.status === "down" ? before.sinceMs : nowMs
    }
  }
  return {
    ...before,
    status: "up",
    reason: undefined,
    sinceMs: before.status === "up" ? before.sinceMs : nowMs,
    lastSeenMs: nowMs,
    processes: new Map(result.processes.map((process) => [formatId(process), process]))
  }
}

const statusChange = (before: NodeState, after: NodeState): ReadonlyArray<FleetChange> => {
  if (before.status === after.status && before.reason?.code === after.reason?.code) return []
  const change = { type: "node.status", node: after.entry.name, from: before.status, to: after.status } as const
  return [after.reason === undefined ? change : { ...change, reason: after.reason }]
}

/** The difference between two reports of a node, removed processes first. */
export const processChanges = (
  node: string,
  before: ReadonlyMap<string, ProcessInfo>,
  after: ReadonlyMap<string, ProcessInfo>
): ReadonlyArray<FleetChange> => {
  if (before === after) return []
  const changes: Array<FleetChange> = []
  for (const [id, { group, name }] of before) {
    if (!after.has(id)) changes.push({ type: "process.removed", node, group, name })
  }
  for (const [id, process] of after) {
    const old = before.get(id)
    if (old === undefined) changes.push({ type: "process.added", node, process })
    else if (old.state !== process.state)
      changes.push({ type: "process.state", node, from: old.state, to: process.state, process })
    else if (old.pid !== process.pid || old.start !== process.start) {
      changes.push({ type: "process.restarted", node, from_pid: old.pid, process })
    }
  }
  return changes
}

const number = (state: FleetState, changes: ReadonlyArray<FleetChange>, nowMs: number): Transition => {
  if (changes.length === 0) return { state, events: [] }
  const at = isoTime(nowMs)
  const events = changes.map((change, i): FleetEvent => ({ ...change, seq: state.seq + i + 1, at }))
  return { state: { ...state, seq: state.seq + changes.length }, events }
}

/** How the API shows a node. */
export const viewNode = (node: NodeState): NodeView => {
  const counts: Record<string, number> = {}
  for (const { state } of node.processes.values()) counts[state] = (counts[state] ?? 0) + 1
  return {
    name: node.entry.name,
    ...(node.entry.environment === undefined ? {} : { environment: node.entry.environment }),
    kind: node.entry.kind,
    status: node.status,
    ...(node.reason === undefined ? {} : { reason: node.reason }),
    since: isoTime(node.sinceMs),
    ...(node.lastSeenMs === undefined ? {} : { last_seen: isoTime(node.lastSeenMs) }),
    processes: counts
  }
}

export const viewFleet = (state: FleetState): FleetSnapshot => ({
  seq: state.seq,
  nodes: Array.from(state.nodes.values(), (node) => ({
    node: viewNode(node),
    processes: Array.from(node.processes.values())
  }))
})

const isoTime = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))
