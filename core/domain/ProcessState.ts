/**
 * The states of a supervised process, with supervisord's numbers.
 *
 * Source: supervisord's `supervisor/states.py`; the numbers travel on the wire and are part of Muster's API.
 */
import { Schema } from "effect"

export const ProcessStateCode = {
  STOPPED: 0,
  STARTING: 10,
  RUNNING: 20,
  BACKOFF: 30,
  STOPPING: 40,
  EXITED: 100,
  FATAL: 200,
  UNKNOWN: 1000
} as const

export const ProcessState = Schema.Literals([
  "STOPPED",
  "STARTING",
  "RUNNING",
  "BACKOFF",
  "STOPPING",
  "EXITED",
  "FATAL",
  "UNKNOWN"
])
export type ProcessState = typeof ProcessState.Type

const byCode = new Map<number, ProcessState>(ProcessState.literals.map((state) => [ProcessStateCode[state], state]))

/** The state with this number; a number that supervisord does not define is `UNKNOWN`. */
export const fromCode = (code: number): ProcessState => byCode.get(code) ?? "UNKNOWN"

/** Nothing of the program runs and nothing will start by itself: a start is accepted. */
export const isStopped = (state: ProcessState): boolean =>
  state === "STOPPED" || state === "EXITED" || state === "FATAL" || state === "UNKNOWN"

/** supervisord refuses a start of a process in these states with ALREADY_STARTED, and accepts a stop. */
export const isRunning = (state: ProcessState): boolean =>
  state === "STARTING" || state === "RUNNING" || state === "BACKOFF"
