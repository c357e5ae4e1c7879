/**
 * The authentication of the console (R3.1): the one middleware that every request passes, the upgrade to a WebSocket
 * included, and the only place that lets anybody in. What leads nowhere asks for credentials too, so that nobody can
 * find out what there is; and a request that no route takes goes no further, so that a path that the router would read
 * in another way than `Routes` does is never served without its check.
 *
 * Public routes do not look at credentials at all.
 */
import { Effect } from "effect"
import { HttpServerError, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { Accounts, NotAuthenticated } from "../auth/Accounts.ts"
import type { AccountsUnknown } from "../auth/Accounts.ts"
import { CurrentPrincipal, isAtLeast } from "../domain/Access.ts"
import type { Principal } from "../domain/Access.ts"
import { csrfHeader, presented } from "./Credentials.ts"
import type { Presented } from "./Credentials.ts"
import { originVerdict } from "./Origins.ts"
import { accountsUnknown, csrfRefused, forbidden, unauthorized } from "./Refusal.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import type { RequestFacts } from "./RequestFacts.ts"
import { hubPath, metricsPath } from "./Routes.ts"
import type { Route } from "./Routes.ts"

export interface AuthenticationOptions {
  /** Some of `header`, `cookie` and `ticket`: the first that holds anything counts. */
  readonly sources: ReadonlyArray<string>
  /** /health and /health/ready answer those who show nothing, by the states alone. */
  readonly publicHealth: boolean
  /** /metrics answers those who show nothing. */
  readonly publicMetrics: boolean
  /** Origins whose pages may open the WebSocket with a cookie, beside the console's own. */
  readonly corsOrigins: ReadonlyArray<string>
}

type Response = HttpServerResponse.HttpServerResponse

/** The routes, for those who are let in to them. */
export const authenticated = <E, R>(app: Effect.Effect<Response, E, R>, options: AuthenticationOptions) =>
  Effect.gen(function* () {
    const facts = yield* CurrentRequest
    if (facts.route?.access === "public") return yield* app
    const request = yield* HttpServerRequest.HttpServerRequest
    const shown = presented(request, options.sources)
    const identified = yield* Effect.result(identify(shown))
    if (identified._tag === "Failure") {
      if (isOpen(facts.route, options) && shown._tag === "Missing") return yield* app
      const { failure } = identified
      return yield* failure._tag === "AccountsUnknown" ? accountsUnknown : unauthorized(failure.reason)
    }
    const principal = identified.success
    facts.principal = principal
    const accounts = yield* Accounts
    if (isForged(request, shown, csrfTokenOf(accounts, principal), options)) return yield* csrfRefused
    return yield* admit(app, principal, facts, request)
  })

/** Who it is by what was shown; by nothing, whoever the configuration lets in without. */
const identify = (shown: Presented): Effect.Effect<Principal, NotAuthenticated | AccountsUnknown, Accounts> =>
  Effect.flatMap(Accounts, (accounts) => {
    switch (shown._tag) {
      case "Token":
        return accounts.authenticate(shown.token)
      case "Ticket":
        return accounts.redeemTicket(shown.ticket)
      case "Malformed":
        return Effect.fail(new NotAuthenticated({ reason: "malformed" }))
      case "Missing":
        return accounts.anonymous === undefined
          ? Effect.fail(new NotAuthenticated({ reason: "missing" }))
          : Effect.succeed(accounts.anonymous)
    }
  })

/** Serves the request in the name of somebody whose role is enough. */
const admit = <E, R>(
  app: Effect.Effect<Response, E, R>,
  principal: Principal,
  { route }: RequestFacts,
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Response, E | HttpServerError.HttpServerError, R> => {
  if (route === undefined) {
    const reason = new HttpServerError.RouteNotFound({ request })
    return Effect.fail(new HttpServerError.HttpServerError({ reason }))
  }
  if (route.access !== "public" && !isAtLeast(principal.role, route.access)) {
    return forbidden(`this needs the role ${route.access}`, `${principal.role} is no ${route.access}`)
  }
  return Effect.provideService(app, CurrentPrincipal, principal)
}

const openHealth: ReadonlySet<string> = new Set(["health.ready", "health.detail"])

/** Whether the configuration opens the route to those who show nothing. */
const isOpen = (route: Route | undefined, { publicHealth, publicMetrics }: AuthenticationOptions): boolean =>
  route !== undefined && ((publicHealth && openHealth.has(route.name)) || (publicMetrics && route.path === metricsPath))

const csrfTokenOf = (accounts: Accounts["Service"], { credential }: Principal): string | undefined =>
  credential._tag === "Session" ? accounts.csrfTokenUnsafe(credential.sessionId) : undefined

const isSafe = (method: string): boolean => method === "GET" || method === "HEAD" || method === "OPTIONS"

/**
 * Browsers send cookies along with what other pages make them ask. What changes something has to show the token that
 * only the pages of the console know; an upgrade cannot, as browsers let pages set no header of it, but names its page.
 */
const isForged = (
  request: HttpServerRequest.HttpServerRequest,
  shown: Presented,
  csrfToken: string | undefined,
  { corsOrigins }: AuthenticationOptions
): boolean => {
  if (shown._tag !== "Token" || shown.source !== "cookie") return false
  const isUpgrade = request.headers["upgrade"] !== undefined || request.url.split("?", 1)[0] === hubPath
  if (isSafe(request.method) && !isUpgrade) return false
  const sent = request.headers[csrfHeader]
  if (sent !== undefined) return csrfToken === undefined || !isSame(sent, csrfToken)
  const page = isUpgrade ? originVerdict(request, corsOrigins) : "None"
  return page !== "Own" && page !== "Allowed"
}

/** Whether two texts are the same, in time that depends on their lengths alone. */
const isSame = (one: string, other: string): boolean => {
  let difference = one.length ^ other.length
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i % other.length)
  return difference === 0
}
