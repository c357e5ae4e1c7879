/** Reports of a node as polls bring them, for scenarios that talk to the registry. */
import type { PollResult } from "../../core/fleet/FleetState.ts"

/** The node has one process, `app:api`, and it runs under this pid. */
export const running = (pid: number): PollResult => ({
  _tag: "Answered",
  processes: [
    {
      group: "app",
      name: "api",
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
    }
  ]
})
