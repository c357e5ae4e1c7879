/** The XML-RPC methods of a modelled supervisord, over its processes: supervisord's answers, faults and quirks. */
import { Result } from "effect"
import { isRunning, isStopped } from "../../core/domain/ProcessState.ts"
import type { XmlRpcCall } from "../../core/xmlrpc/XmlRpc.ts"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { describe, signalStop, spawn } from "./SupervisordState.ts"
import type { ModelProcess } from "./SupervisordState.ts"

/** A fault by supervisord's code. */
export interface ModelFault {
  readonly code: number
  readonly text: string
}

export type Answer = Result.Result<XmlRpcValue, ModelFault>

/** What the methods act on. `processes` is changed in place, by its key `group:name`. */
export interface Rpc {
  readonly processes: Map<string, ModelProcess>
  readonly nextPid: () => number
  readonly nowMs: number
}

/** What every method answers while the node shuts down. */
export const shutdownState: Answer = Result.fail({ code: 6, text: "SHUTDOWN_STATE" })

export const answer = (rpc: Rpc, { method, params }: XmlRpcCall): Answer => {
  switch (method) {
    case "supervisor.getAllProcessInfo":
      return Result.succeed(Array.from(rpc.processes.values(), (process) => describe(process, rpc.nowMs)))
    case "supervisor.getProcessInfo":
      return Result.map(find(rpc, params[0]), ([, process]) => describe(process, rpc.nowMs))
    case "supervisor.getAllConfigInfo":
      return Result.succeed(Array.from(rpc.processes.values(), config))
    case "supervisor.startProcess":
      return start(rpc, params[0])
    case "supervisor.stopProcess":
      return stop(rpc, params[0])
    case "supervisor.getState":
      return Result.succeed({ statecode: 1, statename: "RUNNING" })
    case "supervisor.getSupervisorVersion":
      return Result.succeed("4.2.5")
    default:
      return fault(1, "UNKNOWN_METHOD")
  }
}

const fault = (code: number, text: string): Result.Result<never, ModelFault> => Result.fail({ code, text })

const find = (rpc: Rpc, name: XmlRpcValue | undefined): Result.Result<readonly [string, ModelProcess], ModelFault> => {
  const text = typeof name === "string" ? name : ""
  const id = text.includes(":") ? text : `${text}:${text}`
  const process = rpc.processes.get(id)
  return process === undefined ? fault(10, `BAD_NAME: ${text}`) : Result.succeed([id, process])
}

const start = (rpc: Rpc, name: XmlRpcValue | undefined): Answer =>
  Result.flatMap(find(rpc, name), ([id, process]): Answer => {
    if (isRunning(process.state)) return fault(60, `ALREADY_STARTED: ${id}`)
    // Quirk: while STOPPING the answer is true, and nothing is started.
    if (isStopped(process.state)) {
      rpc.processes.set(id, spawn({ ...process, failures: 0 }, rpc.nowMs, rpc.nextPid()))
    }
    return Result.succeed(true)
  })

const stop = (rpc: Rpc, name: XmlRpcValue | undefined): Answer =>
  Result.flatMap(find(rpc, name), ([id, process]): Answer => {
    if (!isRunning(process.state)) return fault(70, `NOT_RUNNING: ${id}`)
    rpc.processes.set(id, signalStop(process, rpc.nowMs))
    return Result.succeed(true)
  })

const config = ({ spec }: ModelProcess): XmlRpcValue => ({
  group: spec.group,
  name: spec.name,
  startsecs: spec.startSecs,
  startretries: spec.startRetries,
  stopwaitsecs: spec.stopWaitSecs
})
