/** What the endpoints by which people log in do. */
import { Clock, DateTime, Duration, Effect, Redacted } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Accounts } from "../auth/Accounts.ts"
import type { Grant, Origin } from "../auth/Accounts.ts"
import type { Principal } from "../domain/Access.ts"
import { loginErrors, logoutErrors, ownPasswordErrors, ticketErrors } from "./AccountErrors.ts"
import { identified } from "./AccountRights.ts"
import { Api } from "./Api.ts"
import { presentedRefresh, refreshCookie, sessionCookie } from "./Credentials.ts"
import { forbidden, unauthorized } from "./Refusal.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import type { Granted, Me } from "./SessionsApi.ts"

type Service = Accounts["Service"]

/** Where browsers send the refresh token. */
const refreshPath = "/api/auth"

const userAgentCharactersMax = 256

/** What a client says of itself, fit for a list that people read. */
const printable = (text: string, charactersMax: number): string =>
  text.slice(0, charactersMax).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?")

const originOf = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.map(CurrentRequest, ({ address }): Origin => {
    const userAgent = request.headers["user-agent"]
    return {
      address,
      userAgent: userAgent === undefined ? undefined : printable(userAgent, userAgentCharactersMax)
    }
  })

const ways = { Session: "session", ApiToken: "token", Anonymous: "anonymous" } as const

const meOf = (accounts: Service, { actor, credential, limits, role, username }: Principal): Me => {
  const me = { username, actor, role, limits, via: ways[credential._tag] }
  if (credential._tag !== "Session") return me
  const csrf = accounts.csrfTokenUnsafe(credential.sessionId)
  return { ...me, session: credential.sessionId, ...(csrf === undefined ? {} : { csrf_token: csrf }) }
}

const isoTime = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))

/** The session in the body; for browsers without the tokens, which no script should ever see. */
const granted = (accounts: Service, grant: Grant, inCookies: boolean) =>
  Effect.gen(function* () {
    const facts = yield* CurrentRequest
    facts.principal = grant.principal
    const { accessExpiresMs, csrfToken, principal, sessionExpiresMs } = grant
    const token = Redacted.value(grant.accessToken)
    const refreshToken = Redacted.value(grant.refreshToken)
    const answer: Granted = {
      ...(inCookies ? {} : { token, refresh_token: refreshToken }),
      expires: isoTime(accessExpiresMs),
      session_expires: isoTime(sessionExpiresMs),
      csrf_token: csrfToken,
      user: meOf(accounts, principal)
    }
    const response = HttpServerResponse.jsonUnsafe(answer)
    if (!inCookies) return response
    const nowMs = yield* Clock.currentTimeMillis
    const cookie = (path: string, expiresMs: number) => ({
      path,
      httpOnly: true,
      sameSite: "strict" as const,
      secure: facts.cookiesSecure,
      maxAge: Duration.millis(Math.max(0, expiresMs - nowMs))
    })
    // Tokens are of characters that need no encoding, so that these cannot fail.
    return response.pipe(
      HttpServerResponse.setCookieUnsafe(sessionCookie, token, cookie("/", accessExpiresMs)),
      HttpServerResponse.setCookieUnsafe(refreshCookie, refreshToken, cookie(refreshPath, sessionExpiresMs))
    )
  })

const withoutCookies = (response: HttpServerResponse.HttpServerResponse) =>
  response.pipe(
    HttpServerResponse.expireCookieUnsafe(sessionCookie, { path: "/", httpOnly: true, sameSite: "strict" }),
    HttpServerResponse.expireCookieUnsafe(refreshCookie, { path: refreshPath, httpOnly: true, sameSite: "strict" })
  )

const notInSession = forbidden("this is for those who have logged in, and not for API tokens", "no session")

/** Gives those without a session a refusal. */
const inSession = <A, E, R>(act: (principal: Principal, sessionId: string) => Effect.Effect<A, E, R>) =>
  identified((principal): Effect.Effect<A | HttpServerResponse.HttpServerResponse, E, R> =>
    principal.credential._tag === "Session" ? act(principal, principal.credential.sessionId) : notInSession
  )

export const layer = HttpApiBuilder.group(
  Api,
  "auth",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    return handlers.handleAll({
      login: ({ payload: { cookie = false, password, username }, request }) =>
        Effect.gen(function* () {
          const facts = yield* CurrentRequest
          facts.claimed = printable(username, username.length)
          const grant = yield* accounts.login(username, password, yield* originOf(request))
          return yield* granted(accounts, grant, cookie)
        }).pipe(loginErrors),
      refresh: ({ payload, request }) =>
        Effect.gen(function* () {
          const token = payload.refresh_token ?? presentedRefresh(request)
          if (token === undefined) return yield* unauthorized("missing")
          const grant = yield* accounts.refresh(token, yield* originOf(request))
          return yield* granted(accounts, grant, payload.refresh_token === undefined)
        }).pipe(loginErrors),
      logout: () =>
        inSession((_, sessionId) =>
          // Within what makes answers of errors: a session that could not be ended is not said to have ended.
          logoutErrors(Effect.as(accounts.logout(sessionId), withoutCookies(HttpServerResponse.empty({ status: 204 }))))
        ),
      me: () => identified((principal) => Effect.succeed(meOf(accounts, principal))),
      password: ({ payload: { next, present }, request }) =>
        inSession((principal) =>
          ownPasswordErrors(
            Effect.flatMap(originOf(request), (origin) =>
              accounts.changeOwnPassword(principal, { present, next }, origin)
            )
          )
        ),
      ticket: () =>
        identified((principal) =>
          ticketErrors(Effect.map(accounts.issueTicket(principal), (ticket) => ({ ticket: Redacted.value(ticket) })))
        )
    })
  })
)
