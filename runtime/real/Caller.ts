/** Somebody who asks the API of a running console, and notes what came and when. */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { Asked } from "../../scenarios/peers/ApiClient.ts"
import type { Episode } from "./Episode.ts"

export interface Call {
  readonly method?: Asked["method"]
  readonly path: string
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** A request and how it went. */
export interface Got {
  readonly asked: Asked
  /** 0 when there was no answer, or not all of it. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  readonly requestId: string
  /** By `performance.now()`. */
  readonly sentMs: number
  readonly tookMs: number
}

export interface Caller {
  readonly ask: (call: Call) => Effect.Effect<Got>
  /** All that was asked so far. */
  readonly all: () => ReadonlyArray<Got>
}

/** Longer than any answer may take. */
const patienceMs = 30_000

const fetched = async (url: string, { body, headers, method, path }: Asked, signal: AbortSignal) => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    ...(typeof body === "string" ? { body } : {})
  })
  const text = await response.text()
  return { status: response.status, headers: Object.fromEntries(response.headers), body: text }
}

/** Asks the console at the URL, which may be another one from time to time. */
export const make = (episode: Episode, url: () => string): Caller => {
  const all: Array<Got> = []
  return {
    all: () => all,
    ask: ({ body, headers = {}, method = "GET", path, token }) =>
      Effect.gen(function* () {
        const requestId = randomUUID()
        const asked: Asked = {
          method,
          path,
          headers: {
            "x-request-id": requestId,
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...headers
          },
          body: body === undefined || typeof body === "string" ? body : JSON.stringify(body)
        }
        const sentMs = performance.now()
        // Whoever is cut off has no answer: that is an observation, and no error of this side.
        const answer = yield* Effect.tryPromise((signal) => fetched(url(), asked, signal)).pipe(
          Effect.catch(() => Effect.succeed({ status: 0, headers: {}, body: "" }))
        )
        const got: Got = { asked, ...answer, requestId, sentMs, tookMs: performance.now() - sentMs }
        all.push(got)
        const { status, tookMs } = got
        episode.note("answer", { method, path, requestId, status, tookMs, body: answer.body.slice(0, 300) })
        return got
      })
  }
}
