/** A program of the simulated machine, and what a process that runs it can do. */
import type { Effect } from "effect"
import type { Signal } from "./Signal.ts"

/** How a process came to its end. */
export type Ending =
  | { readonly _tag: "exited"; readonly code: number }
  | { readonly _tag: "signalled"; readonly signal: Signal }

/**
 * What can be started by a command. `main` runs in a fiber of the machine, not of who starts it; its value is the exit
 * status, 0 to 255. A defect in it ends the process by SIGABRT, and shows among the defects of the run.
 */
export interface Program {
  readonly main: (process: Process) => Effect.Effect<number>
  /** Signals that it ignores from its first moment on, as with `nohup`; others it ignores from `on` on. */
  readonly ignores?: ReadonlyArray<Signal>
}

/** What a process does with a signal. An effect is run beside `main`, at once, as long as the process lives. */
export type Disposition = "default" | "ignore" | Effect.Effect<void>

export interface ForkOptions {
  /** What the table of processes calls it; default is its parent's command. */
  readonly command?: string
  /** A session and process group of its own: signals to its parent's group do not reach it. */
  readonly session?: boolean
  /** It stays a zombie until `wait`; otherwise it is gone when it ends. */
  readonly waitedFor?: boolean
}

/**
 * The system calls of a process. Once it has ended, none of them does anything. While it is stopped (SIGSTOP) they
 * wait; plain `Effect.sleep` goes on.
 */
export interface Process {
  readonly pid: number
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Which start of this command on the machine it is, counted from 1. */
  readonly start: number
  /** Pid of the parent now; 1 when that has ended. */
  readonly parent: Effect.Effect<number>
  /** Writes to descriptor 1, and waits while the pipe is full. See `write`. */
  readonly print: (text: string | Uint8Array) => Effect.Effect<void>
  /** Writes to descriptor 2. */
  readonly printError: (text: string | Uint8Array) => Effect.Effect<void>
  /**
   * True when all of it is in the pipe. When nobody can read it any more the process gets SIGPIPE, and false if it
   * survives that. What is written to a descriptor that is no pipe is gone.
   */
  readonly write: (fd: number, text: string | Uint8Array) => Effect.Effect<boolean>
  /** Waits for bytes on descriptor 0, or another; undefined at the end of the input. */
  readonly read: (fd?: number) => Effect.Effect<Uint8Array | undefined>
  readonly close: (fd: number) => Effect.Effect<void>
  readonly exit: (code: number) => Effect.Effect<never>
  readonly on: (signal: Signal, disposition: Disposition) => Effect.Effect<void>
  /** Sends a signal to a process, to a group by its negative number, or to itself. False when there is none. */
  readonly kill: (target: number, signal: Signal) => Effect.Effect<boolean>
  /** A child in the same group with the same descriptors and ignored signals; gives its pid. */
  readonly fork: (program: Program, options?: ForkOptions) => Effect.Effect<number>
  /** Waits until a child has ended. Undefined for a pid that is no child, or none any more. */
  readonly wait: (pid: number) => Effect.Effect<Ending | undefined>
}

/** A process as the table of the machine shows it. */
export interface ProcessInfo {
  readonly pid: number
  /** 1 when the parent has ended. */
  readonly ppid: number
  /** Number of the process group. */
  readonly group: number
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** A zombie has ended, and whoever should ask for its end has not done so. */
  readonly state: "running" | "stopped" | "zombie"
}

export const describeEnding = (ending: Ending): string =>
  ending._tag === "exited" ? `exits with ${ending.code}` : `is ended by ${ending.signal}`
