/**
 * A supervised process as its node reports it.
 *
 * Identity is `(group, name)`: names repeat over groups. The times are unix seconds of the **node's** clock, so an
 * uptime is `now - start` of one and the same report, never a difference to the console's clock.
 */
import { Schema } from "effect"
import { ProcessState } from "./ProcessState.ts"

/** Which process of a node: group and name together. */
export const ProcessId = Schema.Struct({ group: Schema.String, name: Schema.String })
export type ProcessId = typeof ProcessId.Type

/** `group:name`, the way supervisord writes it. */
export const formatId = (id: ProcessId): string => `${id.group}:${id.name}`

export const ProcessInfo = Schema.Struct({
  group: Schema.String,
  name: Schema.String,
  state: ProcessState,
  /** supervisord's number of `state`. */
  statecode: Schema.Int,
  /** 0 when nothing runs. */
  pid: Schema.Int,
  /** Last start, unix seconds, 0 when never. */
  start: Schema.Int,
  /** Last stop, unix seconds, 0 when never. */
  stop: Schema.Int,
  /** The node's clock when it made this report, unix seconds. */
  now: Schema.Int,
  /** Exit status of the last run; -1 after a signal. supervisord reports 0 for FATAL: the real one is lost. */
  exitstatus: Schema.Int,
  /** Why the last spawn failed, "" when it did not. */
  spawnerr: Schema.String,
  /** The node's own words about the process. */
  description: Schema.String,
  stdout_logfile: Schema.String,
  stderr_logfile: Schema.String
})
export type ProcessInfo = typeof ProcessInfo.Type
