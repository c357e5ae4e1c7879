/** A node that does what the test says, on the clock of the test. */
import { Clock, Effect, Stream } from "effect"
import type { LogChannel, LogChunk } from "../../../core/domain/Log.ts"
import type { NodeIdentity } from "../../../core/domain/Node.ts"
import { Fault, NodeError } from "../../../core/domain/NodeError.ts"
import type { NodeErrorReason } from "../../../core/domain/NodeError.ts"
import type { ProcessId, ProcessInfo } from "../../../core/domain/Process.ts"
import type { ProcessState } from "../../../core/domain/ProcessState.ts"
import type { ConfigDiff } from "../../../core/domain/Update.ts"
import type { LogPiece, LogRange, NodeDriver, ProgramTiming } from "../../../core/fleet/NodeDriver.ts"
import { processIn } from "./Processes.ts"

export const refuse = (reason: NodeErrorReason) => new NodeError({ operation: "test", reason })
export const fault = (name: string) => refuse(new Fault({ code: 0, name, text: name }))

/** The process from `afterMs` on, counted from the request that set it off. */
export interface Turn {
  readonly afterMs: number
  readonly to: ProcessInfo
}

export interface Reaction {
  /** How the process goes on from the request. */
  readonly turns?: ReadonlyArray<Turn>
  /** What the caller gets; the turns take place all the same. */
  readonly fails?: NodeError
}

export interface FakeDriverOptions {
  readonly process: ProcessInfo
  readonly onStart?: Reaction
  readonly onStop?: Reaction
  /** Turns that take place without a request. */
  readonly turns?: ReadonlyArray<Turn>
  /** What signal, stdin and clearing the log do to the process; without it, nothing, and the node takes them. */
  readonly onSignal?: Reaction
  readonly onStdin?: Reaction
  readonly onClearLog?: Reaction
  readonly timing?: ProgramTiming
  readonly identify?: Effect.Effect<NodeIdentity, NodeError>
  /** Without it, a log that was never written. */
  readonly readLog?: (id: ProcessId, channel: LogChannel, range: LogRange) => Effect.Effect<LogChunk, NodeError>
  /** Without it, nothing comes and it does not end. */
  readonly followLog?: (id: ProcessId, channel: LogChannel) => Stream.Stream<LogPiece, NodeError>
  /** Without it, the configuration is what runs. */
  readonly reread?: Effect.Effect<ConfigDiff, NodeError>
  /** Fails the request, by group; without it, the node takes it. */
  readonly onAddGroup?: (group: string) => NodeError | undefined
  readonly onRemoveGroup?: (group: string) => NodeError | undefined
  /** Instead of an answer to the look with this number, the first being 0. */
  readonly look?: (number: number) => NodeError | undefined
}

export interface FakeDriver {
  readonly driver: NodeDriver
  /** Every request and every first look at another state, with its time. */
  readonly calls: Array<string>
}

export const identity: NodeIdentity = { identifier: "supervisor", version: "4.2.5", pid: 7 }

export const emptyLog: LogChunk = {
  text: "",
  offset: 0,
  next: 0,
  size: 0,
  gap: 0,
  rotated: false,
  lossy: false
}

export const noDiff: ConfigDiff = { added: [], changed: [], removed: [] }

export const timing: ProgramTiming = { startSecs: 1, startRetries: 3, stopWaitSecs: 10 }

export const make = (options: FakeDriverOptions): FakeDriver => {
  const calls: Array<string> = []
  let turns: ReadonlyArray<{ readonly atMs: number; readonly to: ProcessInfo }> = [
    { atMs: -Infinity, to: options.process },
    ...(options.turns ?? []).map(({ afterMs, to }) => ({ atMs: afterMs, to }))
  ]
  let looks = 0
  let seen: ProcessState | undefined

  const now = (nowMs: number) => turns.findLast(({ atMs }) => atMs <= nowMs)?.to ?? options.process
  const request = (name: string, { fails, turns: more = [] }: Reaction = {}) =>
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      calls.push(`${nowMs} ${name}`)
      turns = [...turns, ...more.map(({ afterMs, to }) => ({ atMs: nowMs + afterMs, to }))]
      if (fails !== undefined) return yield* fails
    })
  const process = Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    const error = options.look?.(looks++)
    if (error !== undefined) return yield* error
    const found = now(nowMs)
    if (found.state !== seen) calls.push(`${nowMs} saw ${found.state}`)
    seen = found.state
    return found
  })
  return {
    calls,
    driver: {
      kind: "supervisord",
      processes: Effect.map(process, (one) => [one]),
      process: () => process,
      identify: options.identify ?? Effect.succeed(identity),
      start: () => request("start", options.onStart),
      stop: () => request("stop", options.onStop),
      signal: (_id, signal) => request(`signal ${signal}`, options.onSignal),
      sendStdin: (_id, chars) => request(`stdin ${chars}`, options.onStdin),
      clearLog: () => request("clearLog", options.onClearLog),
      timing: () => Effect.succeed(options.timing ?? timing),
      readLog: options.readLog ?? (() => Effect.succeed(emptyLog)),
      followLog: options.followLog ?? (() => Stream.never),
      reread: options.reread ?? Effect.succeed(noDiff),
      addGroup: (group) => request(`addGroup ${group}`, failing(options.onAddGroup?.(group))),
      removeGroup: (group) => request(`removeGroup ${group}`, failing(options.onRemoveGroup?.(group)))
    }
  }
}

const failing = (fails: NodeError | undefined): Reaction => (fails === undefined ? {} : { fails })

/** STARTING at once, RUNNING after a second: what a healthy program does. */
export const starts: ReadonlyArray<Turn> = [
  { afterMs: 0, to: processIn("STARTING", { pid: 200, start: 30 }) },
  { afterMs: 1_000, to: processIn("RUNNING", { pid: 200, start: 30 }) }
]

/** STOPPING at once, STOPPED after so long. */
export const stopsAfter = (ms: number): ReadonlyArray<Turn> => [
  { afterMs: 0, to: processIn("STOPPING") },
  { afterMs: ms, to: processIn("STOPPED", { stop: 31 }) }
]
