/** An error of the API as a response. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { errorBody, statusByCode } from "./ErrorBody.ts"
import type { ErrorParts } from "./ErrorBody.ts"

/** The response of the code's status; `details` name fields. */
export const errorResponse = (parts: ErrorParts): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(errorBody(parts), (body) => HttpServerResponse.jsonUnsafe(body, { status: statusByCode[parts.code] }))

/** Sets `retry-after`, in whole seconds. */
export const withRetryAfter = (ms: number) =>
  HttpServerResponse.setHeader("retry-after", String(Math.max(1, Math.ceil(ms / 1000))))
