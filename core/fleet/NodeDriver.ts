/**
 * What the fleet asks of a node, whatever kind of node it is: a supervisord over XML-RPC or the local process manager.
 *
 * Requests return when the node has accepted them, not when they have taken effect: the fleet judges the outcome by
 * observing the process afterwards. Every call ends within its own deadline, following a log excepted.
 */
import type { Effect, Stream } from "effect"
import type { LogChannel, LogChunk } from "../domain/Log.ts"
import type { NodeIdentity } from "../domain/Node.ts"
import type { NodeError } from "../domain/NodeError.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"
import type { ConfigDiff } from "../domain/Update.ts"

/** How long a program may take, by its own configuration on the node. Seconds. */
export interface ProgramTiming {
  /** It counts as RUNNING after it has stayed up for so long. */
  readonly startSecs: number
  /** Starts that fail in a row before FATAL, not counting the first. Each waits a second longer than the one before. */
  readonly startRetries: number
  /** After a stop signal it is killed when it has not ended within this time. */
  readonly stopWaitSecs: number
}

/** Where to read a log: from an offset on, or its newest bytes. */
export interface LogRange {
  readonly from: number | "end"
  readonly lengthBytesMax: number
}

/** What following a log brings: bytes as they come, or the word that some were lost. */
export type LogPiece = { readonly _tag: "Bytes"; readonly bytes: Uint8Array } | { readonly _tag: "Gap" }

export interface NodeDriver {
  /** Kind of node, for people: `supervisord` or `local`. */
  readonly kind: "supervisord" | "local"
  /** Who answers there. */
  readonly identify: Effect.Effect<NodeIdentity, NodeError>
  /** All processes as they are now. */
  readonly processes: Effect.Effect<ReadonlyArray<ProcessInfo>, NodeError>
  /** One process as it is now. An unknown one is a `Fault` named `BAD_NAME`. */
  readonly process: (id: ProcessId) => Effect.Effect<ProcessInfo, NodeError>
  /** Asks for a start and does not wait for it. */
  readonly start: (id: ProcessId) => Effect.Effect<void, NodeError>
  /** Asks for a stop and does not wait for it. */
  readonly stop: (id: ProcessId) => Effect.Effect<void, NodeError>
  /** Sends a signal, by name with or without `SIG` or by number. `BAD_SIGNAL`, `NOT_RUNNING`. */
  readonly signal: (id: ProcessId, signal: string) => Effect.Effect<void, NodeError>
  /** Writes to its standard input. `NOT_RUNNING`, `NO_FILE` when it is closed. */
  readonly sendStdin: (id: ProcessId, chars: string) => Effect.Effect<void, NodeError>
  /** Empties its logs. */
  readonly clearLog: (id: ProcessId) => Effect.Effect<void, NodeError>
  /** The program's own timing; a node that cannot tell gives supervisord's defaults. */
  readonly timing: (id: ProcessId) => Effect.Effect<ProgramTiming, NodeError>
  /** Reads a stretch of a log; a log that was never written is empty. */
  readonly readLog: (id: ProcessId, channel: LogChannel, range: LogRange) => Effect.Effect<LogChunk, NodeError>
  /** The newest part of a log and then what is written, until it fails or the scope of its reader closes. */
  readonly followLog: (id: ProcessId, channel: LogChannel) => Stream.Stream<LogPiece, NodeError>
  /** Reads its configuration files again and says how they differ from what it runs. Changes nothing it runs. */
  readonly reread: Effect.Effect<ConfigDiff, NodeError>
  /** Makes a group of its configuration known and starts what starts with it. `ALREADY_ADDED`, `BAD_NAME`. */
  readonly addGroup: (group: string) => Effect.Effect<void, NodeError>
  /** Forgets a group whose processes have all stopped. `STILL_RUNNING` when they have not, `BAD_NAME`. */
  readonly removeGroup: (group: string) => Effect.Effect<void, NodeError>
}
