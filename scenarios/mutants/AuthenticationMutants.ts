/** Wrong versions of the authentication. */
import { Effect, Layer, Redacted } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Accounts } from "../../core/auth/Accounts.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { Principal } from "../../core/domain/Access.ts"
import { answered, recovered } from "../../core/http/ErrorMiddleware.ts"
import { hubPath, metricsPath } from "../../core/http/Routes.ts"
import type { Mutant } from "../Property.ts"

type Request = HttpServerRequest.HttpServerRequest

const pathOf = ({ url }: Request): string => url.split("?", 1)[0] ?? url

/** Requests of some kind pass by the authentication. */
const passing = (passes: (request: Request) => boolean) => (parts: ConsoleParts) => ({
  ...parts,
  middleware: ((app, options) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      passes(request) ? answered(recovered(app), options) : parts.middleware(app, options)
    )) satisfies ConsoleParts["middleware"]
})

/** Requests of some kind are taken for others. */
const rewriting = (rewrite: (request: Request) => Request) => (parts: ConsoleParts) => ({
  ...parts,
  middleware: ((app, options) =>
    Effect.updateService(
      parts.middleware(app, options),
      HttpServerRequest.HttpServerRequest,
      rewrite
    )) satisfies ConsoleParts["middleware"]
})

/** The accounts with another way to let somebody in. */
const withAuthenticate =
  (change: (authenticate: Accounts["Service"]["authenticate"]) => Accounts["Service"]["authenticate"]) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    accounts: (options) =>
      Layer.effect(
        Accounts,
        Effect.map(Accounts, (accounts) => ({ ...accounts, authenticate: change(accounts.authenticate) }))
      ).pipe(Layer.provide(parts.accounts(options)))
  })

export const headPasses: Mutant = {
  id: "authentication-head-passes",
  what: "HEAD is answered without a look at credentials, as it changes nothing",
  mutate: passing(({ method }) => method === "HEAD")
}

export const forgottenRoute: Mutant = {
  id: "authentication-forgets-a-route",
  what: "the export of the activity log was added beside the middleware",
  mutate: passing((request) => pathOf(request) === "/api/activity/export")
}

export const upgradePasses: Mutant = {
  id: "authentication-upgrade-passes",
  what: "an upgrade to a WebSocket is handled before the authentication",
  mutate: passing((request) => pathOf(request) === hubPath)
}

export const rightsOfLogin: Mutant = {
  id: "authentication-rights-of-login",
  what: "a token keeps the rights that its user had when it was used first",
  mutate: withAuthenticate((authenticate) => {
    const known = new Map<string, Principal>()
    return (token) =>
      Effect.suspend(() => {
        const first = known.get(Redacted.value(token))
        return Effect.map(authenticate(token), (now) => {
          const principal = first === undefined ? now : { ...now, role: first.role }
          known.set(Redacted.value(token), principal)
          return principal
        })
      })
  })
}

export const revokedStaysIn: Mutant = {
  id: "authentication-revoked-stays-in",
  what: "whoever a token has let in once is let in until the token expires",
  mutate: withAuthenticate((authenticate) => {
    const known = new Map<string, Principal>()
    return (token) =>
      authenticate(token).pipe(
        Effect.tap((principal) => Effect.sync(() => void known.set(Redacted.value(token), principal))),
        Effect.catchTag("NotAuthenticated", (error) => {
          const principal = known.get(Redacted.value(token))
          return principal === undefined ? Effect.fail(error) : Effect.succeed(principal)
        })
      )
  })
}

export const tellsExpired: Mutant = {
  id: "authentication-tells-expired",
  what: "the answer to an expired token says more where a page asks for it",
  mutate: (parts) => ({
    ...parts,
    middleware: ((app, options) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.map(parts.middleware(app, options), (response) =>
          response.status === 401 && pathOf(request).startsWith("/api/activity")
            ? HttpServerResponse.setStatus(response, 403)
            : response
        )
      )) satisfies ConsoleParts["middleware"]
  })
}

export const tokenInQuery: Mutant = {
  id: "authentication-token-in-query",
  what: "the metrics take a token from the address, for a scraper that can send no header",
  mutate: rewriting((request) => {
    const token = /[?&]token=([^&]*)/.exec(request.url)?.[1]
    return token === undefined || pathOf(request) !== "/metrics"
      ? request
      : request.modify({ headers: { ...request.headers, authorization: `Bearer ${token}` } })
  })
}

export const cookieWithoutCsrf: Mutant = {
  id: "authentication-cookie-without-csrf",
  what: "a PATCH with a cookie needs no token against forged requests",
  mutate: rewriting((request) => {
    const cookie = /muster_session=([^;]*)/.exec(request.headers["cookie"] ?? "")?.[1]
    return cookie === undefined || request.method !== "PATCH"
      ? request
      : request.modify({ headers: { ...request.headers, authorization: `Bearer ${cookie}` } })
  })
}

export const anySchemeOnBatches: Mutant = {
  id: "authentication-any-scheme",
  what: "on one endpoint the scheme of the header may be anything",
  mutate: rewriting((request) => {
    const header = request.headers["authorization"]
    return header === undefined || pathOf(request) !== "/api/batches"
      ? request
      : request.modify({ headers: { ...request.headers, authorization: header.replace(/^\S+/, "Bearer") } })
  })
}

export const refusedMetricsMayBeKept: Mutant = {
  id: "authentication-metrics-may-be-kept",
  what: "who is not let in to the metrics gets an answer that caches may keep",
  mutate: (parts) => ({
    ...parts,
    middleware: ((app, options) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.map(parts.middleware(app, options), (response) =>
          response.status === 401 && pathOf(request) === metricsPath
            ? HttpServerResponse.removeHeader(response, "cache-control")
            : response
        )
      )) satisfies ConsoleParts["middleware"]
  })
}
