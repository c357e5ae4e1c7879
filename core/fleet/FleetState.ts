/**
 * The state of the fleet and its pure transitions: which nodes there are, what each reported last, and the number of
 * the last event. Whoever holds it (Registry) only applies these functions.
 */
import { DateTime } from "effect"
import { formatId } from "../domain/Process.ts"
import type { ProcessInfo } from "../domain/Process.ts"
import type { FleetChange, FleetEvent } from "../domain/FleetEvent.ts"
import type { DownReason, FleetSnapshot, NodeIdentity, NodeStatus, NodeView } from "../domain/Node.ts"
import * as Marks from "../Marks.ts"
import { restartSeen } from "./Incarnation.ts"
import { keptProcess } from "./KeptProcess.ts"
import { NodeMap } from "./NodeMap.ts"

/** What the configuration says of a node. */
export interface NodeEntry {
  readonly name: string
  readonly environment: string | undefined
  readonly kind: "supervisord" | "local"
  /** Who must answer there (NodeGuard checks it); absent, whoever does. */
  readonly identifier?: string | undefined
}

export interface NodeState {
  readonly entry: NodeEntry
  /** Which addition of a node this is: another one of the same name has another number. */
  readonly addition: number
  readonly status: NodeStatus
  readonly reason: DownReason | undefined
  readonly sinceMs: number
  readonly lastSeenMs: number | undefined
  /** What is known of it is from before the console started: it has not answered since. */
  readonly isRecalled: boolean
  /** From 1 on; see Incarnation. */
  readonly incarnation: number
  /** As it said last, undefined when it never did. */
  readonly identity: NodeIdentity | undefined
  /** Last known processes by `group:name`, in the node's order. */
  readonly processes: ReadonlyMap<string, ProcessInfo>
  /** How many of them are in each state. */
  readonly counts: Readonly<Record<string, number>>
}

export interface FleetState {
  readonly seq: number
  /** Nodes added so far, removed ones included. */
  readonly additions: number
  readonly nodes: NodeMap<NodeState>
  /** What was known before the start of nodes that are not there yet. */
  readonly memories: Memories
}

/** What an earlier run of the console knew of a node. */
export interface Memory {
  readonly processes: ReadonlyArray<ProcessInfo>
  readonly seenMs: number
}

/** By name of the node. */
export type Memories = ReadonlyMap<string, Memory>

/** What a poll brought: all processes of the node, or the reason why there is no answer. */
export type PollResult =
  | {
      readonly _tag: "Answered"
      readonly processes: ReadonlyArray<ProcessInfo>
      /** Absent when it was not asked for in this poll, or the node cannot tell. */
      readonly identity?: NodeIdentity | undefined
    }
  | { readonly _tag: "Failed"; readonly reason: DownReason }

export interface Transition {
  readonly state: FleetState
  readonly events: ReadonlyArray<FleetEvent>
}

/** What a view needs beside the state. Wall clock milliseconds. */
export interface ViewOptions {
  readonly nowMs: number
  /** A node that is up and was not heard of for longer is stale. */
  readonly staleAfterMs: number
}

export const empty: FleetState = { seq: 0, additions: 0, nodes: NodeMap.of([]), memories: new Map() }

/** Adds a node, with what was known of it before the start; one of that name stays as it is. */
export const addNode = (state: FleetState, entry: NodeEntry, nowMs: number): Transition => {
  if (state.nodes.has(entry.name)) return { state, events: [] }
  const additions = state.additions + 1
  const node: NodeState = {
    entry,
    addition: additions,
    status: "connecting",
    reason: undefined,
    sinceMs: nowMs,
    lastSeenMs: undefined,
    isRecalled: false,
    incarnation: 1,
    identity: undefined,
    processes: new Map(),
    counts: {}
  }
  const memory = state.memories.get(entry.name)
  const known = memory === undefined ? node : remembering(node, memory)
  const nodes = state.nodes.with(entry.name, known)
  const memories = memory === undefined ? state.memories : without(state.memories, entry.name)
  // It is stale at any time: it is not up. Its processes are told after it.
  const view = viewNode({ ...known, counts: {} }, { nowMs, staleAfterMs: 0 })
  return number(
    { ...state, additions, nodes, memories },
    [{ type: "node.added", node: entry.name, view }, ...processChanges(entry.name, node.processes, known.processes)],
    nowMs
  )
}

