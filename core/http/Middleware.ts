/** What goes around the routes of the console, from the outside in. */
import type { Effect } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { authenticated } from "./Authentication.ts"
import type { AuthenticationOptions } from "./Authentication.ts"
import { checkedBodies } from "./BodyChecks.ts"
import { checkedQueries } from "./QueryChecks.ts"
import { cors } from "./Cors.ts"
import type { CorsOptions } from "./Cors.ts"
import { answered, recovered } from "./ErrorMiddleware.ts"
import type { AnsweredOptions } from "./ErrorMiddleware.ts"
import { securityHeaders } from "./SecurityHeaders.ts"

/** Something of another part of the console that goes around the requests. */
export type Around = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>

export interface MiddlewareOptions extends AnsweredOptions, CorsOptions, AuthenticationOptions {
  /** Measures what is answered, whatever it is. */
  readonly measure?: Around
  /** Bounds how many requests are under way. */
  readonly budget?: Around
  /** Records what was attempted: around all that can refuse it, and within what knows the client. */
  readonly audit?: Around
}

const nothing: Around = (app) => app

/**
 * Whatever is answered, refusals and errors included, has the id, the security headers and those of CORS. Errors become
 * answers within the audit, which sees how each attempt ended; and once more around it, should it fail by itself.
 * Queries and bodies are looked at after the authentication, so that the same credentials have the same verdict
 * whatever is sent with them.
 */
export const middleware = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  { audit = nothing, budget = nothing, measure = nothing, ...options }: MiddlewareOptions
) => {
  const routes = authenticated(checkedQueries(checkedBodies(app)), options)
  return answered(measure(securityHeaders(recovered(audit(cors(recovered(budget(routes)), options))))), options)
}
