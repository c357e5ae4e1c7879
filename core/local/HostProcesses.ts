/**
 * What the process manager asks of its machine beside starting processes: which of them an earlier console has left
 * behind, signals to single processes, and how to run something as another user.
 *
 * Every child is marked by variables of its environment, which its own children inherit, even those that have left its
 * group. The mark names the console, the program and the life of the console: its pid and when that pid was taken, so
 * that a pid that has come again is not taken for it.
 */
import { Context, type Effect, Schema } from "effect"
import type { ChildProcess } from "effect/process"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { Argv } from "./CommandText.ts"

/** The variables of a mark. */
export const markVariables = {
  /** Which console, across its restarts. */
  instance: "MUSTER_INSTANCE",
  /** Which life of it: what `self` says. */
  parent: "MUSTER_PARENT",
  /** `group:name` of the program. */
  program: "MUSTER_PROGRAM"
} as const

/** The mark of a program's processes; none where the console has no name to be known by after a restart. */
export const markOf = (
  program: ProcessId,
  life: { readonly instance: string | undefined; readonly self: string }
): Readonly<Record<string, string>> =>
  life.instance === undefined
    ? {}
    : {
        [markVariables.instance]: life.instance,
        [markVariables.parent]: life.self,
        [markVariables.program]: formatId(program)
      }

/** The machine refused. `detail` is a code such as ESRCH or EPERM, or words. */
export class HostProcessesError extends Schema.TaggedError<HostProcessesError>()("HostProcessesError", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/** A process that carries the mark of a console that is gone. */
export interface Orphan {
  readonly pid: number
  /** When the pid was taken, in units of the machine. */
  readonly startedAt: string
  /** Its process group. */
  readonly group: number
  /** `group:name` of the program that it belongs to. */
  readonly program: string
}

export class HostProcesses extends Context.Service<
  HostProcesses,
  {
    /** This life of the console, for the mark. */
    readonly self: string
    /**
     * Processes that carry the mark of the instance and of a life of it that has ended. Never the console itself, one
     * of its ancestors, a zombie, or a process of a console that lives. A machine that cannot tell gives none.
     */
    readonly orphans: (instance: string) => Effect.Effect<ReadonlyArray<Orphan>, HostProcessesError>
    /** Sends to the orphan and to its group; nothing happens when it has ended, also when its pid has come again. */
    readonly signalOrphan: (orphan: Orphan, signal: ChildProcess.Signal) => Effect.Effect<void, HostProcessesError>
    /** Sends to one process and not to its group. */
    readonly signal: (pid: number, signal: ChildProcess.Signal) => Effect.Effect<void, HostProcessesError>
    /** The command that runs these words as the user. Fails when there is no such user, or no right to become it. */
    readonly commandAs: (user: string, argv: Argv) => Effect.Effect<Argv, HostProcessesError>
  }
>()("core/local/HostProcesses") {}
