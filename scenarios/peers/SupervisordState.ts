/**
 * The process state machine of a modelled supervisord, as a pure function of time: each process knows its state and
 * the next change that time brings; `settle` carries out what is due.
 *
 * Models: STARTING for startsecs, STOPPING for as long as the program takes (at most stopwaitsecs), exits that are
 * restarted, early exits that back off by one more second each time and end FATAL after startretries. Does not model
 * groups with several processes started as one, exit codes that count as expected, and events.
 */
import { ProcessStateCode } from "../../core/domain/ProcessState.ts"
import type { ProcessState } from "../../core/domain/ProcessState.ts"

/** A program as the model runs it. Times in virtual milliseconds; supervisord's own settings in seconds. */
export interface ProgramSpec {
  readonly group: string
  readonly name: string
  readonly startSecs: number
  readonly startRetries: number
  readonly stopWaitSecs: number
  /** How long it takes to end after a stop signal; over stopWaitSecs it is killed. */
  readonly stopTakesMs: number
  /** How long a run lasts by itself; undefined for ever. */
  readonly runsForMs: number | undefined
}

export interface ModelProcess {
  readonly spec: ProgramSpec
  readonly state: ProcessState
  readonly pid: number
  /** Unix seconds of the last start and the last end. */
  readonly start: number
  readonly stop: number
  readonly exitstatus: number
  readonly spawnerr: string
  /** Failed starts in a row. */
  readonly failures: number
  /** The next changes that time brings; the earliest counts. */
  readonly due: ReadonlyArray<{ readonly atMs: number; readonly what: "started" | "exit" | "stopped" | "retry" }>
}

export const stopped = (spec: ProgramSpec): ModelProcess => ({
  spec,
  state: "STOPPED",
  pid: 0,
  start: 0,
  stop: 0,
  exitstatus: 0,
  spawnerr: "",
  failures: 0,
  due: []
})

/** Spawns the program: STARTING, and RUNNING once it has stayed up for startsecs. `pid` must be a new one. */
export const spawn = (process: ModelProcess, nowMs: number, pid: number): ModelProcess => {
  const { runsForMs, startSecs } = process.spec
  return {
    ...process,
    state: startSecs === 0 ? "RUNNING" : "STARTING",
    pid,
    start: seconds(nowMs),
    spawnerr: "",
    due: [
      ...(startSecs === 0 ? [] : [{ atMs: nowMs + startSecs * 1_000, what: "started" as const }]),
      ...(runsForMs === undefined ? [] : [{ atMs: nowMs + runsForMs, what: "exit" as const }])
    ]
  }
}

/** A stop signal: STOPPING until the program has ended, or STOPPED at once when nothing runs (BACKOFF). */
export const signalStop = (process: ModelProcess, nowMs: number): ModelProcess => {
  if (process.state === "BACKOFF") return ended(process, "STOPPED", nowMs, 0)
  const { stopTakesMs, stopWaitSecs } = process.spec
  return {
    ...process,
    state: "STOPPING",
    due: [{ atMs: nowMs + Math.min(stopTakesMs, stopWaitSecs * 1_000), what: "stopped" }]
  }
}

/** The program ends by itself, or somebody kills it behind supervisord's back. */
export const exit = (process: ModelProcess, nowMs: number, exitstatus: number): ModelProcess => {
  if (process.state === "STOPPING") return ended(process, "STOPPED", nowMs, exitstatus)
  if (process.state === "RUNNING") {
    return { ...ended(process, "EXITED", nowMs, exitstatus), failures: 0, due: [{ atMs: nowMs, what: "retry" }] }
  }
  if (process.state !== "STARTING") return process
  const failures = process.failures + 1
  const early = {
    ...ended(process, "BACKOFF", nowMs, exitstatus),
    failures,
    spawnerr: "Exited too quickly (process log may have details)"
  }
  return failures > process.spec.startRetries
    ? { ...early, state: "FATAL", exitstatus: 0 }
    : { ...early, due: [{ atMs: nowMs + failures * 1_000, what: "retry" }] }
}

const ended = (process: ModelProcess, state: ProcessState, nowMs: number, exitstatus: number): ModelProcess => ({
  ...process,
  state,
  pid: 0,
  stop: seconds(nowMs),
  exitstatus,
  failures: state === "STOPPED" ? 0 : process.failures,
  due: []
})

/** Carries out every change that is due at `nowMs`, each at its own time. */
export const settle = (process: ModelProcess, nowMs: number, nextPid: () => number): ModelProcess => {
  let current = process
  for (;;) {
    const [first] = current.due.toSorted((a, b) => a.atMs - b.atMs)
    if (first === undefined || first.atMs > nowMs) return current
    const rest = { ...current, due: current.due.filter((change) => change !== first) }
    switch (first.what) {
      case "started":
        current = { ...rest, state: "RUNNING", failures: 0 }
        break
      case "exit":
        current = exit(rest, first.atMs, 1)
        break
      case "stopped":
        current = ended(rest, "STOPPED", first.atMs, 0)
        break
      case "retry":
        current = spawn(rest, first.atMs, nextPid())
    }
  }
}

/** The struct of getProcessInfo. */
export const describe = (process: ModelProcess, nowMs: number) => ({
  name: process.spec.name,
  group: process.spec.group,
  start: process.start,
  stop: process.stop,
  now: seconds(nowMs),
  state: ProcessStateCode[process.state],
  statename: process.state,
  spawnerr: process.spawnerr,
  exitstatus: process.exitstatus,
  logfile: `/var/log/${process.spec.name}.log`,
  stdout_logfile: `/var/log/${process.spec.name}.log`,
  stderr_logfile: "",
  pid: process.pid,
  description: process.state === "RUNNING" ? `pid ${process.pid}` : process.spawnerr
})

const seconds = (ms: number): number => Math.floor(ms / 1_000)
