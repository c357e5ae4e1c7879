/**
 * What is known of a program at one moment, what can happen to it, and what its machine asks for.
 *
 * A **run** is one process group from its spawn until nothing of it is left. It has a number, so that late news of an
 * earlier run is told from news of this one, and a life of its own beside the program's state:
 *
 *     none -> spawning -> up -> leaving -> none
 *
 * `up`: the leader runs. `leaving`: the leader has exited, and what it left behind in its group is being ended.
 */
import type { ProcessState } from "../domain/ProcessState.ts"
import type { StopSignal } from "./ProgramConfig.ts"

/** What is left of the current run. `pid` is that of the leader and of its group. */
export type Life =
  | { readonly _tag: "none" }
  | { readonly _tag: "spawning" }
  | { readonly _tag: "up"; readonly pid: number }
  | { readonly _tag: "leaving" }

export interface ProgramState {
  readonly state: Exclude<ProcessState, "UNKNOWN">
  /** Number of the latest run; 0 before the first. */
  readonly run: number
  readonly life: Life
  /** Start of the latest run and exit of the latest leader, unix milliseconds, 0 when never. */
  readonly startMs: number
  readonly stopMs: number
  /** Of the latest leader that exited; -1 after a signal, 0 when the current run has not exited. */
  readonly exitstatus: number
  /** Why the latest run did not go well, "" when it did. */
  readonly spawnerr: string
  /** Starts that failed in a row; 0 unless it is STARTING or in BACKOFF. */
  readonly failures: number
  /** Number of the latest timer; an armed timer is told from earlier ones by it. */
  readonly timer: number
  readonly armed: boolean
  /** When SIGKILL is due while STOPPING, unix milliseconds. */
  readonly killAtMs: number
  /** The manager is shutting down: nothing is started any more. */
  readonly closing: boolean
}

export type ProgramEvent =
  /** Somebody asks for a start, or for a stop. */
  | { readonly _tag: "Start" | "Stop"; readonly nowMs: number }
  /** The manager ends: stop if it runs, and start no more. */
  | { readonly _tag: "Shutdown"; readonly nowMs: number }
  /** The timer with this number has fired. */
  | { readonly _tag: "Due"; readonly timer: number; readonly nowMs: number }
  /** The run has a process. */
  | { readonly _tag: "Spawned"; readonly run: number; readonly pid: number; readonly nowMs: number }
  /** The run got no process. */
  | { readonly _tag: "SpawnFailed"; readonly run: number; readonly text: string; readonly nowMs: number }
  /** The leader has exited: with this status, or by a signal (-1). */
  | { readonly _tag: "Exited"; readonly run: number; readonly status: number; readonly nowMs: number }
  /** Nothing of the run's group is left, or nothing that could be ended. */
  | { readonly _tag: "Ended"; readonly run: number; readonly nowMs: number }
  /** A signal could not be sent, although the leader runs. */
  | { readonly _tag: "SignalFailed"; readonly run: number; readonly text: string; readonly nowMs: number }

export type Refusal = "ALREADY_STARTED" | "NOT_RUNNING" | "STILL_RUNNING" | "SHUTDOWN_STATE"

/** What is to be done, in this order, after the new state is in place. */
export type ProgramAction =
  /** The command is not accepted. */
  | { readonly _tag: "Refuse"; readonly refusal: Refusal }
  /** Spawn a process; answered by Spawned, Exited and Ended, or by SpawnFailed. */
  | { readonly _tag: "Spawn"; readonly run: number }
  /** Send the signal to the whole group, or to its leader alone. */
  | { readonly _tag: "Signal"; readonly run: number; readonly signal: StopSignal; readonly to: "group" | "leader" }
  /** End what the leader left in its group: this signal at once, SIGKILL after the grace; answered by Ended. */
  | { readonly _tag: "Reap"; readonly run: number; readonly signal: StopSignal | "SIGCONT"; readonly graceMs: number }
  /** Answer with Due after this time. It replaces the timer before it. */
  | { readonly _tag: "SetTimer"; readonly timer: number; readonly delayMs: number }
  /** The timer is not needed any more. */
  | { readonly _tag: "ClearTimer" }

/** There is no run. */
export const none: Life = { _tag: "none" }

/** A program that was never started. */
export const initial: ProgramState = {
  state: "STOPPED",
  run: 0,
  life: none,
  startMs: 0,
  stopMs: 0,
  exitstatus: 0,
  spawnerr: "",
  failures: 0,
  timer: 0,
  armed: false,
  killAtMs: 0,
  closing: false
}

/** The pid of the leader, 0 when it does not run. */
export const pidOf = (state: ProgramState): number => (state.life._tag === "up" ? state.life.pid : 0)

/** The manager has asked for the end, and nothing of the program is left. */
export const isOver = (state: ProgramState): boolean => state.closing && state.life._tag === "none"

/** Nothing of the program is left, and it is not about to start; it may be restarted after an exit. */
export const isStopped = ({ life, state }: ProgramState): boolean =>
  life._tag === "none" && (state === "STOPPED" || state === "EXITED" || state === "FATAL")
