/**
 * What changed in the fleet. Events are numbered by one counter without gaps, in the order in which the console
 * learned of the changes. A change that came and went between two polls is not seen.
 */
import { Schema } from "effect"
import { DownReason, NodeStatus } from "./Node.ts"
import { ProcessInfo } from "./Process.ts"
import { ProcessState } from "./ProcessState.ts"

const numbered = {
  seq: Schema.Int,
  /** When the console learned of it. ISO 8601. */
  at: Schema.String,
  node: Schema.String
}

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

export const FleetEvent = Schema.Union([
  NodeStatusChanged,
  ProcessAdded,
  ProcessRemoved,
  ProcessStateChanged,
  ProcessRestarted
])
export type FleetEvent = typeof FleetEvent.Type

type WithoutNumber<E> = E extends FleetEvent ? Omit<E, "seq" | "at"> : never

/** An event before the fleet gave it its number and time. */
export type FleetChange = WithoutNumber<FleetEvent>
