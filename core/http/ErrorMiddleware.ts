/**
 * Around every request: its id, its log line, and the last place where anything that went wrong becomes the one error
 * shape: unknown routes, bodies that are too large or no JSON, input that does not decode, and defects (logged with
 * their cause, answered without it).
 */
import { ByteSize, Cause, Effect, Random, Result, SchemaIssue } from "effect"
import { HttpIncomingMessage, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { errorBody, RequestId, statusByCode } from "./ErrorBody.ts"
import type { ErrorParts } from "./ErrorBody.ts"
import { bodyBytesMax, methodsAt, routeAt } from "./Routes.ts"

/** A request id that a client may send along: what is safe in a log and a header. */
const acceptableId = /^[A-Za-z0-9._-]{1,64}$/

/** An error as a response; `details` name fields. */
export const errorResponse = (parts: ErrorParts): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(errorBody(parts), (body) => HttpServerResponse.jsonUnsafe(body, { status: statusByCode[parts.code] }))

const requestId = Effect.gen(function* () {
  const sent = (yield* HttpServerRequest.HttpServerRequest).headers["x-request-id"]
  if (sent !== undefined && acceptableId.test(sent)) return sent
  const high = yield* Random.nextIntBetween(0, 0xffffffff)
  const low = yield* Random.nextIntBetween(0, 0xffffffff)
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0")
})

/** Applied once, around the whole router. */
export const middleware = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.flatMap(requestId, (id) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => refusedBody(request) ?? app).pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(bodyBytesMax)),
      Effect.catchCause(respond),
      Effect.map(HttpServerResponse.setHeader("x-request-id", id)),
      Effect.flatMap(endsConnection),
      Effect.annotateLogs({ request_id: id }),
      Effect.provideService(RequestId, id)
    )
  )

/**
 * A request to upgrade that is answered ends its connection, as servers do it; one who was not told would send the next
 * request on it.
 */
const endsConnection = (response: HttpServerResponse.HttpServerResponse) =>
  HttpServerRequest.HttpServerRequest.useSync(({ headers }) =>
    headers["upgrade"] === undefined ? response : HttpServerResponse.setHeader(response, "connection", "close")
  )

const payloadTooLarge = errorResponse({
  code: "payload_too_large",
  message: `the request body is larger than ${bodyBytesMax} bytes`,
  details: { bytes_max: bodyBytesMax }
})

/** The answer to a body that is not worth reading, by its headers; none when it is, or the endpoint reads none. */
const refusedBody = ({ headers, method, url }: HttpServerRequest.HttpServerRequest) => {
  const { hasBody = false, isApi = false } = routeAt(method, pathOf(url))?.route ?? {}
  if (isApi && Number(headers["content-length"] ?? 0) > bodyBytesMax) return payloadTooLarge
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase()
  return hasBody && type !== undefined && type !== "application/json"
    ? errorResponse({ code: "unsupported_media_type", message: "the request body has to be application/json" })
    : undefined
}

const respond = <E>(
  cause: Cause.Cause<E>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> => {
  // The client is gone, or the console goes: there is nobody to answer.
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  for (const reason of cause.reasons) {
    const error: unknown = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
    if (HttpServerError.isHttpServerError(error)) return ofServerError(error, cause)
    if (isSchemaError(error) && error.kind !== "Body" && error.kind !== "ResponseHeaders") return ofSchemaError(error)
    if (HttpApiError.HttpApiPayloadTooLarge.is(error)) return payloadTooLarge
  }
  return internal(cause)
}

const isSchemaError = (error: unknown): error is HttpApiError.HttpApiSchemaError =>
  HttpApiError.HttpApiSchemaError.is(error)

const ofServerError = (error: HttpServerError.HttpServerError, cause: Cause.Cause<unknown>) => {
  switch (error.reason._tag) {
    case "RouteNotFound":
      return Effect.flatMap(HttpServerRequest.HttpServerRequest, ofUnknownRoute)
    case "RequestParseError":
      if (error.reason.reason === "BodyTooLarge") return payloadTooLarge
      return errorResponse({ code: "invalid_request", message: "the request could not be read" })
    default:
      return internal(cause)
  }
}

const pathOf = (url: string): string => url.split("?", 1)[0] ?? url

/** No route takes the request: the path is no path, takes other methods, or does not exist. */
const ofUnknownRoute = ({ method, url }: HttpServerRequest.HttpServerRequest) => {
  const path = pathOf(url)
  if (Result.isFailure(Result.try(() => decodeURIComponent(path)))) {
    return errorResponse({ code: "invalid_request", message: "the path holds a % that is no escape of UTF-8" })
  }
  const methods = methodsAt(path)
  if (methods.length === 0) {
    return errorResponse({ code: "unknown_route", message: `there is no ${method} at this path` })
  }
  if (methods.includes(method)) {
    return errorResponse({ code: "invalid_request", message: "a name in the path is too long" })
  }
  const allow = [...methods, "OPTIONS"].join(", ")
  const answer =
    method === "OPTIONS"
      ? Effect.succeed(HttpServerResponse.empty({ status: 204 }))
      : errorResponse({ code: "method_not_allowed", message: `there is no ${method} at this path, only ${allow}` })
  return Effect.map(answer, HttpServerResponse.setHeader("allow", allow))
}

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** Which input is wrong and why, field by field (R7.3). */
const ofSchemaError = (error: HttpApiError.HttpApiSchemaError) => {
  const where = error.kind === "Payload" ? "body" : error.kind.toLowerCase()
  const fields = formatIssues(error.cause.issue).issues.map(({ message, path = [] }) => ({
    field: [where, ...path.map((part) => String(typeof part === "object" ? part.key : part))].join("."),
    message
  }))
  return errorResponse({
    code: "invalid_request",
    message: `invalid ${where}: ${fields.map((field) => field.field).join(", ")}`,
    details: { fields }
  })
}

const internal = (cause: Cause.Cause<unknown>) =>
  Effect.andThen(
    Effect.logError("request failed", cause),
    errorResponse({
      code: "internal",
      message: "the console failed to answer; its log tells more under this request id"
    })
  )
