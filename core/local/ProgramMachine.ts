/**
 * The state machine of one program: supervisord's states and rules, decided without a clock, a process or an effect.
 *
 * A run (`ProgramState.ts`) is spawned only when there is none, whatever the state asks for: two runs of a program
 * never live at the same time.
 *
 * Where it is stricter or more truthful than supervisord 4.3, on purpose:
 * - start while STOPPING is refused with STILL_RUNNING; supervisord says yes and starts nothing;
 * - STOPPED means that nothing of the group is left, not only that its leader has exited;
 * - a program waiting for its restart in EXITED can be stopped; supervisord refuses, then starts it;
 * - `exitstatus` of a program that is FATAL or in BACKOFF is that of its last exit; supervisord shows 0;
 * - "too quickly" is judged by whether the timer of `startsecs` has fired, not by a clock that may be set back;
 * - a start by hand gets all of `startretries`, even after a stop during BACKOFF.
 */
import type { ProgramConfig } from "./ProgramConfig.ts"
import { none, type ProgramAction, type ProgramEvent, type ProgramState, type Refusal } from "./ProgramState.ts"

export const machineLimits = {
  /**
   * A program that exits and is restarted at once is started no more than once in this time. supervisord has the same
   * bound by the beat of its main loop; it matters where `startsecs` is below a second.
   */
  restartIntervalMsMin: 1_000,
  /** SIGKILL is repeated no more than once in this time, for as long as the leader has not exited. */
  killIntervalMsMin: 1_000
} as const

export interface Transition {
  readonly state: ProgramState
  readonly actions: ReadonlyArray<ProgramAction>
}

const toMs = (secs: number): number => Math.round(secs * 1_000)

const stay = (state: ProgramState): Transition => ({ state, actions: [] })

const refuse = (state: ProgramState, refusal: Refusal): Transition => ({
  state,
  actions: [{ _tag: "Refuse", refusal }]
})

/** Replaces the timer. */
const arm = (state: ProgramState, delayMs: number, before: ReadonlyArray<ProgramAction> = []): Transition => {
  const timer = state.timer + 1
  return { state: { ...state, timer, armed: true }, actions: [...before, { _tag: "SetTimer", timer, delayMs }] }
}

const disarm = (state: ProgramState): ProgramState => ({ ...state, armed: false })

/** STARTING, with a new run if the former one is over; else the run comes with the end of the former one. */
const launch = (before: ProgramState, nowMs: number): Transition => {
  const state: ProgramState = { ...disarm(before), state: "STARTING", spawnerr: "" }
  if (state.life._tag !== "none") return stay(state)
  const run = state.run + 1
  const next: ProgramState = {
    ...state,
    run,
    life: { _tag: "spawning" },
    startMs: nowMs,
    exitstatus: 0
  }
  return { state: next, actions: [{ _tag: "Spawn", run }] }
}

/** One more failed start: wait a second longer than the last time, or give up. */
const backOff = (config: ProgramConfig, state: ProgramState): Transition => {
  const failures = state.failures + 1
  return failures > config.startretries
    ? stay({ ...disarm(state), state: "FATAL", failures: 0 })
    : arm({ ...state, state: "BACKOFF", failures }, toMs(failures))
}

/** The stop signal, and SIGKILL after `stopwaitsecs`. */
const signalStop = (config: ProgramConfig, state: ProgramState, nowMs: number): Transition => {
  const delayMs = toMs(config.stopwaitsecs)
  return arm({ ...state, state: "STOPPING", killAtMs: nowMs + delayMs }, delayMs, [
    { _tag: "Signal", run: state.run, signal: config.stopsignal, to: config.stopasgroup ? "group" : "leader" }
  ])
}

/** Ends a program that runs or is about to, as far along as it is. */
const halt = (config: ProgramConfig, state: ProgramState, nowMs: number): Transition => {
  switch (state.life._tag) {
    case "none":
      return stay({ ...disarm(state), state: "STOPPED", failures: 0 })
    // There is no process to signal yet, or no leader any more: what comes next is Spawned or Ended.
    case "spawning":
    case "leaving":
      return stay({ ...disarm(state), state: "STOPPING", failures: 0 })
    case "up":
      return signalStop(config, { ...state, failures: 0 }, nowMs)
  }
}

const onStart = (state: ProgramState, nowMs: number): Transition => {
  if (state.closing) return refuse(state, "SHUTDOWN_STATE")
  switch (state.state) {
    case "STARTING":
    case "RUNNING":
    case "BACKOFF":
      return refuse(state, "ALREADY_STARTED")
    case "STOPPING":
      return refuse(state, "STILL_RUNNING")
    case "STOPPED":
    case "EXITED":
    case "FATAL":
      return launch(state, nowMs)
  }
}

/** Whether there is something to stop: it runs, or it would start by itself. */
const canStop = ({ armed, state }: ProgramState): boolean =>
  state === "STARTING" || state === "RUNNING" || state === "BACKOFF" || (state === "EXITED" && armed)

const onStop = (config: ProgramConfig, state: ProgramState, nowMs: number): Transition =>
  canStop(state) ? halt(config, state, nowMs) : refuse(state, "NOT_RUNNING")

