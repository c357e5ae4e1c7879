/**
 * The one shape of every error that the API answers with (R7.1), and the one mapping from typed errors to it (R7.2).
 *
 * `code` is for programs and decides the status; `message` is for people; `details` names fields; `request_id` leads
 * to the log. Nothing from a cause or a stack gets in (R7.5).
 */
import { Context, Effect, Schema } from "effect"
import type { NodeError } from "../domain/NodeError.ts"
import type { UnknownNode, UnknownProcess } from "../fleet/Fleet.ts"
import type { JoinRefused } from "../hub/Hub.ts"

/** Status by code: each code has exactly one. */
export const statusByCode = {
  invalid_request: 400,
  upgrade_required: 400,
  unknown_route: 404,
  unknown_node: 404,
  unknown_process: 404,
  method_not_allowed: 405,
  node_refused: 409,
  payload_too_large: 413,
  internal: 500,
  node_unreachable: 502,
  node_unauthorized: 502,
  node_invalid_reply: 502,
  too_many_clients: 503,
  shutting_down: 503,
  node_shutting_down: 503,
  node_timeout: 504
} as const

export type ErrorCode = keyof typeof statusByCode

const shape = <const Codes extends ReadonlyArray<ErrorCode>>(codes: Codes) =>
  Schema.Struct({
    status: Schema.Literal("error"),
    message: Schema.String,
    code: Schema.Literals(codes),
    details: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
    request_id: Schema.String
  })

export const ErrorBody = shape([
  "invalid_request",
  "upgrade_required",
  "unknown_route",
  "unknown_node",
  "unknown_process",
  "method_not_allowed",
  "node_refused",
  "payload_too_large",
  "internal",
  "node_unreachable",
  "node_unauthorized",
  "node_invalid_reply",
  "too_many_clients",
  "shutting_down",
  "node_shutting_down",
  "node_timeout"
])
export type ErrorBody = typeof ErrorBody.Type

export const InvalidRequest = shape(["invalid_request"]).annotate({ httpApiStatus: 400, identifier: "InvalidRequest" })
export const Internal = shape(["internal"]).annotate({ httpApiStatus: 500, identifier: "Internal" })
export const NodeNotFound = shape(["unknown_node"]).annotate({ httpApiStatus: 404, identifier: "UnknownNode" })
export const ProcessNotFound = shape(["unknown_process"]).annotate({ httpApiStatus: 404, identifier: "UnknownProcess" })
export const NodeRefused = shape(["node_refused"]).annotate({ httpApiStatus: 409, identifier: "NodeRefused" })
export const NodeFailed = shape(["node_unreachable", "node_unauthorized", "node_invalid_reply"]).annotate({
  httpApiStatus: 502,
  identifier: "NodeFailed"
})
export const NodeShuttingDown = shape(["node_shutting_down"]).annotate({
  httpApiStatus: 503,
  identifier: "NodeShuttingDown"
})
export const NodeTimeout = shape(["node_timeout"]).annotate({ httpApiStatus: 504, identifier: "NodeTimeout" })

/** Id of the request that is being answered; also in its log lines and in the answer's `x-request-id`. */
export const RequestId = Context.Reference<string>("core/http/RequestId", { defaultValue: () => "" })

interface ErrorParts<Code extends ErrorCode> {
  readonly code: Code
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** The body of an error, with the id of the current request. */
export const errorBody = <const Code extends ErrorCode>({ code, details, message }: ErrorParts<Code>) =>
  Effect.map(RequestId, (request_id) => ({
    status: "error" as const,
    message,
    code,
    ...(details === undefined ? {} : { details }),
    request_id
  }))

export const unknownNode = (error: UnknownNode) =>
  fail({ code: "unknown_node", message: "there is no such node", details: { node: error.node } })

export const unknownProcess = ({ group, name, node }: UnknownProcess) =>
  fail({ code: "unknown_process", message: "the node has no such process", details: { node, group, name } })

/**
 * A node that could not be asked or refused. The message is Muster's own wording; of the node's it holds no more than
 * the text of a fault.
 */
export const nodeError = (error: NodeError) => {
  const { message, reason } = error
  switch (reason._tag) {
    case "Fault":
      return fail({ code: "node_refused", message, details: { fault: reason.name, fault_code: reason.code } })
    case "Unreachable":
    case "ConnectionLost":
      return fail({ code: "node_unreachable", message })
    case "Unauthorized":
      return fail({ code: "node_unauthorized", message })
    case "HttpStatus":
    case "TooLarge":
    case "Malformed":
      return fail({ code: "node_invalid_reply", message })
    case "ShuttingDown":
      return fail({ code: "node_shutting_down", message })
    case "TimedOut":
      return fail({ code: "node_timeout", message })
  }
}

export const joinRefused = ({ clientsMax, reason }: JoinRefused): ErrorParts<"too_many_clients" | "shutting_down"> =>
  reason === "full"
    ? { code: "too_many_clients", message: `the hub serves ${clientsMax} clients already` }
    : { code: "shutting_down", message: "the console is shutting down" }

const fail = <const Code extends ErrorCode>(parts: ErrorParts<Code>) => Effect.flatMap(errorBody(parts), Effect.fail)
