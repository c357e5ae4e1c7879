/**
 * A supervisord as a node of the fleet, over its XML-RPC interface and its log tails.
 *
 * Works with every version since 3.0 and with reimplementations: it needs few methods and feature-detects the others.
 * Starts and stops are sent with `wait=false`, because a waiting stop makes supervisord spin and a client that gives up
 * does not cancel it; the outcome is for the fleet to observe. A reply of `true` promises nothing: a start during
 * STOPPING is answered with `true` and starts nothing.
 */
import { Effect, Ref } from "effect"
import { monotonicMs } from "../MonotonicMs.ts"
import { HttpClient } from "effect/http"
import type { NodeIdentity } from "../domain/Node.ts"
import { NodeError, Unsupported } from "../domain/NodeError.ts"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { NodeDriver, ProgramTiming } from "../fleet/NodeDriver.ts"
import type { XmlRpcValue } from "../xmlrpc/XmlRpcValue.ts"
import type { ConnectionMode, TlsOptions } from "./Connection.ts"
import { chooseNext, initialChoice, pollMode } from "./ConnectionChoice.ts"
import * as SupervisorCall from "./SupervisorCall.ts"
import { faultReason, SupervisorFaultCode } from "./SupervisorFault.ts"
import * as SupervisorFollow from "./SupervisorFollow.ts"
import { isUnknownMethod, type NextConnection } from "./SupervisorHttp.ts"
import * as SupervisorIdentity from "./SupervisorIdentity.ts"
import * as SupervisorLog from "./SupervisorLog.ts"
import { acceptedReply, diffReply, processesReply, processReply, timingsReply } from "./SupervisorReplies.ts"

export interface SupervisorDriverOptions extends SupervisorCall.SupervisorCallOptions {
  readonly tls?: TlsOptions | undefined
  /** `auto` measures which connections answer sooner. Default `fresh`. */
  readonly connections?: "auto" | ConnectionMode | undefined
  /** For reading a chunk of a log, which may take several calls. Default `deadlineMs`. */
  readonly readLogDeadlineMs?: number | undefined
  /** A log that cannot be followed for so long is given up. Default one minute. */
  readonly followGiveUpMs?: number | undefined
  /** Silence of a followed log after which its connection is made anew. Default 30 seconds. */
  readonly followSilenceMs?: number | undefined
}

/** The driver of a supervisord. */
export interface SupervisorDriver extends NodeDriver {
  /** What its calls go over at present. */
  readonly connection: Effect.Effect<ConnectionMode>
}

/** supervisord's defaults, for nodes that cannot tell. */
export const timingDefault: ProgramTiming = { startSecs: 1, startRetries: 3, stopWaitSecs: 10 }

const followDefaults = { giveUpMs: 60_000, silenceMs: 30_000 } as const

/** Makes the driver of one node. Nothing is sent before the first call. */
export const make = Effect.fnUntraced(function* (
  options: SupervisorDriverOptions
): Effect.fn.Return<SupervisorDriver, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const identified = yield* Ref.make<NodeIdentity | undefined>(undefined)
  const connections = yield* makeConnections(
    options,
    Effect.map(Ref.get(identified), (known) => known?.version)
  )
  const call = SupervisorCall.make(client, options, connections.next)
  const methods = new Map<string, boolean>()
  const { deadlineMs, readLogDeadlineMs = deadlineMs, replyBytesMax } = options
  const readLog = SupervisorLog.make({ call, methods, deadlineMs: readLogDeadlineMs, replyBytesMax })
  const followLog = SupervisorFollow.make(client, {
    ...options,
    giveUpMs: options.followGiveUpMs ?? followDefaults.giveUpMs,
    silenceMs: options.followSilenceMs ?? followDefaults.silenceMs
  })
  const timing = yield* makeTiming(call)
  return {
    kind: "supervisord",
    connection: Effect.map(connections.next, ({ mode }) => mode),
    identify: SupervisorIdentity.make(call, methods, identified),
    processes: connections
      .measured((connection) => call("supervisor.getAllProcessInfo", [], processesReply, { connection }))
      .pipe(Effect.withSpan("SupervisorDriver.processes")),
    process: Effect.fn("SupervisorDriver.process")((id: ProcessId) =>
      call("supervisor.getProcessInfo", [formatId(id)], processReply)
    ),
    ...commands(call),
    timing,
    readLog: (id, channel, range) => supported(readLog(id, channel, range)),
    followLog,
    reread: supported(call("supervisor.reloadConfig", [], diffReply)).pipe(Effect.withSpan("SupervisorDriver.reread"))
  }
})

