/**
 * The refusals of requests: one shape for each, on every endpoint (R3.4). The reason goes to the log; the answer is the
 * same for all, so that it does not tell a token that has expired from one that never was.
 */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import type { ErrorCode, ErrorParts } from "./ErrorBody.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** Codes that say that somebody may not do what they asked for. */
export const refusals: ReadonlySet<string> = new Set<ErrorCode>([
  "unauthorized",
  "forbidden",
  "csrf_refused",
  "origin_refused",
  "too_many_attempts"
])

/** Remembers why, for those who tell of the request. */
export const because = (reason: string) =>
  Effect.map(CurrentRequest, (facts) => {
    facts.reason = reason
  })

const refused = (parts: ErrorParts, reason: string) => Effect.andThen(because(reason), errorResponse(parts))

/** 401, the same for every reason. */
export const unauthorized = (reason: string): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(
    refused({ code: "unauthorized", message: "nobody is let in without valid credentials" }, reason),
    HttpServerResponse.setHeader("www-authenticate", 'Bearer realm="muster"')
  )

/** 403: somebody is known, and may not. */
export const forbidden = (message: string, reason: string): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  refused({ code: "forbidden", message }, reason)

/** 403: a cookie alone does not show that the page that asks is one of ours. */
export const csrfRefused: Effect.Effect<HttpServerResponse.HttpServerResponse> = refused(
  { code: "csrf_refused", message: "with a cookie, this needs the header x-csrf-token of the session" },
  "csrf"
)

/** 403: the page is of an origin that is not allowed. */
export const originRefused = (origin: string): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  refused(
    { code: "origin_refused", message: "pages of this origin may not use the console" },
    `origin ${origin.slice(0, 200).replaceAll(/[^\x21-\x7e]/g, "?")}`
  )

/** 503: without the database nobody knows who is let in. */
export const accountsUnknown: Effect.Effect<HttpServerResponse.HttpServerResponse> = errorResponse({
  code: "database_unavailable",
  message: "the accounts are not known yet: the database has not been reached since the start",
  cause: "the accounts were not read from the database since the start"
})
