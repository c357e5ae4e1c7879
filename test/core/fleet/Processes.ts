/** Processes for tests. */
import type { ProcessInfo } from "../../../core/domain/Process.ts"
import { ProcessStateCode } from "../../../core/domain/ProcessState.ts"
import type { ProcessState } from "../../../core/domain/ProcessState.ts"

/** `app:api`, as reported in this state. */
export const processIn = (state: ProcessState, changes: Partial<ProcessInfo> = {}): ProcessInfo => ({
  group: "app",
  name: "api",
  state,
  statecode: ProcessStateCode[state],
  pid: state === "RUNNING" || state === "STARTING" || state === "STOPPING" ? 100 : 0,
  start: 10,
  stop: 0,
  now: 20,
  exitstatus: 0,
  spawnerr: "",
  description: "",
  stdout_logfile: "/var/log/api.log",
  stderr_logfile: "",
  ...changes
})
