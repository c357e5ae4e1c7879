/** Reports of a node as polls bring them, for scenarios that talk to the registry. */
import type { PollResult } from "../../core/fleet/FleetState.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"

/** A process of the group `app` that runs under this pid. */
export const process = (name: string, pid: number): ProcessInfo => ({
  group: "app",
  name,
  state: "RUNNING",
  statecode: 20,
  pid,
  start: pid,
  stop: 0,
  now: 0,
  exitstatus: 0,
  spawnerr: "",
  description: "",
  stdout_logfile: "",
  stderr_logfile: ""
})

/** The node has one process, `app:api`, and it runs under this pid. */
export const running = (pid: number): PollResult => ({ _tag: "Answered", processes: [process("api", pid)] })

/** The node has the processes `app:p0`, `app:p1` .., and they run under these pids. */
export const runningAll = (pids: ReadonlyArray<number>): PollResult => ({
  _tag: "Answered",
  processes: pids.map((pid, i) => process(`p${i}`, pid))
})
