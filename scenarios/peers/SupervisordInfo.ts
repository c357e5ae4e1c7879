/** The structs in which a modelled supervisord shows processes and programs. */
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import type { GroupConfig, Program } from "./SupervisordProgram.ts"
import { civil, two } from "./SupervisordDate.ts"
import { stateCode } from "./SupervisordState.ts"
import type { ModelProcess } from "./SupervisordState.ts"

/** The last second that fits the timestamps of XML-RPC. */
const secondsMax = 2 ** 31 - 1

const seconds = (ms: number): number => Math.min(Math.floor(ms / 1_000), secondsMax)

/** The struct of getProcessInfo. `logPath` names the logs that supervisord named itself. */
export const processInfo = (
  process: ModelProcess,
  clockMs: number,
  logPath: (program: Program, channel: "stdout" | "stderr") => string
): Record<string, string | number> => {
  const stdout = logPath(process.program, "stdout")
  return {
    name: process.program.name,
    group: process.program.group,
    start: seconds(process.startMs),
    stop: seconds(process.stopMs),
    now: seconds(clockMs),
    state: stateCode(process),
    statename: process.state,
    spawnerr: process.spawnerr,
    exitstatus: process.exitstatus,
    logfile: stdout,
    stdout_logfile: stdout,
    stderr_logfile: logPath(process.program, "stderr"),
    pid: process.pid,
    description: describe(process, clockMs)
  }
}

const describe = (process: ModelProcess, clockMs: number): string => {
  switch (process.state) {
    case "RUNNING":
      return `pid ${process.pid}, uptime ${uptime(seconds(clockMs) - seconds(process.startMs))}`
    case "FATAL":
    case "BACKOFF":
      return process.spawnerr
    case "STOPPED":
    case "EXITED":
      return process.startMs === 0 ? "Not started" : stopTime(process.stopMs)
    default:
      return ""
  }
}

const uptime = (secs: number): string => {
  const past = Math.max(0, secs)
  const days = Math.floor(past / 86_400)
  const clock = `${Math.floor(past / 3_600) % 24}:${two(Math.floor(past / 60) % 60)}:${two(past % 60)}`
  return days === 0 ? clock : `${days} day${days === 1 ? "" : "s"}, ${clock}`
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** As `Nov 21 10:05 AM`; the node keeps UTC. */
const stopTime = (ms: number): string => {
  const { day, hour, minute, month } = civil(ms)
  const hour12 = hour % 12 === 0 ? 12 : hour % 12
  return `${months[month - 1]} ${two(day)} ${two(hour12)}:${two(minute)} ${hour < 12 ? "AM" : "PM"}`
}

/** The struct of getAllConfigInfo for one program; what the model has no setting for is as by default. */
export const configInfo = (program: Program, group: GroupConfig, inuse: boolean, log: LogNames): XmlRpcValue => ({
  autostart: program.autostart,
  directory: "none",
  uid: "none",
  command: program.command,
  exitcodes: program.exitcodes,
  group: group.name,
  group_prio: group.priority,
  inuse,
  killasgroup: false,
  name: program.name,
  process_prio: program.priority,
  redirect_stderr: program.redirectStderr,
  startretries: program.startRetries,
  startsecs: program.startSecs,
  ...channelInfo("stdout", program, log),
  stopsignal: program.stopSignal,
  stopwaitsecs: program.stopWaitSecs,
  ...channelInfo("stderr", program, log),
  serverurl: "none"
})

/** What stands in a config struct for the log of a channel. */
export type LogNames = (program: Program, channel: "stdout" | "stderr") => string

const channelInfo = (channel: "stdout" | "stderr", program: Program, log: LogNames) => {
  const path = log(program, channel)
  return {
    [`${channel}_capture_maxbytes`]: 0,
    [`${channel}_events_enabled`]: false,
    [`${channel}_logfile`]: path === "" ? "none" : path,
    [`${channel}_logfile_backups`]: 10,
    [`${channel}_logfile_maxbytes`]: program.logBytesMax,
    [`${channel}_syslog`]: false
  }
}
