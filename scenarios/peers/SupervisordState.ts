/**
 * The process state machine of a modelled supervisord, as a pure function: a process and an event give the process
 * afterwards. A process knows when its next changes are due; `SupervisordNode` brings them about.
 *
 * Models: STARTING for startsecs, exits that were expected or not and what autorestart makes of them, early exits and
 * failed spawns that back off by one more second each time and end FATAL after startretries, STOPPING for as long as
 * the program takes and SIGKILL after stopwaitsecs, and what a jump of the node's clock does to all that.
 * Does not model: event listeners, FastCGI, process groups of the kernel (stopasgroup), programs that stop on SIGSTOP,
 * a SIGKILL that does not help.
 */
import { ProcessStateCode } from "../../core/domain/ProcessState.ts"
import type { ProcessState } from "../../core/domain/ProcessState.ts"
import type { Print, Program } from "./SupervisordProgram.ts"

export type { ProgramSpec } from "./SupervisordProgram.ts"

export interface ModelProcess {
  readonly program: Program
  readonly state: ProcessState
  /** 0 while no program runs. */
  readonly pid: number
  /** The last start and the last end by the node's clock, in milliseconds; 0 for never. */
  readonly startMs: number
  readonly stopMs: number
  /** As supervisord shows it: -1 when killed by a signal, 0 when there is none. */
  readonly exitstatus: number
  readonly spawnerr: string
  /** Failed starts in a row. A stop does not reset them. */
  readonly backoff: number
  /** When supervisord looks at it again by itself: what happens then depends on the state. Infinity for never. */
  readonly timerMs: number
  /** When the program ends by itself, and how. */
  readonly end: { readonly atMs: number; readonly status: number } | undefined
  /** What the program prints next. */
  readonly prints: ReadonlyArray<{ readonly atMs: number; readonly print: Print }>
  /** Runs so far. */
  readonly runs: number
  /** Signals that the present run got, the latest of them. */
  readonly signals: ReadonlyArray<number>
}

/** A moment: `nowMs` passes evenly and is what timers go by, `clockMs` is what the node's clock shows. */
export interface Moment {
  readonly nowMs: number
  readonly clockMs: number
}

export type ProcessEvent =
  /** supervisord spawns it, as process `pid`. Only when none runs. */
  | { readonly _tag: "Spawn"; readonly at: Moment; readonly pid: number }
  /** Somebody wants it stopped. */
  | { readonly _tag: "Stop"; readonly at: Moment }
  | { readonly _tag: "Signal"; readonly at: Moment; readonly signal: number }
  /** The program ends, with this status, or by the signal of the number below 0. */
  | { readonly _tag: "End"; readonly at: Moment; readonly status: number }
  /** Its timer is due. A supervisord that shuts down spawns nothing; otherwise `pid` is for what is spawned. */
  | { readonly _tag: "Timer"; readonly at: Moment; readonly pid: number; readonly maySpawn: boolean }
  /** It printed what was next. */
  | { readonly _tag: "Printed" }
  /** Shutting down: no more retries. */
  | { readonly _tag: "GiveUp" }
  /** The node's clock jumped by so much; `at` is after the jump. */
  | { readonly _tag: "ClockShift"; readonly at: Moment; readonly ms: number }

const never = Infinity

/** A process that was never started. */
export const added = (program: Program): ModelProcess => ({
  program,
  state: "STOPPED",
  pid: 0,
  startMs: 0,
  stopMs: 0,
  exitstatus: 0,
  spawnerr: "",
  backoff: 0,
  timerMs: program.autostart ? 0 : never,
  end: undefined,
  prints: [],
  runs: 0,
  signals: []
})

export const step = (process: ModelProcess, event: ProcessEvent): ModelProcess => {
  switch (event._tag) {
    case "Spawn":
      return spawn(process, event.at, event.pid)
    case "Stop":
      return stop(process, event.at)
    case "Signal":
      return deliver(process, event.at, event.signal)
    case "End":
      return finish(process, event.at, event.status)
    case "Timer":
      return timer(process, event)
    case "Printed":
      return printed(process)
    case "GiveUp":
      return process.state === "BACKOFF" ? giveUp(process) : process
    case "ClockShift":
      return shift(process, event.at, event.ms)
  }
}

/** When the next change is due; Infinity for never. */
export const dueMs = (process: ModelProcess): number =>
  Math.min(process.timerMs, process.end?.atMs ?? never, process.prints[0]?.atMs ?? never)

/** Why its command cannot be executed, in supervisord's words; undefined when it can. */
export const commandError = ({ command, spec }: Program): string | undefined => {
  if (spec.broken === undefined) return undefined
  const [file] = command.split(" ")
  return spec.broken === "no file" ? `can't find command '${file}'` : `command at '${file}' is not executable`
}

const spawn = (process: ModelProcess, at: Moment, pid: number): ModelProcess => {
  const { program } = process
  const fresh = { ...process, startMs: at.clockMs, exitstatus: 0, spawnerr: "", signals: [] }
  const error = commandError(program)
  if (error !== undefined) return backOff({ ...fresh, spawnerr: error }, at)
  const run = program.runs[Math.min(process.runs, program.runs.length - 1)]
  const runsForMs = run?.forMs
  const { startSecs } = program
  return {
    ...fresh,
    state: startSecs === 0 ? "RUNNING" : "STARTING",
    pid,
    backoff: startSecs === 0 ? 0 : process.backoff,
    timerMs: startSecs === 0 ? never : at.nowMs + startSecs * 1_000,
    end: runsForMs === undefined ? undefined : { atMs: at.nowMs + runsForMs, status: run?.exit ?? 1 },
    prints: (program.spec.prints ?? [])
      .map((print) => ({ atMs: at.nowMs + print.afterMs, print }))
      .toSorted((a, b) => a.atMs - b.atMs),
    runs: process.runs + 1
  }
}

