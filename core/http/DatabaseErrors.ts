/** How the API answers when the database cannot do what a request needs. */
import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import type { DatabaseError } from "../storage/DatabaseError.ts"
import { errorResponse, withRetryAfter } from "./ErrorResponse.ts"

/** `database_unavailable` and `database_busy`, 503; `database_timeout`, 504; a bug is `internal`. */
export const databaseError = (cause: DatabaseError): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  switch (cause.reason) {
    case "Unavailable": {
      const answer = errorResponse({
        code: "database_unavailable",
        message: "the database cannot be used now; nothing was changed",
        cause
      })
      return cause.retryAfterMs === undefined ? answer : Effect.map(answer, withRetryAfter(cause.retryAfterMs))
    }
    case "Unwritable":
      return errorResponse({
        code: "database_unavailable",
        message: "the database cannot be written now; nothing was changed",
        cause
      })
    case "Exhausted":
      return errorResponse({
        code: "database_busy",
        message: "the database has no free connection; nothing was changed",
        cause
      })
    case "TimedOut":
      return errorResponse({
        code: "database_timeout",
        message: "the database took too long; nothing was changed",
        cause
      })
    case "Unacknowledged":
      return errorResponse({
        code: "database_timeout",
        message: "the database did not say whether it was done: look before you try again",
        cause
      })
    case "Conflict":
    case "Failed":
      return errorResponse({
        code: "internal",
        message: "the console failed to answer; its log tells more under this request id",
        cause
      })
  }
}

/** Maps what the database can fail with. */
export const databaseErrors = <A, R>(use: Effect.Effect<A, DatabaseError, R>) =>
  Effect.catchTag(use, "DatabaseError", databaseError)
