/** Endpoints about one process: what is known of it, its logs, and operations on it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { LogChannel, LogChunk, logBytesMax } from "../domain/Log.ts"
import { OperationResult, SignalName, stdinCharactersMax } from "../domain/Operation.ts"
import { ProcessInfo } from "../domain/Process.ts"
import {
  accessErrors,
  Internal,
  InvalidRequest,
  NodeFailed,
  NodeNotAsked,
  NodeRefused,
  NodeTimeout,
  NodeUnsupported,
  PayloadTooLarge,
  UnknownNodeBody,
  UnknownProcessBody,
  UnsupportedMediaType
} from "./ErrorBody.ts"
import { PathName } from "./PathName.ts"
import { RouteAccess } from "./RouteAccess.ts"

/** Bytes of a log that are read when no `length` is given. */
export const logLengthDefault = 65_536

const params = {
  node: PathName.annotate({ description: "Name of the node" }),
  group: PathName.annotate({ description: "Name of the group" }),
  name: PathName.annotate({ description: "Name of the process in its group" })
}

/** Operations that need nothing but a process, as they stand in a path. */
const PlainOperation = Schema.Literals(["start", "stop", "restart", "clear_log"]).annotate({
  message: "expected start, stop, restart or clear_log; or signal or stdin, with a body"
})

const Signal = Schema.Struct({ signal: SignalName.annotate({ description: "Name with or without SIG, or number" }) })

const Stdin = Schema.Struct({
  chars: Schema.String.check(
    Schema.isMinLength(1, { message: "expected at least one character" }),
    Schema.isMaxLength(stdinCharactersMax, { message: `expected at most ${stdinCharactersMax} characters` })
  ).annotate({ description: "Written to its standard input as UTF-8; nothing is added, no end of line either" })
})

const wholeNumber = (minimum: number, maximum: number) =>
  Schema.Int.check(
    Schema.isBetween({ minimum, maximum }, { message: `expected a whole number from ${minimum} to ${maximum}` })
  ).annotate({ message: `expected a whole number from ${minimum} to ${maximum}` })

const nodeErrors = [
  ...accessErrors,
  InvalidRequest,
  UnknownNodeBody,
  UnknownProcessBody,
  NodeRefused,
  Internal,
  NodeUnsupported,
  NodeFailed,
  NodeNotAsked,
  NodeTimeout
] as const

const withBody = [...nodeErrors, PayloadTooLarge, UnsupportedMediaType] as const

export class ProcessesApi extends HttpApiGroup.make("processes")
  .add(
    HttpApiEndpoint.get("get", "/nodes/:node/processes/:group/:name", {
      params,
      success: ProcessInfo,
      error: [...accessErrors, InvalidRequest, UnknownNodeBody, UnknownProcessBody, Internal]
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "One process as last reported")
      .annotate(OpenApi.Description, "Times are unix seconds of the node's own clock; an uptime is `now - start`."),
    HttpApiEndpoint.get("readLog", "/nodes/:node/processes/:group/:name/log", {
      params,
      query: {
        channel: Schema.optionalKey(LogChannel.annotate({ message: "expected stdout or stderr" })),
        offset: Schema.optionalKey(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
        length: Schema.optionalKey(wholeNumber(1, logBytesMax))
      },
      success: LogChunk,
      error: nodeErrors
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "A stretch of a log")
      .annotate(
        OpenApi.Description,
        `At most \`length\` bytes (default ${logLengthDefault}) of \`channel\` (default stdout) from byte ` +
          "`offset` on; without an offset, the newest bytes. `next` is where to read on."
      ),
    HttpApiEndpoint.post("operate", "/nodes/:node/processes/:group/:name/:operation", {
      params: { ...params, operation: PlainOperation },
      success: OperationResult,
      error: nodeErrors
    })
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Start, stop or restart a process, or empty its logs")
      .annotate(
        OpenApi.Description,
        "Answers when the state asked for, or another final one, was observed on the node. A start of what runs and " +
          "a stop of what is stopped answer `unchanged` and ask nothing of the node, so that both may be sent again. " +
          "A restart sent again is another restart."
      ),
    HttpApiEndpoint.post("signal", "/nodes/:node/processes/:group/:name/signal", {
      params,
      payload: Signal,
      success: OperationResult,
      error: withBody
    })
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Send a signal to a process")
      .annotate(OpenApi.Description, "Answers when the node has sent it. Sent again, the process gets another one."),
    HttpApiEndpoint.post("stdin", "/nodes/:node/processes/:group/:name/stdin", {
      params,
      payload: Stdin,
      success: OperationResult,
      error: withBody
    })
      .annotate(RouteAccess, "operator")
      .annotate(OpenApi.Summary, "Write to the standard input of a process")
      .annotate(OpenApi.Description, "Answers when the node has taken it. Sent again, it is written again.")
  )
  .prefix("/api")
  .annotate(OpenApi.Description, "The processes of a node, by group and name.") {}
