/**
 * The one shape of every error that the API answers with (R7.1), and the schemas of its kinds.
 *
 * `code` is for programs and decides the status; `message` is for people; `details` names fields; `request_id` leads
 * to the log. Nothing from a cause or a stack gets in (R7.5).
 */
import { Context, Effect, Schema } from "effect"
import type { JoinRefused } from "../hub/Hub.ts"
import { CurrentRequest } from "./RequestFacts.ts"

const codes = [
  "invalid_request",
  "upgrade_required",
  "password_refused",
  "unauthorized",
  "forbidden",
  "csrf_refused",
  "origin_refused",
  "unknown_route",
  "unknown_node",
  "unknown_process",
  "unknown_batch",
  "unknown_user",
  "unknown_token",
  "method_not_allowed",
  "node_refused",
  "nothing_selected",
  "too_many_selected",
  "username_taken",
  "last_admin",
  "too_many_accounts",
  "payload_too_large",
  "unsupported_media_type",
  "config_invalid",
  "too_many_attempts",
  "internal",
  "node_unsupported",
  "node_unreachable",
  "node_unauthorized",
  "node_invalid_reply",
  "node_wrong_identity",
  "too_many_clients",
  "too_many_batches",
  "shutting_down",
  "node_shutting_down",
  "node_circuit_open",
  "node_busy",
  "overloaded",
  "database_unavailable",
  "database_busy",
  "node_timeout",
  "database_timeout"
] as const

export type ErrorCode = (typeof codes)[number]

/** Status by code: each code has exactly one. */
export const statusByCode = {
  invalid_request: 400,
  upgrade_required: 400,
  password_refused: 400,
  unauthorized: 401,
  forbidden: 403,
  csrf_refused: 403,
  origin_refused: 403,
  unknown_route: 404,
  unknown_node: 404,
  unknown_process: 404,
  unknown_batch: 404,
  unknown_user: 404,
  unknown_token: 404,
  method_not_allowed: 405,
  node_refused: 409,
  nothing_selected: 409,
  too_many_selected: 409,
  username_taken: 409,
  last_admin: 409,
  too_many_accounts: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  config_invalid: 422,
  too_many_attempts: 429,
  internal: 500,
  node_unsupported: 501,
  node_unreachable: 502,
  node_unauthorized: 502,
  node_invalid_reply: 502,
  node_wrong_identity: 502,
  too_many_clients: 503,
  too_many_batches: 503,
  shutting_down: 503,
  node_shutting_down: 503,
  node_circuit_open: 503,
  node_busy: 503,
  overloaded: 503,
  database_unavailable: 503,
  database_busy: 503,
  node_timeout: 504,
  database_timeout: 504
} as const satisfies Readonly<Record<ErrorCode, number>>

const shape = <const Codes extends ReadonlyArray<ErrorCode>>(of: Codes) =>
  Schema.Struct({
    status: Schema.Literal("error"),
    message: Schema.String,
    code: Schema.Literals(of),
    details: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
    request_id: Schema.String
  })

/** Any error of the API. */
export const ErrorBody = shape(codes)
export type ErrorBody = typeof ErrorBody.Type

const kind = <const Codes extends ReadonlyArray<ErrorCode>>(
  identifier: string,
  httpApiStatus: (typeof statusByCode)[Codes[number]],
  description: string,
  of: Codes
) => shape(of).annotate({ httpApiStatus, identifier, description })

export const InvalidRequest = kind(
  "InvalidRequest",
  400,
  "The request is not of the form that the endpoint takes; `details.fields` names each bad, missing or extra field.",
  ["invalid_request"]
)
export const UnknownNodeBody = kind("UnknownNode", 404, "The fleet has no node of this name.", ["unknown_node"])
export const UnknownProcessBody = kind("UnknownProcess", 404, "The node has no such process.", ["unknown_process"])
export const UnknownBatchBody = kind("UnknownBatch", 404, "There is no batch of this number, or no longer.", [
  "unknown_batch"
])
export const NodeRefused = kind(
  "NodeRefused",
  409,
  "The node refused; `details.fault` and `details.fault_code` are supervisord's name and number of the fault.",
  ["node_refused"]
)
export const BadSelectionBody = kind("BadSelection", 409, "No process matches, or more than a batch may have.", [
  "nothing_selected",
  "too_many_selected"
])
export const PayloadTooLarge = kind("PayloadTooLarge", 413, "The body is larger than is taken.", ["payload_too_large"])
export const UnsupportedMediaType = kind("UnsupportedMediaType", 415, "The body is no application/json.", [
  "unsupported_media_type"
])
export const Internal = kind(
  "Internal",
  500,
  "A bug of the console, which its log describes under the same request id.",
  ["internal"]
)
export const NodeUnsupported = kind("NodeUnsupported", 501, "The node has no such ability.", ["node_unsupported"])
export const NodeFailed = kind("NodeFailed", 502, "The node could not be talked to, or not understood.", [
  "node_unreachable",
  "node_unauthorized",
  "node_invalid_reply",
  "node_wrong_identity"
])
export const NodeNotAsked = kind(
  "NodeNotAsked",
  503,
  "The node takes nothing now. With `node_circuit_open` and `node_busy` it was not asked; for the former, " +
    "`details.retry_after_ms` and the header `retry-after` (seconds) say when it will be.",
  ["node_shutting_down", "node_circuit_open", "node_busy"]
)
export const BatchRefused = kind(
  "BatchRefused",
  503,
  "As many batches as allowed are under way, or the console ends.",
  ["too_many_batches", "shutting_down"]
)
export const NodeTimeout = kind("NodeTimeout", 504, "The node did not answer in time; the call may have acted.", [
  "node_timeout"
])

