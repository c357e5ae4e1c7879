/** What every answer tells browsers: to guess no type, to keep nothing, to tell nobody and to frame nothing. */
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { docsPath, openapiPath } from "./Routes.ts"

const always = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY"
} as const

/** Answers that are data run nothing and load nothing. */
const data = { ...always, "content-security-policy": "default-src 'none'; frame-ancestors 'none'" } as const

/** Whatever else is answered is about now, and for one person; a refusal looks the same everywhere. */
const personal = { ...data, "cache-control": "no-store" } as const

/** The page of the documentation carries its own script and style. */
const page = {
  ...always,
  "content-security-policy": "base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'"
} as const

const headersFor = (url: string) => {
  const [path = ""] = url.split("?", 1)
  if (path === docsPath) return page
  return path === openapiPath ? data : personal
}

/** Sets them on whatever is answered. */
export const securityHeaders = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
    Effect.map(app, HttpServerResponse.setHeaders(headersFor(url)))
  )
