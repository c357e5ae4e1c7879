/**
 * A node of a stage: a driver that asks the state of a modelled supervisord itself, without HTTP and XML between them,
 * and fails as the real driver does: with its typed errors, in its time, also after the node has acted.
 *
 * Models: the time that a call takes, methods with supervisord's faults and quirks, nodes that hang, are late, answer
 * nonsense or break off, replies that are lost, hosts that die and boot, restarts. Does not model: following of logs.
 */
import { Clock, Effect, Result, Stream } from "effect"
import {
  ConnectionLost,
  HttpStatus,
  Malformed,
  NodeError,
  ShuttingDown,
  TimedOut,
  Unreachable,
  Unsupported
} from "../../core/domain/NodeError.ts"
import type { NodeErrorReason } from "../../core/domain/NodeError.ts"
import { formatId } from "../../core/domain/Process.ts"
import type { ProcessId } from "../../core/domain/Process.ts"
import type { NodeDriver, ProgramTiming } from "../../core/fleet/NodeDriver.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { timingDefault } from "../../core/supervisor/SupervisorDriver.ts"
import { faultReason } from "../../core/supervisor/SupervisorFault.ts"
import * as Replies from "../../core/supervisor/SupervisorReplies.ts"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { RunContext } from "../../sim/RunContext.ts"
import { SupervisordNode } from "../peers/SupervisordNode.ts"
import type { ProgramSpec } from "../peers/SupervisordProgram.ts"
import { Deferred } from "../peers/SupervisordReply.ts"
import { call } from "../peers/SupervisordRpc.ts"
import type { ModelProcess } from "../peers/SupervisordState.ts"

/**
 * What becomes of calls: those of `mute` and `reply lost` act, and their replies never come or break off; the latter
 * only of changes.
 */
export type Trouble =
  | "none"
  | "hang"
  | "slow"
  | "http500"
  | "malformed"
  | "shutdown"
  | "broken off"
  | "mute"
  | "reply lost"

/** The hands of a scenario on the node, named as those on a `Supervisord`. */
export interface StageNode {
  readonly driver: NodeDriver
  readonly spoil: (how: Trouble) => Effect.Effect<void>
  /** Ends the program of a process as if killed from outside; nothing when none runs. */
  readonly kill: (group: string, name: string) => Effect.Effect<void>
  readonly writeConfig: (file: ReadonlyArray<ProgramSpec> | string) => Effect.Effect<void>
  /** The host dies: everything that runs on it is gone, and calls under way break off. */
  readonly crash: Effect.Effect<void>
  /** Starts a supervisord that is down, with another process id. It stays down when its file is broken. */
  readonly boot: Effect.Effect<void>
  /** It is down for a moment and back, with the same process id. */
  readonly restart: Effect.Effect<void>
  /** The processes as they really are, sorted by group and name. */
  readonly look: Effect.Effect<ReadonlyArray<ModelProcess>>
}

export interface StageNodeOptions {
  readonly name: string
  readonly programs: ReadonlyArray<ProgramSpec>
  /** Of each call, as the real driver keeps it. */
  readonly deadlineMs: number
  /** How long a call takes when all is well, at most. */
  readonly latencyMsMax: number
  /** How long one takes at a node that is slow; below the deadline. */
  readonly slowMs: number
}

const pidAtFirst = 1_000
const downMs = 300

type Read<A> = (reply: XmlRpcValue) => Result.Result<A, NodeErrorReason>

/** Starts the node; all its programs are RUNNING or on the way. */
export const make = Effect.fnUntraced(function* (
  options: StageNodeOptions
): Effect.fn.Return<StageNode, never, RunContext> {
  const startMs = yield* monotonicMs
  const state = new SupervisordNode(
    { programs: options.programs, identifier: options.name, turnMs: 0, pid: pidAtFirst },
    { nowMs: startMs, clockMs: yield* Clock.currentTimeMillis }
  )
  state.boot(startMs)
  const wire = new Wire(options, state, yield* RunContext)
  const settle = Effect.map(monotonicMs, (nowMs) => state.settle(nowMs))
  const down = Effect.map(settle, () => {
    wire.isUp = false
    wire.lives++
    state.powerOff()
  })
  const up = Effect.map(monotonicMs, (nowMs) => {
    if (wire.isUp) return
    wire.isUp = state.boot(nowMs) === undefined
  })
  return {
    driver: driver(wire, state),
    spoil: (how) => Effect.sync(() => void (wire.trouble = how)),
    kill: (group, name) =>
      Effect.map(settle, () => {
        const cell = state.find(group, name)
        if (cell !== undefined) state.apply(cell, { _tag: "End", at: state.moment(), status: -9 })
      }),
    writeConfig: (file) => Effect.sync(() => state.writeFile(file)),
    crash: down,
    boot: Effect.suspend(() => {
      if (wire.isUp) return Effect.void
      state.renumber()
      return up
    }),
    restart: Effect.suspend(() =>
      wire.isUp ? Effect.andThen(down, Effect.andThen(Effect.sleep(downMs), up)) : Effect.void
    ),
    look: Effect.map(settle, () => state.cells().map(({ process }) => process))
  }
})

/** What lies between the driver and the state of the node. */
class Wire {
  trouble: Trouble = "none"
  isUp = true
  /** How often it died: what was under way then gets no reply. */
  lives = 0
  private readonly options: StageNodeOptions
  private readonly state: SupervisordNode
  private readonly run: RunContext["Service"]

  constructor(options: StageNodeOptions, state: SupervisordNode, run: RunContext["Service"]) {
    this.options = options
    this.state = state
    this.run = run
  }

