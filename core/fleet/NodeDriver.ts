/**
 * What the fleet asks of a node, whatever kind of node it is: a supervisord over XML-RPC or the local process manager.
 *
 * Requests return when the node has accepted them, not when they have taken effect: the fleet judges the outcome by
 * observing the process afterwards. Every call ends within its own deadline.
 */
import type { Effect } from "effect"
import type { NodeError } from "../domain/NodeError.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"

/** How long a program may take, by its own configuration on the node. Seconds. */
export interface ProgramTiming {
  /** It counts as RUNNING after it has stayed up for so long. */
  readonly startSecs: number
  /** Starts that fail in a row before FATAL, not counting the first. Each waits a second longer than the one before. */
  readonly startRetries: number
  /** After a stop signal it is killed when it has not ended within this time. */
  readonly stopWaitSecs: number
}

export interface NodeDriver {
  /** Kind of node, for people: `supervisord` or `local`. */
  readonly kind: "supervisord" | "local"
  /** All processes as they are now. */
  readonly processes: Effect.Effect<ReadonlyArray<ProcessInfo>, NodeError>
  /** One process as it is now. An unknown one is a `Fault` named `BAD_NAME`. */
  readonly process: (id: ProcessId) => Effect.Effect<ProcessInfo, NodeError>
  /** Asks for a start and does not wait for it. */
  readonly start: (id: ProcessId) => Effect.Effect<void, NodeError>
  /** Asks for a stop and does not wait for it. */
  readonly stop: (id: ProcessId) => Effect.Effect<void, NodeError>
  /** The program's own timing; a node that cannot tell gives supervisord's defaults. */
  readonly timing: (id: ProcessId) => Effect.Effect<ProgramTiming, NodeError>
}
