/**
 * Around every request: its id, its facts, its log line, and the last place where anything that went wrong becomes the
 * one error shape: unknown routes, bodies that are too large or no JSON, input that does not decode, defects (logged
 * with their cause, answered without it), and the end of the console.
 */
import { Cause, Effect, LogLevel, Option, Random, Result, SchemaIssue } from "effect"
import { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { payloadTooLarge } from "./BodyChecks.ts"
import { clientAddress, isHttps, trustedProxies } from "./ClientAddress.ts"
import { RequestId } from "./ErrorBody.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { refusals } from "./Refusal.ts"
import { CurrentRequest, RequestFacts } from "./RequestFacts.ts"
import { methodsAt, routeAt } from "./Routes.ts"

export interface AnsweredOptions {
  /** Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. */
  readonly trustedProxies: ReadonlyArray<string>
  /** Whether cookies are for https only; `auto` goes by how the request came. */
  readonly cookieSecure: "auto" | "always" | "never"
}

/** A request id that a client may send along: what is safe in a log and a header. */
const acceptableId = /^[A-Za-z0-9._-]{1,64}$/

const requestId = Effect.gen(function* () {
  const sent = (yield* HttpServerRequest.HttpServerRequest).headers["x-request-id"]
  if (sent !== undefined && acceptableId.test(sent)) return sent
  const high = yield* Random.nextIntBetween(0, 0xffffffff)
  const low = yield* Random.nextIntBetween(0, 0xffffffff)
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0")
})

/** Applied once, around all else. */
export const answered = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options: AnsweredOptions
) => {
  const trusted = trustedProxies(options.trustedProxies)
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const id = yield* requestId
    const facts = factsOf(request, yield* monotonicMs, trusted, options)
    return yield* app.pipe(
      Effect.map(HttpServerResponse.setHeader("x-request-id", id)),
      Effect.map((response) => endsConnection(request, response)),
      Effect.tap((response) => tellOf(request, facts, response)),
      Effect.annotateLogs({ request_id: id, operation: operationOf(request, facts) }),
      Effect.provideService(RequestId, id),
      Effect.provideService(CurrentRequest, facts)
    )
  })
}

/** As in the activity log. */
const operationOf = ({ method }: HttpServerRequest.HttpServerRequest, { route }: RequestFacts): string =>
  route?.name ?? `http.${method.toLowerCase()}`

/** Whatever goes wrong is answered. */
export const recovered = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.catchCause(app, respond)

const factsOf = (
  request: HttpServerRequest.HttpServerRequest,
  startedMs: number,
  trusted: ReadonlySet<string>,
  { cookieSecure }: AnsweredOptions
): RequestFacts => {
  const hops = {
    peer: Option.getOrUndefined(request.remoteAddress),
    forwardedFor: request.headers["x-forwarded-for"],
    forwardedProto: request.headers["x-forwarded-proto"]
  }
  const found = routeAt(request.method, pathOf(request.url))
  const facts = new RequestFacts({
    startedMs,
    address: clientAddress(hops, trusted),
    route: found?.route,
    params: decoded(found?.params ?? {})
  })
  facts.cookiesSecure = cookieSecure === "always" || (cookieSecure === "auto" && isHttps(hops, trusted))
  return facts
}

const decoded = (params: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(params).flatMap(([name, escaped]) => {
      const value = Result.try(() => decodeURIComponent(escaped))
      return Result.isSuccess(value) ? [[name, value.success] as const] : []
    })
  )

type Telling = readonly [level: LogLevel.Severity, message: string, ...causes: ReadonlyArray<Cause.Cause<unknown>>]

/**
 * How a request is told. That the console could not do its part is news for whoever runs it, with the cause; an error
 * is only what is a bug of its own, since nodes and databases come and go.
 */
const tellingOf = ({ cause, code }: RequestFacts, status: number): Telling => {
  if (code === undefined) return ["Debug", "request"]
  if (refusals.has(code)) return ["Info", "request refused"]
  if (status < 500) return ["Debug", "request"]
  return [code === "internal" ? "Error" : "Warn", "request failed", Cause.isCause(cause) ? cause : Cause.fail(cause)]
}

/**
 * One line for each request: who asked for what, how it ended, and what made it fail. Nothing that a client sent is in
 * it as it came: no path, no query, no header.
 */
const tellOf = (
  { method }: HttpServerRequest.HttpServerRequest,
  facts: RequestFacts,
  { status }: HttpServerResponse.HttpServerResponse
) => {
  const { address, code, principal, reason, startedMs } = facts
  const [level, message, ...causes] = tellingOf(facts, status)
  return Effect.flatMap(LogLevel.isEnabled(level), (enabled) =>
    enabled
      ? Effect.flatMap(monotonicMs, (nowMs) =>
          Effect.logWithLevel(level)(message, ...causes).pipe(
            Effect.annotateLogs({
              method,
              status,
              took_ms: Math.round(nowMs - startedMs),
              ...(principal === undefined ? {} : { actor: principal.actor }),
              ...(address === undefined ? {} : { address }),
              ...(code === undefined ? {} : { code }),
              ...(reason === undefined ? {} : { reason })
            })
          )
        )
      : Effect.void
  )
}

/**
 * A request to upgrade that is answered ends its connection, as servers do it; one who was not told would send the next
 * request on it. So does one that the end of the console cut off.
 */
const endsConnection = (
  { headers }: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
) => (headers["upgrade"] === undefined ? response : HttpServerResponse.setHeader(response, "connection", "close"))

const respond = <E>(
  cause: Cause.Cause<E>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> => {
  if (Cause.hasInterruptsOnly(cause)) return ofInterrupt(cause)
  for (const reason of cause.reasons) {
    const error: unknown = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
    if (HttpServerError.isHttpServerError(error)) return ofServerError(error, cause)
    if (isSchemaError(error) && error.kind !== "Body" && error.kind !== "ResponseHeaders") return ofSchemaError(error)
    if (HttpApiError.HttpApiPayloadTooLarge.is(error)) return payloadTooLarge
  }
  return internal(cause)
}

/** The client is gone, and there is nobody to answer; or the console ends, which a WebSocket is told by its close. */
const ofInterrupt = (cause: Cause.Cause<unknown>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    if (headers["upgrade"] !== undefined || cause.reasons.some(({ annotations }) => annotations.has(clientAbort))) {
      return Effect.failCause(Cause.fromReasons<never>(cause.reasons.filter(Cause.isInterruptReason)))
    }
    Marks.reached("a request was cut off by the end of the console")
    return Effect.map(
      errorResponse({ code: "shutting_down", message: "the console is shutting down", cause }),
      HttpServerResponse.setHeader("connection", "close")
    )
  })

const clientAbort = HttpServerError.ClientAbort.key

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
  errorResponse({
    code: "internal",
    message: "the console failed to answer; its log tells more under this request id",
    cause
  })
