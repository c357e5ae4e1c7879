/**
 * Pages of other origins (S33): those that the configuration names may use the console, exactly as browsers spell them.
 * All others are refused, whatever they ask for, and that is logged.
 */
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { csrfHeader } from "./Credentials.ts"
import { originVerdict } from "./Origins.ts"
import { originRefused } from "./Refusal.ts"

export interface CorsOptions {
  readonly corsOrigins: ReadonlyArray<string>
}

/** How long a browser may keep the answer to a preflight. */
const preflightSeconds = 600

/** The same for every path: a preflight carries no credentials, and so learns nothing of what there is. */
const preflightHeaders = {
  "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
  "access-control-allow-headers": `authorization, content-type, x-request-id, ${csrfHeader}`,
  "access-control-max-age": String(preflightSeconds)
} as const

const varies = HttpServerResponse.setHeader("vary", "Origin")

const shared = (origin: string) =>
  HttpServerResponse.setHeaders({
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "x-request-id, retry-after, location"
  })

/** Around everything that looks at credentials. */
export const cors = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>, options: CorsOptions) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    const verdict = originVerdict(request, options.corsOrigins)
    const { headers, method } = request
    const origin = headers["origin"] ?? ""
    if (verdict === "Refused") return Effect.map(originRefused(origin), varies)
    const isPreflight = method === "OPTIONS" && headers["access-control-request-method"] !== undefined
    const answer =
      isPreflight && verdict !== "None"
        ? Effect.succeed(HttpServerResponse.empty({ status: 204, headers: preflightHeaders }))
        : app
    const said = Effect.map(answer, varies)
    return verdict === "Allowed" ? Effect.map(said, shared(origin)) : said
  })