const backOff = (process: ModelProcess, at: Moment): ModelProcess => {
  const backoff = process.backoff + 1
  const isLast = backoff > process.program.startRetries
  return { ...process, state: "BACKOFF", backoff, timerMs: isLast ? at.nowMs : at.nowMs + backoff * 1_000 }
}

const giveUp = (process: ModelProcess): ModelProcess => ({ ...process, state: "FATAL", backoff: 0, timerMs: never })

const stop = (process: ModelProcess, at: Moment): ModelProcess => {
  if (process.state === "BACKOFF") return { ...process, state: "STOPPED", timerMs: never }
  const { stopSignal, stopWaitSecs } = process.program
  const stopping: ModelProcess = { ...process, state: "STOPPING", timerMs: at.nowMs + stopWaitSecs * 1_000 }
  return deliver(stopping, at, stopSignal)
}

const sigKill = 9
const sigTerm = 15
/** Signals that end no program that does not ask for it: the null signal, and CHLD, CONT, STOP, .., URG and WINCH. */
const harmless: ReadonlySet<number> = new Set([0, 17, 18, 19, 20, 21, 22, 23, 28])
const signalsKept = 32

const deliver = (process: ModelProcess, at: Moment, signal: number): ModelProcess => {
  const { spec, stopExit, stopSignal } = process.program
  const told = { ...process, signals: [...process.signals, signal].slice(-signalsKept) }
  if (signal === sigKill) return finish(told, at, -sigKill)
  if (harmless.has(signal) || spec.ignores?.includes(signal) === true) return told
  if (signal !== stopSignal && signal !== sigTerm) return finish(told, at, -signal)
  const atMs = at.nowMs + spec.stopTakesMs
  return process.end === undefined || atMs < process.end.atMs ? { ...told, end: { atMs, status: stopExit } } : told
}

const finish = (process: ModelProcess, at: Moment, status: number): ModelProcess => {
  if (process.pid === 0) return process
  const { autorestart, exitcodes, startSecs } = process.program
  const exitstatus = Math.max(status, -1)
  const ended = { ...process, pid: 0, stopMs: at.clockMs, exitstatus, end: undefined, prints: [], timerMs: never }
  if (process.state === "STOPPING") return { ...ended, state: "STOPPED" }
  const upMs = at.clockMs - process.startMs
  // A start that lies in the future says nothing of how long the program ran: then it was long enough.
  if (process.state === "STARTING" && upMs >= 0 && upMs < startSecs * 1_000) {
    return backOff({ ...ended, exitstatus: 0, spawnerr: "Exited too quickly (process log may have details)" }, at)
  }
  const isExpected = exitcodes.includes(exitstatus)
  const restarts = autorestart === true || (autorestart === "unexpected" && !isExpected)
  return {
    ...ended,
    state: "EXITED",
    backoff: 0,
    spawnerr: isExpected ? process.spawnerr : `Bad exit code ${exitstatus}`,
    // Time must pass between a run that ends at once and the next.
    timerMs: restarts ? at.nowMs + (upMs === 0 ? 1 : 0) : never
  }
}

const timer = (
  process: ModelProcess,
  { at, maySpawn, pid }: { readonly at: Moment; readonly pid: number; readonly maySpawn: boolean }
): ModelProcess => {
  switch (process.state) {
    case "STARTING":
      return { ...process, state: "RUNNING", backoff: 0, timerMs: never }
    case "STOPPING":
      return deliver(process, at, sigKill)
    case "BACKOFF":
      if (process.backoff > process.program.startRetries) return giveUp(process)
      break
    default:
  }
  return maySpawn ? spawn(process, at, pid) : { ...process, timerMs: never }
}

const printed = (process: ModelProcess): ModelProcess => {
  const [first, ...rest] = process.prints
  if (first?.print.everyMs === undefined) return { ...process, prints: rest }
  const again = { atMs: first.atMs + first.print.everyMs, print: first.print }
  return { ...process, prints: [...rest, again].toSorted((a, b) => a.atMs - b.atMs) }
}

/** supervisord reckons with its clock: one set forward shortens what it waits for, one set back starts it anew. */
const shift = (process: ModelProcess, at: Moment, ms: number): ModelProcess => {
  const { startSecs, stopWaitSecs } = process.program
  const wait = (fullSecs: number): number =>
    at.nowMs + Math.min(Math.max(process.timerMs - at.nowMs - ms, 0), fullSecs * 1_000)
  switch (process.state) {
    case "STARTING":
      return { ...process, timerMs: wait(startSecs), startMs: Math.min(process.startMs, at.clockMs) }
    case "STOPPING":
      return { ...process, timerMs: wait(stopWaitSecs) }
    case "BACKOFF":
      return { ...process, timerMs: wait(process.backoff) }
    case "RUNNING": {
      const upMs = at.clockMs - process.startMs
      return upMs > 0 && upMs < startSecs * 1_000 ? { ...process, startMs: at.clockMs - startSecs * 1_000 } : process
    }
    default:
      return process
  }
}

/** STARTING, RUNNING and STOPPING: a signal has somebody to go to. */
export const isSignallable = ({ state }: ModelProcess): boolean =>
  state === "STARTING" || state === "RUNNING" || state === "STOPPING"

export const stateCode = ({ state }: ModelProcess): number => ProcessStateCode[state]