/**
 * Takes in what was known of nodes before the start: of those that have not answered yet it is shown, for those that
 * are not there yet it is kept. A node that has answered knows better.
 */
export const recall = (state: FleetState, memories: Memories, nowMs: number): Transition => {
  const changes: Array<FleetChange> = []
  const waiting = new Map(state.memories)
  let { nodes } = state
  for (const [name, memory] of memories) {
    const node = nodes.get(name)
    if (node === undefined) waiting.set(name, memory)
    else if (node.lastSeenMs === undefined) {
      const known = remembering(node, memory)
      nodes = nodes.with(name, known)
      changes.push(...processChanges(name, node.processes, known.processes))
    }
  }
  return number({ ...state, nodes, memories: waiting }, changes, nowMs)
}

const remembering = (node: NodeState, { processes, seenMs }: Memory): NodeState => {
  const byId = new Map(processes.map((process) => [formatId(process), process]))
  return { ...node, lastSeenMs: seenMs, isRecalled: true, processes: byId, counts: countStates(byId.values()) }
}

const without = (memories: Memories, name: string): Memories => {
  const others = new Map(memories)
  others.delete(name)
  return others
}

/** Removes a node; its processes are told as removed first. With a number, only if it is that addition of it. */
export const removeNode = (state: FleetState, name: string, nowMs: number, addition?: number): Transition => {
  const node = find(state, name, addition)
  if (node === undefined) return { state, events: [] }
  const nodes = state.nodes.without(name)
  return number({ ...state, nodes }, goneChanges(node), nowMs)
}

/** What is told of a node that goes. */
const goneChanges = ({ entry, processes }: NodeState): ReadonlyArray<FleetChange> => [
  ...Array.from(processes.values(), ({ group, name }): FleetChange => ({
    type: "process.removed",
    node: entry.name,
    group,
    name
  })),
  { type: "node.removed", node: entry.name }
]

/** Nodes that go, and then nodes that come. One whose name is in both is another node from then on. */
export interface Replacement {
  readonly removed: ReadonlyArray<string>
  readonly added: ReadonlyArray<NodeEntry>
  /** Names, in the order that the nodes have from then on; others are behind them. Default: as they came. */
  readonly order?: ReadonlyArray<string>
}

/** All of it in one transition: nobody sees a part. */
export const replaceNodes = (
  state: FleetState,
  { added, order = [], removed }: Replacement,
  nowMs: number
): Transition => {
  const names = new Set(removed)
  const gone = Array.from(names).flatMap((name) => state.nodes.get(name) ?? [])
  const less = number({ ...state, nodes: state.nodes.withoutAll(names) }, gone.flatMap(goneChanges), nowMs)
  let after = less.state
  const more = added.map((entry) => {
    const step = addNode(after, entry, nowMs)
    after = step.state
    return step.events
  })
  return { state: { ...after, nodes: after.nodes.inOrder(order) }, events: [...less.events, ...more.flat()] }
}

/**
 * Takes in what a poll brought. A poll of a node that is gone changes nothing; with a number, neither does one of
 * another addition of it.
 */
export const recordPoll = (
  state: FleetState,
  name: string,
  result: PollResult,
  nowMs: number,
  addition?: number
): Transition => {
  const before = find(state, name, addition)
  if (before === undefined) return { state, events: [] }
  const { node: after, restarted } =
    result._tag === "Failed" ? failed(before, result.reason, nowMs) : answered(before, result, nowMs)
  if (after === before) return { state, events: [] }
  const nodes = state.nodes.with(name, after)
  return number(
    { ...state, nodes },
    [...statusChange(before, after), ...restarted, ...processChanges(name, before.processes, after.processes)],
    nowMs
  )
}

/** Numbers a change that leaves the nodes as they are. */
export const tell = (state: FleetState, change: FleetChange, nowMs: number): Transition =>
  number(state, [change], nowMs)

