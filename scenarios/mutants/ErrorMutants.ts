/** Wrong versions of how errors are answered and told. */
import { Effect } from "effect"
import { Headers, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ConsoleParts } from "../../core/Console.ts"
import { statusByCode } from "../../core/http/ErrorBody.ts"
import type { Mutant } from "../Property.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Another answer than the one that the middleware gives. */
const withAnswer =
  (change: (response: Response) => Response) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    middleware: (app, options) => Effect.map(parts.middleware(app, options), change)
  })

export const plainUnknownRoutes: Mutant = {
  id: "error-plain-unknown-routes",
  what: "a path that does not exist is answered with a page of text, as servers do it by themselves",
  mutate: withAnswer((response) =>
    response.status === 404
      ? HttpServerResponse.text("Not Found", { status: 404, headers: response.headers })
      : response
  )
}

export const gatewayTimeoutIsBadGateway: Mutant = {
  id: "error-one-status-for-nodes",
  what: "whatever is wrong with a node is answered with 502",
  mutate: withAnswer((response) =>
    response.status === statusByCode.node_timeout || response.status === statusByCode.node_refused
      ? HttpServerResponse.setStatus(response, statusByCode.node_unreachable)
      : response
  )
}

export const ownRequestIds: Mutant = {
  id: "error-own-request-ids",
  what: "a request gets an id of the console's own, whatever it was sent with",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, options) =>
      Effect.updateService(parts.middleware(app, options), HttpServerRequest.HttpServerRequest, (request) =>
        request.modify({ headers: Headers.remove(request.headers, "x-request-id") })
      )
  })
}

export const tooManyRequests: Mutant = {
  id: "error-too-many-requests",
  what: "who comes when the console has too much to do is told so with 429, which nothing declares",
  mutate: withAnswer((response) =>
    response.status === statusByCode.overloaded && response.headers["retry-after"] !== undefined
      ? HttpServerResponse.setStatus(response, 429)
      : response
  )
}