  /** One call: under way, done at the node, and back again. */
  exchange<A>(operation: string, isChange: boolean, act: () => Result.Result<A, NodeErrorReason>) {
    return Effect.suspend(() => {
      if (!this.isUp) return this.fails(operation, new Unreachable({ detail: "connect, ECONNREFUSED" }))
      const { lives, trouble } = this
      if (trouble !== "none") this.run.fault(`node ${trouble}`)
      if (trouble === "hang") return this.timesOut(operation)
      const tookMs = trouble === "slow" ? this.options.slowMs : this.run.choose("data", this.options.latencyMsMax + 1)
      const sent = tookMs === 0 ? Effect.yieldNow : Effect.sleep(tookMs)
      return Effect.flatMap(sent, () => this.arrives(operation, isChange, lives, act))
    })
  }

  private arrives<A>(
    operation: string,
    isChange: boolean,
    lives: number,
    act: () => Result.Result<A, NodeErrorReason>
  ) {
    const { trouble } = this
    if (lives !== this.lives) return this.breaksOff(operation)
    switch (trouble) {
      case "http500":
        return this.fails(operation, new HttpStatus({ status: 500 }))
      case "malformed":
        return this.fails(operation, new Malformed({ detail: "it ends too early" }))
      case "shutdown":
        return this.fails(operation, new ShuttingDown())
      default:
    }
    return Effect.flatMap(monotonicMs, (nowMs) => {
      this.state.settle(nowMs)
      const answer = act()
      if (trouble === "mute") return this.timesOut(operation)
      if (trouble === "broken off" || (trouble === "reply lost" && isChange)) return this.breaksOff(operation)
      const replied = Result.isSuccess(answer) ? Effect.succeed(answer.success) : this.fails(operation, answer.failure)
      // The node has acted, and whoever asked may be gone before he knows.
      return isChange ? Effect.andThen(Effect.yieldNow, replied) : replied
    })
  }

  private timesOut(operation: string): Effect.Effect<never, NodeError> {
    const afterMs = this.options.deadlineMs
    return Effect.andThen(Effect.sleep(afterMs), this.fails(operation, new TimedOut({ afterMs })))
  }

  private breaksOff(operation: string): Effect.Effect<never, NodeError> {
    return this.fails(operation, new ConnectionLost({ detail: "ECONNRESET" }))
  }

  private fails(operation: string, reason: NodeErrorReason): Effect.Effect<never, NodeError> {
    return Effect.fail(new NodeError({ operation, reason }))
  }
}

const driver = (wire: Wire, state: SupervisordNode): NodeDriver => {
  const answer = <A>(method: string, params: ReadonlyArray<XmlRpcValue>, read: Read<A>) => {
    const given = call(state, method, params)
    if (Result.isFailure(given)) {
      const { failure } = given
      return Result.fail(
        failure._tag === "Fault" ? faultReason(failure.code, failure.text) : new HttpStatus({ status: 500 })
      )
    }
    return given.success instanceof Deferred
      ? Result.fail(new Malformed({ detail: `${method} keeps the console waiting` }))
      : read(given.success)
  }
  const ask = <A>(method: string, params: ReadonlyArray<XmlRpcValue>, read: Read<A>) =>
    wire.exchange(method, false, () => answer(method, params, read))
  const change = (method: string, ...params: ReadonlyArray<XmlRpcValue>) =>
    wire.exchange(method, true, () => answer(method, params, Replies.acceptedReply))
  const timings = new Map<string, ProgramTiming>()
  const fetch = Effect.map(ask("supervisor.getAllConfigInfo", [], Replies.timingsReply), (fetched) => {
    for (const [name, timing] of fetched) timings.set(name, timing)
  })
  const timingOf = (id: ProcessId) => timings.get(formatId(id))
  return {
    kind: "supervisord",
    identify: wire.exchange("supervisor.getIdentification", false, () =>
      Result.succeed({ identifier: state.identifier, version: "4.2.5", pid: state.pid })
    ),
    processes: ask("supervisor.getAllProcessInfo", [], Replies.processesReply),
    process: (id) => ask("supervisor.getProcessInfo", [formatId(id)], Replies.processReply),
    start: (id) => change("supervisor.startProcess", formatId(id), false),
    stop: (id) => change("supervisor.stopProcess", formatId(id), false),
    signal: (id, signal) => change("supervisor.signalProcess", formatId(id), signal),
    sendStdin: (id, chars) => change("supervisor.sendProcessStdin", formatId(id), chars),
    clearLog: (id) => change("supervisor.clearProcessLogs", formatId(id)),
    timing: (id) =>
      Effect.suspend(() => {
        const known = timingOf(id)
        return known === undefined ? Effect.map(fetch, () => timingOf(id) ?? timingDefault) : Effect.succeed(known)
      }),
    readLog: (id, channel, { from }) =>
      wire.exchange("supervisor.readLog", false, () => {
        const size = logBytes(state, id, channel)
        if (size === undefined) return Result.fail(faultReason(noFile, `NO_FILE: ${formatId(id)}`))
        const offset = from === "end" ? size : Math.min(from, size)
        return Result.succeed({ text: "", offset, next: offset, size, gap: 0, rotated: false, lossy: false })
      }),
    followLog: () =>
      Stream.fail(new NodeError({ operation: "followLog", reason: new Unsupported({ what: "following on a stage" }) })),
    reread: ask("supervisor.reloadConfig", [], Replies.diffReply),
    addGroup: (group) => change("supervisor.addProcessGroup", group),
    removeGroup: (group) => change("supervisor.removeProcessGroup", group)
  }
}

const noFile = 20

const logBytes = (state: SupervisordNode, { group, name }: ProcessId, channel: "stdout" | "stderr") => {
  const cell = state.find(group, name)
  return cell === undefined ? undefined : state.logOf(cell.process.program, channel)?.size
}
