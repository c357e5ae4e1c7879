/** A field of a query that an action does not have: a misspelt or misplaced `dry_run` must not restart a fleet. */
import { Effect } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { errorResponse } from "./ErrorResponse.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** Refuses a query where none is declared. Endpoints that declare one look at it themselves. */
export const checkedQueries = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    const { takesQuery = true } = (yield* CurrentRequest).route ?? {}
    const { url } = yield* HttpServerRequest.HttpServerRequest
    const start = url.indexOf("?")
    if (takesQuery || start < 0) return yield* app
    const names = new Set(new URLSearchParams(url.slice(start)).keys())
    if (names.size === 0) return yield* app
    const fields = Array.from(names, (name) => ({ field: `query.${name}`, message: "there is no query here" }))
    return yield* errorResponse({
      code: "invalid_request",
      message: `invalid query: ${fields.map(({ field }) => field).join(", ")}`,
      details: { fields }
    })
  })
