/** What signals do to a process that has not said what it does with them (signal(7)). */
import type { ChildProcess } from "effect/process"

export type Signal = ChildProcess.Signal

const ignored: ReadonlySet<Signal> = new Set(["SIGCHLD", "SIGURG", "SIGWINCH"])
const stopping: ReadonlySet<Signal> = new Set(["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"])

export const defaultAction = (signal: Signal): "end" | "ignore" | "stop" | "continue" => {
  if (signal === "SIGCONT") return "continue"
  if (stopping.has(signal)) return "stop"
  return ignored.has(signal) ? "ignore" : "end"
}

/** Neither ignored nor handled, whatever a process says. */
export const isForced = (signal: Signal): boolean => signal === "SIGKILL" || signal === "SIGSTOP"