const onShutdown = (config: ProgramConfig, before: ProgramState, nowMs: number): Transition => {
  const state = { ...before, closing: true }
  return canStop(state) ? halt(config, state, nowMs) : stay(state)
}

const onSpawned = (config: ProgramConfig, before: ProgramState, pid: number, nowMs: number): Transition => {
  const state: ProgramState = { ...before, life: { _tag: "up", pid } }
  // A stop came while the process was being made.
  if (state.state === "STOPPING") return signalStop(config, state, nowMs)
  return config.startsecs === 0 ? stay({ ...state, state: "RUNNING", failures: 0 }) : arm(state, toMs(config.startsecs))
}

const onSpawnFailed = (config: ProgramConfig, before: ProgramState, text: string): Transition => {
  const state: ProgramState = { ...before, life: none, spawnerr: text }
  return state.state === "STOPPING" ? stay({ ...state, state: "STOPPED" }) : backOff(config, state)
}

/** What becomes of a program whose leader has exited by itself. */
const afterExit = (config: ProgramConfig, state: ProgramState, status: number, nowMs: number): Transition => {
  if (state.state === "STARTING") {
    return backOff(config, { ...state, spawnerr: "Exited too quickly (process log may have details)" })
  }
  const expected = config.exitcodes.includes(status)
  const exited: ProgramState = {
    ...disarm(state),
    state: "EXITED",
    spawnerr: expected ? state.spawnerr : `Bad exit code ${status}`
  }
  const restart = config.autorestart === true || (config.autorestart === "unexpected" && !expected)
  if (!restart) return stay(exited)
  const sinceMs = Math.max(0, nowMs - state.startMs)
  return arm(exited, Math.max(0, machineLimits.restartIntervalMsMin - sinceMs))
}

const onExited = (config: ProgramConfig, before: ProgramState, status: number, nowMs: number): Transition => {
  const state: ProgramState = { ...before, life: { _tag: "leaving" }, stopMs: nowMs, exitstatus: status }
  const graceMsMax = toMs(config.stopwaitsecs)
  if (state.state === "STOPPING" && config.stopasgroup) {
    // The whole group has had the stop signal: the rest gets the time that is left, and SIGCONT, which changes nothing.
    const graceMs = Math.min(graceMsMax, Math.max(0, state.killAtMs - nowMs))
    return { state: disarm(state), actions: [{ _tag: "Reap", run: state.run, signal: "SIGCONT", graceMs }] }
  }
  // Where the leader alone was asked to stop, the rest of its group is asked now, with a time of its own.
  const next = state.state === "STOPPING" ? stay(disarm(state)) : afterExit(config, state, status, nowMs)
  const reap = { _tag: "Reap", run: state.run, signal: config.stopsignal, graceMs: graceMsMax } as const
  return { state: next.state, actions: [reap, ...next.actions] }
}

const onEnded = (before: ProgramState, nowMs: number): Transition => {
  const state: ProgramState = { ...before, life: none }
  if (state.state === "STOPPING") return stay({ ...state, state: "STOPPED" })
  return state.state === "STARTING" ? launch(state, nowMs) : stay(state)
}

const onDue = (config: ProgramConfig, state: ProgramState, nowMs: number): Transition => {
  switch (state.state) {
    case "STARTING":
      return stay({ ...disarm(state), state: "RUNNING", failures: 0 })
    case "BACKOFF":
    case "EXITED":
      return launch(state, nowMs)
    case "STOPPING":
      return arm(state, Math.max(machineLimits.killIntervalMsMin, toMs(config.stopwaitsecs)), [
        { _tag: "Signal", run: state.run, signal: "SIGKILL", to: config.killasgroup ? "group" : "leader" }
      ])
    case "STOPPED":
    case "RUNNING":
    case "FATAL":
      return stay(disarm(state))
  }
}

const decide = (config: ProgramConfig, state: ProgramState, event: ProgramEvent): Transition => {
  const { life } = state
  switch (event._tag) {
    case "Start":
      return onStart(state, event.nowMs)
    case "Stop":
      return onStop(config, state, event.nowMs)
    case "Shutdown":
      return onShutdown(config, state, event.nowMs)
    case "Due":
      return state.armed && event.timer === state.timer ? onDue(config, state, event.nowMs) : stay(state)
    case "Spawned":
      return life._tag === "spawning" ? onSpawned(config, state, event.pid, event.nowMs) : stay(state)
    case "SpawnFailed":
      return life._tag === "spawning" ? onSpawnFailed(config, state, event.text) : stay(state)
    case "Exited":
      return life._tag === "up" ? onExited(config, state, event.status, event.nowMs) : stay(state)
    case "Ended":
      return life._tag === "leaving" ? onEnded(state, event.nowMs) : stay(state)
    case "SignalFailed":
      return life._tag === "up" ? stay({ ...state, spawnerr: event.text }) : stay(state)
  }
}

/** The next state and what is to be done. News of another run and of a replaced timer changes nothing. */
export const step = (config: ProgramConfig, state: ProgramState, event: ProgramEvent): Transition => {
  if ("run" in event && event.run !== state.run) return stay(state)
  const next = decide(config, state, event)
  return state.armed && !next.state.armed
    ? { state: next.state, actions: [...next.actions, { _tag: "ClearTimer" }] }
    : next
}
