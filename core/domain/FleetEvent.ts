/**
 * What changed in the fleet, and what people asked of it. Events are numbered by one counter without gaps, in the
 * order in which the console learned of the changes. A change that came and went between two polls is not seen.
 */
import { Schema } from "effect"
import { DownReason, NodeIdentity, NodeStatus, NodeView } from "./Node.ts"
import { ProcessInfo } from "./Process.ts"
import { ProcessState } from "./ProcessState.ts"
import { BatchSummary, OperationKind, Outcome } from "./Operation.ts"

const base = {
  seq: Schema.Int,
  /** When the console learned of it. ISO 8601. */
  at: Schema.String
}

const numbered = { ...base, node: Schema.String }

/** The fleet has a node more: it is `connecting`. */
export const NodeAdded = Schema.Struct({ type: Schema.Literal("node.added"), ...numbered, view: NodeView })

/** The fleet has a node less; its processes were told as removed before. */
export const NodeRemoved = Schema.Struct({ type: Schema.Literal("node.removed"), ...numbered })

/** Another life of the node than before: its supervisord was started again, or another one answers in its place. */
export const NodeRestarted = Schema.Struct({
  type: Schema.Literal("node.restarted"),
  ...numbered,
  incarnation: Schema.Int,
  /** Absent when the node cannot tell. */
  identity: Schema.optionalKey(NodeIdentity),
  /** What told it, in words. */
  why: Schema.String
})

/** A node answered, stopped answering, or fails for another reason than before. */
export const NodeStatusChanged = Schema.Struct({
  type: Schema.Literal("node.status"),
  ...numbered,
  from: NodeStatus,
  to: NodeStatus,
  reason: Schema.optionalKey(DownReason)
})

export const ProcessAdded = Schema.Struct({ type: Schema.Literal("process.added"), ...numbered, process: ProcessInfo })

export const ProcessRemoved = Schema.Struct({
  type: Schema.Literal("process.removed"),
  ...numbered,
  group: Schema.String,
  name: Schema.String
})

export const ProcessStateChanged = Schema.Struct({
  type: Schema.Literal("process.state"),
  ...numbered,
  from: ProcessState,
  to: ProcessState,
  process: ProcessInfo
})

/** The same state as before, but another run of the program: it ended and started again between two polls. */
export const ProcessRestarted = Schema.Struct({
  type: Schema.Literal("process.restarted"),
  ...numbered,
  from_pid: Schema.Int,
  process: ProcessInfo
})

const operation = {
  ...numbered,
  /** Number of the operation since the console started. */
  operation: Schema.Int,
  kind: OperationKind,
  group: Schema.String,
  name: Schema.String
}

/** Somebody asked for an operation on a process, and it is under way. */
export const OperationStarted = Schema.Struct({ type: Schema.Literal("operation.started"), ...operation })

/** It is over: `outcome` as in the answer, or `error` with the code of the answer. */
export const OperationFinished = Schema.Struct({
  type: Schema.Literal("operation.finished"),
  ...operation,
  outcome: Schema.Union([Outcome, Schema.Literals(["error", "cancelled"])]),
  detail: Schema.String,
  took_ms: Schema.Int
})

/** A batch began, has another result, or is over. */
export const BatchChanged = Schema.Struct({ type: Schema.Literal("batch.changed"), ...base, batch: BatchSummary })

export const FleetEvent = Schema.Union([
  NodeAdded,
  NodeRemoved,
  NodeStatusChanged,
  NodeRestarted,
  ProcessAdded,
  ProcessRemoved,
  ProcessStateChanged,
  ProcessRestarted,
  OperationStarted,
  OperationFinished,
  BatchChanged
])
export type FleetEvent = typeof FleetEvent.Type

type WithoutNumber<E> = E extends FleetEvent ? Omit<E, "seq" | "at"> : never

/** An event before the fleet gave it its number and time. */
export type FleetChange = WithoutNumber<FleetEvent>
