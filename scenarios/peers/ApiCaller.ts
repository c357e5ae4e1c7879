/** Somebody who calls the API from outside, with whatever headers, and reads the whole answer. */
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import type { HttpClientError } from "effect/http"
import type { Route } from "../../core/http/Routes.ts"
import type { World } from "../World.ts"

export interface Call {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE"
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Longer than any answer may take. */
const replyMsMax = 60_000

/** Fails when there is no answer in time, or the connection breaks. */
export const call = (
  { http }: Pick<World, "http">,
  { headers = {}, method, path }: Call
): Effect.Effect<Reply, HttpClientError.HttpClientError | { readonly _tag: "TimeoutError" }> =>
  Effect.flatMap(
    http.execute(HttpClientRequest.setHeaders(HttpClientRequest.make(method)(`http://console${path}`), headers)),
    (response) =>
      Effect.map(response.text, (text): Reply => ({ status: response.status, text, headers: response.headers }))
  ).pipe(Effect.scoped, Effect.timeout(replyMsMax))

const isMethod = (text: string): text is Call["method"] =>
  ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].includes(text)

/** A call of a route, about things that do not exist. */
export const callOf = ({ method, params, path }: Route): Call => ({
  method: isMethod(method) ? method : "GET",
  path: params.reduce((text, name) => text.replace(`:${name}`, name === "operation" ? "start" : "7"), path)
})

/** What authentication thought of a call: refused as unknown, as not allowed, as forged, or let in. */
export type Verdict = "unauthorized" | "forbidden" | "csrf" | "in"

export const verdictOf = ({ status, text }: Reply): Verdict => {
  if (status === 401) return "unauthorized"
  if (status !== 403) return "in"
  return text.includes('"csrf_refused"') ? "csrf" : "forbidden"
}
