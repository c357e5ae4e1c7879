/**
 * A program as `getProcessInfo` of supervisord tells of one, with the description in supervisord's words.
 *
 * Dates are in UTC and say so; supervisord writes them in the node's local time.
 */
import { DateTime } from "effect"
import type { ProcessInfo } from "../domain/Process.ts"
import { ProcessStateCode } from "../domain/ProcessState.ts"
import type { ProgramConfig } from "./ProgramConfig.ts"
import { pidOf, type ProgramState } from "./ProgramState.ts"

const toSeconds = (ms: number): number => Math.floor(ms / 1_000)

const twoDigits = (value: number): string => String(value).padStart(2, "0")

/** `0:01:09`, `1 day, 2:03:04`, as Python writes a time span. Negative spans, of a clock set back, are none. */
export const formatUptime = (seconds: number): string => {
  const total = Math.max(0, seconds)
  const days = Math.floor(total / 86_400)
  const hours = Math.floor(total / 3_600) % 24
  const time = `${hours}:${twoDigits(Math.floor(total / 60) % 60)}:${twoDigits(total % 60)}`
  return days === 0 ? time : `${days} day${days === 1 ? "" : "s"}, ${time}`
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const

/** `Nov 21 03:21 AM UTC`. */
export const formatDate = (unixMs: number): string => {
  const { day, hour, minute, month } = DateTime.toPartsUtc(DateTime.makeUnsafe(unixMs))
  const time = `${twoDigits(hour % 12 === 0 ? 12 : hour % 12)}:${twoDigits(minute)} ${hour < 12 ? "AM" : "PM"}`
  return `${months[month - 1] ?? ""} ${twoDigits(day)} ${time} UTC`
}

const describe = (config: ProgramConfig, state: ProgramState, nowMs: number): string => {
  switch (state.state) {
    case "RUNNING":
      return `pid ${pidOf(state)}, uptime ${formatUptime(toSeconds(nowMs) - toSeconds(state.startMs))}`
    case "BACKOFF":
    case "FATAL":
      return state.spawnerr === "" ? `unknown error (try "tail ${config.name}")` : state.spawnerr
    case "STOPPED":
    case "EXITED":
      if (state.run === 0) return "Not started"
      return formatDate(state.stopMs === 0 ? state.startMs : state.stopMs)
    case "STARTING":
    case "STOPPING":
      return ""
  }
}

/** What the node says about the program at `nowMs`. A log that is in memory only has no file, and its name is "". */
export const toProcessInfo = (config: ProgramConfig, state: ProgramState, nowMs: number): ProcessInfo => ({
  group: config.group,
  name: config.name,
  state: state.state,
  statecode: ProcessStateCode[state.state],
  pid: pidOf(state),
  start: toSeconds(state.startMs),
  stop: toSeconds(state.stopMs),
  now: toSeconds(nowMs),
  exitstatus: state.exitstatus,
  spawnerr: state.spawnerr,
  description: describe(config, state, nowMs),
  stdout_logfile: config.stdoutLogfile ?? "",
  stderr_logfile: config.redirectStderr ? "" : (config.stderrLogfile ?? "")
})