/** What changes something on the node. */
const commands = (call: SupervisorCall.SupervisorCall) => {
  const onProcess = (operation: string, id: ProcessId, ...more: ReadonlyArray<XmlRpcValue>) =>
    Effect.andThen(refuseWholeGroup(operation, id), call(operation, [formatId(id), ...more], acceptedReply))
  const onGroup = (operation: string, group: string) =>
    group === "" || group === "*" ? refuse(operation, group) : supported(call(operation, [group], acceptedReply))
  return {
    start: Effect.fn("SupervisorDriver.start")((id: ProcessId) => onProcess("supervisor.startProcess", id, false)),
    stop: Effect.fn("SupervisorDriver.stop")((id: ProcessId) => onProcess("supervisor.stopProcess", id, false)),
    signal: Effect.fn("SupervisorDriver.signal")((id: ProcessId, signal: string) =>
      supported(onProcess("supervisor.signalProcess", id, signal))
    ),
    sendStdin: Effect.fn("SupervisorDriver.sendStdin")((id: ProcessId, chars: string) =>
      supported(onProcess("supervisor.sendProcessStdin", id, chars))
    ),
    clearLog: Effect.fn("SupervisorDriver.clearLog")((id: ProcessId) =>
      supported(onProcess("supervisor.clearProcessLogs", id))
    ),
    addGroup: Effect.fn("SupervisorDriver.addGroup")((group: string) => onGroup("supervisor.addProcessGroup", group)),
    removeGroup: Effect.fn("SupervisorDriver.removeGroup")((group: string) =>
      onGroup("supervisor.removeProcessGroup", group)
    )
  } satisfies Partial<NodeDriver>
}

/** The timing of programs, remembered until a process is asked for that was not there. */
const makeTiming = Effect.fnUntraced(function* (call: SupervisorCall.SupervisorCall) {
  const timings = yield* Ref.make<ReadonlyMap<string, ProgramTiming>>(new Map())

  /** All timings as the node has them now. Two callers at once may both fetch: neither has to wait for the other. */
  const fetch = call("supervisor.getAllConfigInfo", [], timingsReply).pipe(
    Effect.tap((fetched) => Ref.set(timings, fetched)),
    Effect.catchIf(
      ({ reason }) => isUnknownMethod(reason),
      () => Effect.succeed<ReadonlyMap<string, ProgramTiming>>(new Map())
    )
  )
  return Effect.fn("SupervisorDriver.timing")(function* (id: ProcessId) {
    const name = formatId(id)
    // A process that the cache does not know was added to the node's configuration since.
    const known = (yield* Ref.get(timings)).get(name) ?? (yield* fetch).get(name)
    return known ?? timingDefault
  })
})

/** What calls go over: what is configured, or what is measured with the polls. */
const makeConnections = Effect.fnUntraced(function* (
  { connections = "fresh", tls }: SupervisorDriverOptions,
  version: Effect.Effect<string | undefined>
) {
  const state = yield* Ref.make(initialChoice)
  const chosen = connections === "auto" ? Effect.map(Ref.get(state), ({ mode }) => mode) : Effect.succeed(connections)
  const next: NextConnection = Effect.map(chosen, (mode) => ({ mode, tls }))

  /** A poll that takes part in measuring. */
  const measured = <A>(poll: (connection: NextConnection) => Effect.Effect<A, NodeError>) =>
    connections !== "auto"
      ? poll(next)
      : Effect.gen(function* () {
          const startMs = yield* monotonicMs
          const mode = pollMode(yield* Ref.get(state), startMs)
          const answer = yield* poll(Effect.succeed({ mode, tls }))
          const nowMs = yield* monotonicMs
          const known = yield* version
          const event = { _tag: "Polled", mode, tookMs: nowMs - startMs, nowMs } as const
          yield* Ref.update(state, (before) => chooseNext(before, event, known))
          return answer
        })
  return { next, measured }
})

/** Time that passes evenly, in milliseconds and parts of them: on a fast network a poll takes less than one. */

/**
 * supervisord takes `group:*` and `group:` for the whole group in these methods. A process that is asked for by such a
 * name is answered as supervisord answers it elsewhere: there is no such process.
 */
const refuseWholeGroup = (operation: string, id: ProcessId): Effect.Effect<void, NodeError> =>
  id.name === "" || id.name === "*" ? refuse(operation, formatId(id)) : Effect.void

const refuse = (operation: string, name: string): Effect.Effect<never, NodeError> =>
  Effect.fail(new NodeError({ operation, reason: faultReason(SupervisorFaultCode.BAD_NAME, `BAD_NAME: ${name}`) }))

/** ochinchina's reimplementation in Go has fewer methods: then the node cannot do that. */
const supported = <A>(effect: Effect.Effect<A, NodeError>): Effect.Effect<A, NodeError> =>
  Effect.mapError(effect, (error) =>
    isUnknownMethod(error.reason)
      ? new NodeError({ operation: error.operation, reason: new Unsupported({ what: error.operation }) })
      : error
  )
