/** What a simulated machine is given, and what it offers to the spawners on it. */
import type { Effect } from "effect"
import type { Rules } from "../Rules.ts"
import type { RunContext } from "../RunContext.ts"
import type { Pipe } from "./Pipe.ts"
import type { Ending, Program } from "./Process.ts"
import type { Entry, ProcessTable } from "./ProcessTable.ts"
import type { Signal } from "./Signal.ts"
import type { Waiters } from "./Waiters.ts"

/** What a rule is asked about: what the program under test does with its children. */
export interface ProcessPoint {
  /**
   * - `spawn`: fail with a code (EAGAIN, EMFILE, ENOMEM ..), refuse (EAGAIN), corrupt (ENOEXEC), reset (killed at
   *   once), delay, drop (never answered).
   * - `signal`: fail with a code, refuse (EPERM), delay, drop (lost).
   * - `write` to the input, `read` of an output: fail with a code, refuse or reset (EPIPE, EIO), delay, drop (nothing
   *   passes any more).
   */
  readonly operation: "spawn" | "signal" | "write" | "read"
  readonly command: string
  /** 0 for a spawn. */
  readonly pid: number
  /** Of the operation `signal`. */
  readonly signal?: Signal
}

export interface MachineOptions {
  /** By the name of the command; what is in none of both is not found. */
  readonly programs: Readonly<Record<string, Program | "not executable">>
  /** What children get unless told otherwise. Default: PATH. */
  readonly env?: Readonly<Record<string, string>>
  /** The folders that exist, of which the first one is that of the program under test. Default `/` and `/tmp`. */
  readonly folders?: readonly [string, ...ReadonlyArray<string>]
  /** Bytes in a pipe before its writer waits. Default 65,536. */
  readonly pipeBytesMax?: number
  /** Beyond, no process can be started (EAGAIN). Default 256. */
  readonly processesMax?: number
  /** An orphan that has ended is gone; without, as in many containers, it stays as a zombie. Default true. */
  readonly initReaps?: boolean
  /** Time that a start takes at most; each takes a drawn part of it. Default 3 ms. */
  readonly spawnMsMax?: number
  /** Bytes that are in a pipe together are sometimes read in two parts. Default true. */
  readonly splitReads?: boolean
}

/** A program under test, as a process of the machine. */
export interface Host {
  readonly pid: number
  crashed: boolean
  /** Closes its ends of pipes. */
  readonly closes: Set<() => void>
  /** Its children by what tells the run that nothing is left of their group. */
  readonly groups: Map<Entry, () => void>
}

/** What spawners build on. */
export interface System {
  readonly options: Required<MachineOptions>
  readonly table: ProcessTable
  readonly context: RunContext["Service"]
  readonly decide: Rules<ProcessPoint>["decide"]
  readonly pipe: () => Pipe
  /** Woken when a process has left the table. */
  readonly departures: Waiters
  /** Runs in a fiber of the machine, whatever becomes of who asks for it. */
  readonly later: (effect: Effect.Effect<void>) => void
  readonly attach: () => Host
  /** The host has ended: what it held open is closed, and its children are orphans. */
  readonly detach: (host: Host) => void
  /** A program under test has this pid and has not ended. */
  readonly isAttached: (pid: number) => boolean
  /** Called in the machine when a child of a host has ended, before it is reaped. */
  readonly whenEnded: (entry: Entry, news: (ending: Ending) => void) => void
}
