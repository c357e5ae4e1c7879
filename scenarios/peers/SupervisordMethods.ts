/** The table of a modelled supervisord's methods: how many parameters each takes, their types, and what it does. */
import { Result } from "effect"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import * as Log from "./SupervisordLogMethods.ts"
import type { SupervisordNode } from "./SupervisordNode.ts"
import * as Node from "./SupervisordNodeMethods.ts"
import * as Process from "./SupervisordProcessMethods.ts"
import type { Given } from "./SupervisordReply.ts"

export interface Method {
  /** Types of the result and then of the parameters, as system.methodSignature gives them. */
  readonly signature: ReadonlyArray<string>
  /** Parameters at the end that may be missing. */
  readonly optional: number
  /** Still answered while supervisord shuts down. */
  readonly always: boolean
  readonly call: (node: SupervisordNode, params: ReadonlyArray<XmlRpcValue>) => Given
}

const method = (
  signature: string,
  call: Method["call"],
  { always = false, optional = 0 }: { readonly always?: boolean; readonly optional?: number } = {}
): Method => ({ signature: signature.split(" "), optional, always, call })

/** Parameters beyond those given count as not given, and the number of them is checked before. */
const at = (params: ReadonlyArray<XmlRpcValue>, index: number): XmlRpcValue => params[index] ?? null

/** The `wait` of starts and stops, true when it is not given. */
const waitAt = (params: ReadonlyArray<XmlRpcValue>, index: number): XmlRpcValue =>
  index < params.length ? at(params, index) : true

const give =
  (value: (node: SupervisordNode) => XmlRpcValue): Method["call"] =>
  (node) =>
    Result.succeed(value(node))
const waits = { optional: 1 }

const version = "4.2.5"

const apiVersion = method(
  "string",
  give(() => "3.0")
)
const readMainLog = method("string int int", (node, [from, bytes]) =>
  Log.readMainLog(node, [from ?? null, bytes ?? null])
)
const readLog = (channel: "stdout" | "stderr") =>
  method("string string int int", (node, params) =>
    Log.readProcessLog(node, at(params, 0), [at(params, 1), at(params, 2)], channel)
  )
const tailLog = (channel: "stdout" | "stderr") =>
  method("array string int int", (node, params) =>
    Log.tailProcessLog(node, at(params, 0), [at(params, 1), at(params, 2)], channel)
  )
const clearProcessLogs = method("boolean string", (node, params) => Log.clearProcessLogs(node, at(params, 0)))

/** All methods of the namespace `supervisor`, by their full names. */
export const methods: ReadonlyMap<string, Method> = new Map(
  Object.entries<Method>({
    getAPIVersion: apiVersion,
    getVersion: apiVersion,
    getSupervisorVersion: method(
      "string",
      give(() => version)
    ),
    getIdentification: method(
      "string",
      give((node) => node.identifier)
    ),
    getState: method("struct", Node.getState),
    getPID: method(
      "int",
      give((node) => node.pid)
    ),
    readLog: readMainLog,
    readMainLog,
    clearLog: method("boolean", Log.clearLog),
    shutdown: method("boolean", (node) => Node.leave(node, "shutdown")),
    restart: method("boolean", (node) => Node.leave(node, "restarting")),
    reloadConfig: method("array", Node.reloadConfig),
    addProcessGroup: method("boolean string", (node, params) => Node.addProcessGroup(node, at(params, 0))),
    removeProcessGroup: method("boolean string", (node, params) => Node.removeProcessGroup(node, at(params, 0))),
    startProcess: method(
      "boolean string boolean",
      (node, params) => Process.startProcess(node, at(params, 0), waitAt(params, 1)),
      waits
    ),
    startProcessGroup: method(
      "array string boolean",
      (node, params) => Process.startProcessGroup(node, at(params, 0), waitAt(params, 1)),
      waits
    ),
    startAllProcesses: method(
      "array boolean",
      (node, params) => Process.startAllProcesses(node, waitAt(params, 0)),
      waits
    ),
    stopProcess: method(
      "boolean string boolean",
      (node, params) => Process.stopProcess(node, at(params, 0), waitAt(params, 1)),
      waits
    ),
    stopProcessGroup: method(
      "array string boolean",
      (node, params) => Process.stopProcessGroup(node, at(params, 0), waitAt(params, 1)),
      waits
    ),
    stopAllProcesses: method(
      "array boolean",
      (node, params) => Process.stopAllProcesses(node, waitAt(params, 0)),
      waits
    ),
    signalProcess: method("boolean string string", (node, params) =>
      Process.signalProcess(node, at(params, 0), at(params, 1))
    ),
    signalProcessGroup: method("array string string", (node, params) =>
      Process.signalProcessGroup(node, at(params, 0), at(params, 1))
    ),
    signalAllProcesses: method("array string", (node, params) => Process.signalAllProcesses(node, at(params, 0))),
    getAllConfigInfo: method("array", Node.getAllConfigInfo),
    getProcessInfo: method("struct string", (node, params) => Node.getProcessInfo(node, at(params, 0))),
    getAllProcessInfo: method("array", Node.getAllProcessInfo),
    readProcessStdoutLog: readLog("stdout"),
    readProcessLog: readLog("stdout"),
    readProcessStderrLog: readLog("stderr"),
    tailProcessStdoutLog: tailLog("stdout"),
    tailProcessLog: tailLog("stdout"),
    tailProcessStderrLog: tailLog("stderr"),
    clearProcessLogs,
    clearProcessLog: clearProcessLogs,
    clearAllProcessLogs: method("array", Log.clearAllProcessLogs),
    sendProcessStdin: method("boolean string string", (node, params) =>
      Process.sendProcessStdin(node, at(params, 0), at(params, 1))
    ),
    sendRemoteCommEvent: method(
      "boolean string string",
      give(() => true),
      { always: true }
    )
  }).map(([name, entry]) => [`supervisor.${name}`, entry])
)
