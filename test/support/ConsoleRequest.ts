/** Requests with a body to a real console, for a test: the answer whatever its status, within a bounded time. */
import { Data, Effect } from "effect"

/** The console gave no answer, or none that is JSON. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly message: string }> {}

export interface Answered {
  readonly status: number
  readonly body: unknown
  readonly headers: Headers
}

const answerMs = 60_000

/** Posts JSON to a path of the console at the URL. */
export const post = (url: string, path: string, body?: unknown): Effect.Effect<Answered, NoAnswer> =>
  Effect.tryPromise({
    try: async (signal) => {
      const withBody = { body: JSON.stringify(body), headers: { "content-type": "application/json" } }
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        signal,
        ...(body === undefined ? {} : withBody)
      })
      const answer: unknown = await response.json()
      return { status: response.status, body: answer, headers: response.headers }
    },
    catch: (cause) => new NoAnswer({ message: `POST ${path}: ${String(cause)}` })
  }).pipe(
    Effect.timeoutOrElse({
      duration: answerMs,
      orElse: () => Effect.fail(new NoAnswer({ message: `POST ${path}: no answer within ${answerMs} ms` }))
    })
  )
