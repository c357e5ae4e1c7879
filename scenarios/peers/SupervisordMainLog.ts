/** What a modelled supervisord writes to its main log. */
import { civil, two } from "./SupervisordDate.ts"
import type { ModelProcess, ProcessEvent } from "./SupervisordState.ts"

export type Level = "INFO" | "WARN" | "CRIT"

/** One line of the main log. */
export const mainLogLine = (clockMs: number, level: Level, message: string): string => {
  const { day, hour, minute, month, second, year } = civil(clockMs)
  const millis = String(Math.floor(clockMs) % 1_000).padStart(3, "0")
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)},${millis} ${level} ${message}\n`
}

/** What supervisord writes to its main log about a change of a process. */
export const narrate = (
  before: ModelProcess,
  after: ModelProcess,
  event: ProcessEvent
): ReadonlyArray<readonly [Level, string]> => {
  if (before === after) return []
  const { name, startSecs } = after.program
  const lines: Array<readonly [Level, string]> = []
  if (event._tag === "Timer" && before.state === "STOPPING") {
    lines.push(["WARN", `killing '${name}' (${before.pid}) with SIGKILL`])
  }
  if (before.pid !== 0 && after.pid === 0) lines.push(ending(before, after, event))
  if (before.pid === 0 && after.pid !== 0) lines.push(["INFO", `spawned: '${name}' with pid ${after.pid}`])
  if (before.pid === 0 && after.pid === 0 && after.state === "BACKOFF") {
    lines.push(["INFO", `spawnerr: ${after.spawnerr}`])
  }
  if (after.state === "RUNNING" && before.state !== "RUNNING") {
    const stayed = `process has stayed up for > than ${startSecs} seconds (startsecs)`
    lines.push(["INFO", `success: ${name} entered RUNNING state, ${stayed}`])
  }
  if (after.state === "FATAL" && event._tag === "Timer") {
    lines.push(["INFO", `gave up: ${name} entered FATAL state, too many start retries too quickly`])
  }
  return lines
}

const ending = (before: ModelProcess, after: ModelProcess, event: ProcessEvent): readonly [Level, string] => {
  const { exitcodes, name } = after.program
  const status = event._tag === "End" ? event.status : event._tag === "Signal" ? -event.signal : -9
  const how = status < 0 ? `terminated by ${signalNames[-status] ?? `signal ${-status}`}` : `exit status ${status}`
  const isExpected = exitcodes.includes(Math.max(status, -1))
  if (before.state === "STOPPING") return [isExpected ? "INFO" : "WARN", `stopped: ${name} (${how})`]
  if (after.state === "BACKOFF") return ["WARN", `exited: ${name} (${how}; not expected)`]
  return isExpected
    ? ["INFO", `exited: ${name} (${how}; expected)`]
    : ["WARN", `exited: ${name} (${how}; not expected)`]
}

/** Names of the signals by number, as on Linux. */
export const signalNames: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  10: "SIGUSR1",
  11: "SIGSEGV",
  12: "SIGUSR2",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  16: "SIGSTKFLT",
  17: "SIGCHLD",
  18: "SIGCONT",
  19: "SIGSTOP",
  20: "SIGTSTP",
  21: "SIGTTIN",
  22: "SIGTTOU",
  23: "SIGURG",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  26: "SIGVTALRM",
  27: "SIGPROF",
  28: "SIGWINCH",
  29: "SIGIO",
  30: "SIGPWR",
  31: "SIGSYS"
}
