/**
 * In whose name the commands ask a console: by the token of MUSTER_TOKEN, or the session of `muster login`, which is
 * refreshed when its token is about to end or is refused.
 */
import { Clock, Effect, FileSystem, Option, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { Granted } from "../../core/http/SessionsApi.ts"
import * as Client from "../../core/http/Client.ts"
import type { ExitStatus } from "../ExitStatus.ts"
import * as Credentials from "./Credentials.ts"

/** A token that ends so soon is not used any more. */
const slackMs = 10_000

/** The longest wait for a refresh. */
const refreshMsMax = 20_000

export interface Session {
  /** For requests to this console and no other; undefined for nobody in particular. */
  readonly token: Redacted.Redacted | undefined
  readonly kind: "variable" | "stored" | "none" | "login"
}

/** What is kept of a session, from the answer to a login or a refresh. */
export const stored = (granted: Granted): Option.Option<Credentials.StoredSession> =>
  Option.all({ token: Option.fromNullishOr(granted.token), refresh: Option.fromNullishOr(granted.refresh_token) }).pipe(
    Option.map(({ refresh, token }) => ({
      username: granted.user.username,
      token,
      expires: granted.expires,
      refresh_token: refresh,
      session_expires: granted.session_expires
    }))
  )

const isFresh = (session: Credentials.StoredSession, nowMs: number): boolean =>
  Date.parse(session.expires) - nowMs > slackMs

type Asks = FileSystem.FileSystem | HttpClient.HttpClient

/**
 * The session of this URL with a token that is not `refused`. Of commands that come together one refreshes, the others
 * wait for it and take what it got. A session that the console knows no more is forgotten.
 */
const renewed = (url: string, refused?: string) =>
  Credentials.change(url, (session) =>
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      if (session === undefined || (session.token !== refused && isFresh(session, nowMs))) return session
      const client = yield* Client.make(url)
      const payload = { refresh_token: Redacted.make(session.refresh_token) }
      return yield* Client.typed(client.auth.refresh({ payload })).pipe(
        Effect.map((granted) => Option.getOrUndefined(stored(granted))),
        Effect.timeout(refreshMsMax),
        // Away, or busy: the session may be good, and whoever asks is told by the request itself.
        Effect.catch((error) =>
          Effect.succeed(error._tag === "ConsoleRefused" && error.error.code === "unauthorized" ? undefined : session)
        )
      )
    })
  )

/** Who asks the console at this URL. */
export const current = (url: string): Effect.Effect<Session, ExitStatus, Asks> =>
  Effect.gen(function* () {
    const variable = process.env["MUSTER_TOKEN"]
    if (variable !== undefined && variable !== "") return { kind: "variable", token: Redacted.make(variable) }
    const session = yield* Credentials.read(url)
    if (session === undefined) return { kind: "none", token: undefined }
    const isGood = isFresh(session, yield* Clock.currentTimeMillis)
    const usable = isGood ? session : yield* renewed(url)
    // Also without a token: whoever was logged in is told that it is over.
    return { kind: "stored", token: usable === undefined ? undefined : Redacted.make(usable.token) }
  })

const unauthorized = 401

/**
 * The client of the surroundings in the name of the session. A refused token is renewed once, and the request sent
 * again.
 */
export const authorized = (url: string, session: Session): Effect.Effect<HttpClient.HttpClient, never, Asks> =>
  Effect.gen(function* () {
    const http = yield* HttpClient.HttpClient
    const fs = yield* FileSystem.FileSystem
    let token = session.token
    const renew = (refused: Redacted.Redacted) =>
      renewed(url, Redacted.value(refused)).pipe(
        Effect.map((next) => (next === undefined || next.token === Redacted.value(refused) ? undefined : next.token)),
        // The refusal itself is what the user has to know.
        Effect.orElseSucceed(() => undefined),
        Effect.provideService(HttpClient.HttpClient, http),
        Effect.provideService(FileSystem.FileSystem, fs)
      )
    return HttpClient.make((request) =>
      Effect.gen(function* () {
        const sent = token
        if (sent === undefined) return yield* http.execute(request)
        const response = yield* http.execute(HttpClientRequest.bearerToken(request, sent))
        if (response.status !== unauthorized || session.kind !== "stored") return response
        const next = yield* renew(sent)
        if (next === undefined) return response
        yield* Effect.ignore(response.text)
        token = Redacted.make(next)
        return yield* http.execute(HttpClientRequest.bearerToken(request, token))
      })
    )
  })