export const PasswordRefusedBody = kind("PasswordRefused", 400, "The password is not one that the policy takes.", [
  "password_refused"
])
export const Unauthorized = kind(
  "Unauthorized",
  401,
  "Nobody is let in by the credentials of the request, or there are none. Why is in the log of the console only.",
  ["unauthorized"]
)
export const Forbidden = kind(
  "Forbidden",
  403,
  "Whoever asks may not do this; or, authenticated by a cookie, left out `x-csrf-token`; or the page that asks is of " +
    "an origin that is not allowed.",
  ["forbidden", "csrf_refused", "origin_refused"]
)
export const OriginRefused = kind("OriginRefused", 403, "The page that asks is of an origin that is not allowed.", [
  "origin_refused"
])
export const UnknownUserBody = kind("UnknownUser", 404, "There is no user of this name.", ["unknown_user"])
export const UnknownTokenBody = kind("UnknownToken", 404, "There is no API token of this id.", ["unknown_token"])
export const AccountConflict = kind(
  "AccountConflict",
  409,
  "The name is taken, nobody would be left to administer the console, or as many as allowed exist already.",
  ["username_taken", "last_admin", "too_many_accounts"]
)
export const ConfigInvalid = kind(
  "ConfigInvalid",
  422,
  "The new configuration cannot be used, and the old one stays; `details.problems` names each field.",
  ["config_invalid"]
)
export const TooManyAttemptsBody = kind(
  "TooManyAttempts",
  429,
  "Too many logins have failed; `details.retry_after_ms` and the header `retry-after` (seconds) say when to try again.",
  ["too_many_attempts"]
)
export const Overloaded = kind(
  "Overloaded",
  503,
  "The console has as much to do as it may have at a time, is short of memory, or ends.",
  ["overloaded", "shutting_down"]
)
export const DatabaseAway = kind(
  "DatabaseAway",
  503,
  "What was asked needs the database, which cannot be used now. Nothing was changed.",
  ["database_unavailable", "database_busy"]
)
export const DatabaseTimeout = kind("DatabaseTimeout", 504, "The database did not say in time whether it was done.", [
  "database_timeout"
])

/** What every endpoint that is not public can answer with before it does anything. */
export const accessErrors = [Unauthorized, Forbidden, PayloadTooLarge, Overloaded, DatabaseAway] as const

/** What every public endpoint can: pages of other origins, and bodies that are too large, are refused everywhere. */
export const publicErrors = [OriginRefused, PayloadTooLarge, Overloaded] as const

/** Id of the request that is being answered; also in its log lines and in the answer's `x-request-id`. */
export const RequestId = Context.Reference<string>("core/http/RequestId", { defaultValue: () => "" })

/** What an error says, beside the id of its request. */
export interface ErrorParts<Code extends ErrorCode = ErrorCode> {
  readonly code: Code
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
  /** What was behind it: an error, a `Cause`, or words. For the log, never for the answer. */
  readonly cause?: unknown
}

/** The body of an error, with the id of the current request, whose facts tell of it from now on. */
export const errorBody = <const Code extends ErrorCode>({ cause, code, details, message }: ErrorParts<Code>) =>
  Effect.zipWith(RequestId, CurrentRequest, (request_id, facts) => {
    facts.code = code
    facts.cause = cause
    return { status: "error" as const, message, code, ...(details === undefined ? {} : { details }), request_id }
  })

/** Why the hub admits nobody, for the answer before the upgrade. */
export const joinRefused = (error: JoinRefused): ErrorParts<"too_many_clients" | "shutting_down" | "overloaded"> => ({
  ...refusalOf(error),
  cause: error
})

const refusalOf = ({ clientsMax, reason }: JoinRefused): ErrorParts<"too_many_clients" | "shutting_down"> => {
  switch (reason) {
    case "full":
      return { code: "too_many_clients", message: `the hub serves ${clientsMax} clients already` }
    case "address":
      return { code: "too_many_clients", message: "the hub serves as many clients from this address as allowed" }
    case "user":
      return { code: "too_many_clients", message: "the hub serves as many clients of this user as allowed" }
    case "closing":
      return { code: "shutting_down", message: "the console is shutting down" }
  }
}