const find = (state: FleetState, name: string, addition: number | undefined): NodeState | undefined => {
  const node = state.nodes.get(name)
  return node === undefined || addition === undefined || node.addition === addition ? node : undefined
}

interface Polled {
  readonly node: NodeState
  readonly restarted: ReadonlyArray<FleetChange>
}

/** That the console did not ask says nothing new of a node that is down, and never why. */
const isRefusal = ({ code }: DownReason): boolean => code === "CircuitOpen" || code === "Busy"

const failed = (before: NodeState, reason: DownReason, nowMs: number): Polled => {
  const isDown = before.status === "down"
  if (isDown && (isRefusal(reason) || isSameReason(before.reason, reason))) return { node: before, restarted: [] }
  return {
    node: { ...before, status: "down", reason, sinceMs: isDown ? before.sinceMs : nowMs },
    restarted: []
  }
}

const isSameReason = (before: DownReason | undefined, after: DownReason): boolean =>
  before !== undefined && before.code === after.code && before.message === after.message

const answered = (
  before: NodeState,
  result: Extract<PollResult, { readonly _tag: "Answered" }>,
  nowMs: number
): Polled => {
  const processes = new Map(
    result.processes.map((process) => {
      const id = formatId(process)
      return [id, keptProcess(process, before.processes.get(id))]
    })
  )
  const identity = result.identity ?? before.identity
  // Its lives are counted from the first that this console meets.
  const why = before.isRecalled
    ? undefined
    : restartSeen(before, { identity: result.identity, processes }, before.status === "down")
  if (why !== undefined) Marks.reached("a node was restarted behind our back")
  const incarnation = why === undefined ? before.incarnation : before.incarnation + 1
  const name = before.entry.name
  return {
    node: {
      ...before,
      status: "up",
      reason: undefined,
      sinceMs: before.status === "up" ? before.sinceMs : nowMs,
      lastSeenMs: nowMs,
      isRecalled: false,
      incarnation,
      identity,
      processes,
      counts: countStates(result.processes)
    },
    restarted:
      why === undefined
        ? []
        : [{ type: "node.restarted", node: name, incarnation, why, ...(identity === undefined ? {} : { identity }) }]
  }
}

/** How many processes are in each state. */
export const countStates = (processes: Iterable<ProcessInfo>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { state } of processes) counts[state] = (counts[state] ?? 0) + 1
  return counts
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

/** How the API shows a node. The same view again, as long as node and staleness are the same. */
export const viewNode = (node: NodeState, options: ViewOptions): NodeView => {
  const views = isStale(node, options) ? staleViews : freshViews
  const known = views.get(node)
  if (known !== undefined) return known
  const view = makeView(node, views === staleViews)
  views.set(node, view)
  return view
}

// A node is looked at much more often than it changes.
const staleViews = new WeakMap<NodeState, NodeView>()
const freshViews = new WeakMap<NodeState, NodeView>()

const makeView = (node: NodeState, stale: boolean): NodeView => ({
  name: node.entry.name,
  ...(node.entry.environment === undefined ? {} : { environment: node.entry.environment }),
  kind: node.entry.kind,
  status: node.status,
  ...(node.reason === undefined ? {} : { reason: node.reason }),
  since: isoTime(node.sinceMs),
  ...(node.lastSeenMs === undefined ? {} : { last_seen: isoTime(node.lastSeenMs) }),
  stale,
  ...(node.isRecalled ? { recalled: true } : {}),
  incarnation: node.incarnation,
  ...(node.identity === undefined ? {} : { identity: node.identity }),
  processes: node.counts
})

/** Not up, or not heard of for too long. Last seen in the future means that the clock was set back: who knows when. */
export const isStale = ({ lastSeenMs, status }: NodeState, { nowMs, staleAfterMs }: ViewOptions): boolean =>
  status !== "up" || lastSeenMs === undefined || Math.abs(nowMs - lastSeenMs) > staleAfterMs

export const viewFleet = (state: FleetState, options: ViewOptions): FleetSnapshot => ({
  seq: state.seq,
  nodes: Array.from(state.nodes.values(), (node) => ({
    node: viewNode(node, options),
    processes: Array.from(node.processes.values())
  }))
})

const isoTime = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))
