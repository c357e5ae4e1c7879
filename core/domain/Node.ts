/** A node of the fleet as the console shows it. */
import { Schema } from "effect"
import { ProcessInfo } from "./Process.ts"

/**
 * - `connecting`: not answered yet since the console started; what is shown of its processes is from before that.
 * - `up`: the last poll succeeded.
 * - `down`: the last poll failed; `reason` says why, and what is shown of its processes is the last known state.
 */
export const NodeStatus = Schema.Literals(["connecting", "up", "down"])
export type NodeStatus = typeof NodeStatus.Type

/** Why a node is down: `code` for programs (the name of a reason of NodeError), `message` for people. */
export const DownReason = Schema.Struct({ code: Schema.String, message: Schema.String })
export type DownReason = typeof DownReason.Type

/** What a node says of itself. */
export const NodeIdentity = Schema.Struct({
  /** supervisord's `identifier=`; of the local node, its name. */
  identifier: Schema.String,
  /** Version of its software, such as `4.2.5`. */
  version: Schema.String,
  /** Process id of its supervisord, which a restart of it does not change. */
  pid: Schema.Int
})
export type NodeIdentity = typeof NodeIdentity.Type

/**
 * The circuit breaker of a node: `closed` lets calls through, `open` refuses them after too many failures in a row,
 * `half-open` lets one through to see.
 */
export const BreakerView = Schema.Struct({
  state: Schema.Literals(["closed", "open", "half-open"]),
  /** When an open circuit lets the next call through. ISO 8601. */
  retry_at: Schema.optionalKey(Schema.String)
})
export type BreakerView = typeof BreakerView.Type

export const NodeView = Schema.Struct({
  name: Schema.String,
  environment: Schema.optionalKey(Schema.String),
  kind: Schema.Literals(["supervisord", "local"]),
  status: NodeStatus,
  reason: Schema.optionalKey(DownReason),
  /** Since when it has this status. ISO 8601. */
  since: Schema.String,
  /** Last successful poll, perhaps of an earlier run of the console. ISO 8601; absent when there was none. */
  last_seen: Schema.optionalKey(Schema.String),
  /** What is shown of its processes is not fresh: the node is not up, or was not heard of for several intervals. */
  stale: Schema.Boolean,
  /** What is shown of its processes was seen before the console started: the node has not answered since. */
  recalled: Schema.optionalKey(Schema.Literal(true)),
  /** Which life of the node this is, as far as the console can tell: 1 for the first that it saw. */
  incarnation: Schema.Int,
  identity: Schema.optionalKey(NodeIdentity),
  breaker: Schema.optionalKey(BreakerView),
  /** How many processes are in each state, states without any left out. */
  processes: Schema.Record(Schema.String, Schema.Int)
})
export type NodeView = typeof NodeView.Type

/** A node with all its processes, as it stands in a snapshot. */
export const NodeWithProcesses = Schema.Struct({ node: NodeView, processes: Schema.Array(ProcessInfo) })
export type NodeWithProcesses = typeof NodeWithProcesses.Type

/** The whole fleet after the event `seq`; the next event is `seq + 1`. */
export const FleetSnapshot = Schema.Struct({ seq: Schema.Int, nodes: Schema.Array(NodeWithProcesses) })
export type FleetSnapshot = typeof FleetSnapshot.Type
