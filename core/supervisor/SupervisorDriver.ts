/**
 * A supervisord as a node of the fleet, over its XML-RPC interface.
 *
 * Works with every version since 3.0 and with reimplementations: it needs five methods and feature-detects the fifth.
 * Starts and stops are sent with `wait=false`, because a waiting stop makes supervisord spin and a client that gives up
 * does not cancel it; the outcome is for the fleet to observe. A reply of `true` promises nothing: a start during
 * STOPPING is answered with `true` and starts nothing.
 */
import { Effect, Ref } from "effect"
import { HttpClient } from "effect/http"
import { NodeError } from "../domain/NodeError.ts"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { NodeDriver, ProgramTiming } from "../fleet/NodeDriver.ts"
import * as SupervisorCall from "./SupervisorCall.ts"
import { faultReason, SupervisorFaultCode } from "./SupervisorFault.ts"
import { acceptedReply, processesReply, processReply, timingsReply } from "./SupervisorReplies.ts"

export type SupervisorDriverOptions = SupervisorCall.SupervisorCallOptions

/** supervisord's defaults, for nodes that cannot tell. */
export const timingDefault: ProgramTiming = { startSecs: 1, startRetries: 3, stopWaitSecs: 10 }

/** Makes the driver of one node. Nothing is sent before the first call. */
export const make = Effect.fnUntraced(function* (
  options: SupervisorDriverOptions
): Effect.fn.Return<NodeDriver, never, HttpClient.HttpClient> {
  const call = SupervisorCall.make(yield* HttpClient.HttpClient, options)
  const timings = yield* Ref.make<ReadonlyMap<string, ProgramTiming>>(new Map())

  /** All timings as the node has them now. Two callers at once may both fetch: neither has to wait for the other. */
  const fetchTimings = call("supervisor.getAllConfigInfo", [], timingsReply).pipe(
    Effect.tap((fetched) => Ref.set(timings, fetched)),
    Effect.catchIf(isUnknownMethod, () => Effect.succeed<ReadonlyMap<string, ProgramTiming>>(new Map()))
  )

  return {
    kind: "supervisord",
    processes: call("supervisor.getAllProcessInfo", [], processesReply).pipe(
      Effect.withSpan("SupervisorDriver.processes")
    ),
    process: Effect.fn("SupervisorDriver.process")((id: ProcessId) =>
      call("supervisor.getProcessInfo", [formatId(id)], processReply)
    ),
    start: Effect.fn("SupervisorDriver.start")(function* (id: ProcessId) {
      const operation = "supervisor.startProcess"
      yield* refuseWholeGroup(operation, id)
      yield* call(operation, [formatId(id), false], acceptedReply)
    }),
    stop: Effect.fn("SupervisorDriver.stop")(function* (id: ProcessId) {
      const operation = "supervisor.stopProcess"
      yield* refuseWholeGroup(operation, id)
      yield* call(operation, [formatId(id), false], acceptedReply)
    }),
    timing: Effect.fn("SupervisorDriver.timing")(function* (id: ProcessId) {
      const name = formatId(id)
      // A process that the cache does not know was added to the node's configuration since.
      const known = (yield* Ref.get(timings)).get(name) ?? (yield* fetchTimings).get(name)
      return known ?? timingDefault
    })
  }
})

/**
 * supervisord takes `group:*` and `group:` for the whole group in these methods. A process that is asked for by such a
 * name is answered as supervisord answers it elsewhere: there is no such process.
 */
const refuseWholeGroup = (operation: string, id: ProcessId): Effect.Effect<void, NodeError> =>
  id.name === "" || id.name === "*"
    ? Effect.fail(
        new NodeError({ operation, reason: faultReason(SupervisorFaultCode.BAD_NAME, `BAD_NAME: ${formatId(id)}`) })
      )
    : Effect.void

/** ochinchina's reimplementation in Go has fewer methods. */
const isUnknownMethod = (error: NodeError): boolean =>
  error.reason._tag === "Fault" && error.reason.code === SupervisorFaultCode.UNKNOWN_METHOD
