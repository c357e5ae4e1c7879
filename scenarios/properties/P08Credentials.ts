/**
 * P8 over the accounts, the middleware and all routes by themselves: the same credentials get the same verdict, status
 * and body on every endpoint, but for the id of the request.
 *
 * Method: one kind of credentials is shown to two routes at once, or two kinds to one, in some runs after the key that
 * signed them was replaced. There is no network and no node; the database is always well.
 */
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"
import type { Accounts } from "../../core/auth/Accounts.ts"
import { routes } from "../../core/http/Routes.ts"
import type { Route } from "../../core/http/Routes.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import { type Call, callOf, type Reply, type Verdict, verdictOf } from "../peers/ApiCaller.ts"
import { holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"

export const kinds = [
  "none",
  "good",
  "api token",
  "expired",
  "expired api token",
  "stolen",
  "signed out",
  "tampered",
  "refresh token",
  "no bearer",
  "empty",
  "two in a cookie",
  "in the address",
  "cookie",
  "forged",
  "bad header, good cookie"
] as const
export type Kind = (typeof kinds)[number]

export const accessTokenTtlMs = 20_000
export const keyRotationMs = 15_000

/**
 * The key is replaced a minute after the start: what was signed shortly before that has to let in when it is shown
 * after it. By then a token that was refreshed before the login counts as stolen when it comes again.
 */
const loginAtMs = 55_000
const shownAfterMs = 10_500

export const guarded = routes.filter(({ access, name }) => access !== "public" && name !== "auth.logout")

/** Those where paths and methods are most different. */
export const special = ["metrics", "activity.list", "activity.export", "batches.list", "users.change"] as const

/** What is sent: headers, and something for the address. */
interface Shown {
  readonly headers: Readonly<Record<string, string>>
  readonly query: string
}

interface Making {
  readonly accounts: Accounts["Service"]
  readonly username: string
  readonly password: Redacted.Redacted
  readonly kinds: ReadonlyArray<Kind>
  /** Whether the key that signed them is replaced before they are shown. Some kinds take that time anyway. */
  readonly areAged: boolean
  /** Goes around the login of the good credentials. */
  readonly around?: <A, E, R>(login: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Makes what is needed for these kinds of credentials. */
export const makeShown = Effect.fnUntraced(function* ({
  accounts,
  areAged,
  around = (login) => login,
  kinds: wanted,
  password,
  username
}: Making) {
  const login = accounts.login(username, password, {})
  const needs = (...some: ReadonlyArray<Kind>) => some.some((kind) => wanted.includes(kind))
  const takesTime = areAged || needs("expired", "expired api token", "stolen")
  const short = { name: "short", role: "admin", limits: {} } as const
  const old = needs("expired", "expired api token") ? yield* login : undefined
  const gone =
    old === undefined || !needs("expired api token")
      ? undefined
      : yield* accounts.createToken(old.principal, { ...short, expiresMs: 10_000 })
  if (takesTime) yield* Effect.sleep(loginAtMs)
  const now = wanted.every((kind) => othersDo.has(kind)) ? undefined : yield* around(login)
  const stolen = needs("stolen") ? yield* login : undefined
  if (stolen !== undefined) {
    // Two tabs at once.
    yield* accounts.refresh(stolen.refreshToken, {})
    yield* accounts.refresh(stolen.refreshToken, {})
  }
  if (takesTime) yield* Effect.sleep(shownAfterMs)
  if (stolen !== undefined) yield* Effect.flip(accounts.refresh(stolen.refreshToken, {}))
  const out = needs("signed out") ? yield* login : undefined
  if (out?.principal.credential._tag === "Session") yield* accounts.logout(out.principal.credential.sessionId)
  const lasting =
    now !== undefined && needs("api token")
      ? yield* accounts.createToken(now.principal, { ...short, expiresMs: undefined })
      : undefined
  const token = now === undefined ? "none" : Redacted.value(now.accessToken)
  const csrf = { "x-csrf-token": now?.csrfToken ?? "none" }
  const bearer = (text: Redacted.Redacted | string = token) => ({
    authorization: `Bearer ${typeof text === "string" ? text : Redacted.value(text)}`
  })
  const [header = "", payload = "", signature = ""] = token.split(".")
  const tampered = `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`
  const cookie = { cookie: `muster_session=${token}` }
  const headers: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
    none: {},
    good: bearer(token),
    "api token": bearer(lasting?.secret),
    expired: bearer(old?.accessToken),
    "expired api token": bearer(gone?.secret),
    stolen: bearer(stolen?.accessToken),
    "signed out": bearer(out?.accessToken),
    tampered: bearer(tampered),
    "refresh token": bearer(now?.refreshToken),
    "no bearer": { authorization: `Basic ${token}` },
    empty: { authorization: "Bearer" },
    "two in a cookie": { cookie: `muster_session=${token}; muster_session=${token}` },
    "in the address": {},
    cookie: { ...cookie, ...csrf },
    forged: cookie,
    "bad header, good cookie": { ...bearer("nonsense"), ...cookie, ...csrf }
  }
  return (kind: Kind): Shown => ({
    headers: headers[kind],
    query: kind === "in the address" ? `?token=${token}&ticket=${token}` : ""
  })
}, Effect.orDie)

/** They need no good credentials beside them. */
const othersDo: ReadonlySet<Kind> = new Set(["none", "empty", "expired", "expired api token", "stolen", "signed out"])

const letIn: ReadonlySet<Kind> = new Set(["good", "api token", "cookie"])

const isSafe = ({ method }: Route): boolean => method === "GET"

const expected = (kind: Kind, route: Route): Verdict => {
  if (kind === "forged") return isSafe(route) && route.name !== "hub.connect" ? "in" : "csrf"
  return letIn.has(kind) ? "in" : "unauthorized"
}

/** What has to be the same everywhere. */
const shapeOf = ({ headers, status, text }: Reply): string =>
  JSON.stringify([
    status,
    text.replace(headers["x-request-id"] ?? "", ""),
    headers["www-authenticate"],
    headers["content-type"],
    headers["cache-control"]
  ])

/** Shows credentials to routes, and compares all the answers of a run. */
export const comparing = (
  ask: (call: Call) => Effect.Effect<Reply>,
  shownOf: (kind: Kind) => Shown
): ((kind: Kind, route: Route) => Effect.Effect<void, Violation, RunContext>) => {
  const refusals = new Map<string, string>()
  return Effect.fnUntraced(function* (kind, route) {
    const { headers, query } = shownOf(kind)
    const asked = callOf(route)
    const reply = yield* ask({ ...asked, path: `${asked.path}${query}`, headers })
    const verdict = verdictOf(reply)
    const what = `${kind} at ${asked.method} ${asked.path}`
    const wanted = expected(kind, route)
    // An API token changes no credentials; it was let in to be told so.
    const isOwnRule = wanted === "in" && verdict === "forbidden" && /^(?:tokens|auth)\./.test(route.name)
    yield* holds(verdict === wanted || isOwnRule, () => `${what}: ${reply.status}, expected ${wanted}`)
    if (verdict !== "unauthorized" && verdict !== "csrf") return
    const before = refusals.get(verdict)
    const shape = shapeOf(reply)
    refusals.set(verdict, shape)
    yield* holds(before === undefined || before === shape, () => `${what}: ${shape}, elsewhere ${before}`)
    yield* sometimes(`refused: ${kind}`)
  })
}

const workload = fc.record({
  kinds: fc.uniqueArray(fc.constantFrom(...kinds), { minLength: 1, maxLength: 2 }),
  areAged: fc.nat(7).map((drawn) => drawn === 7),
  route: fc.nat(1_000),
  special: fc.constantFrom(...special)
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const accounts = yield* AccountsStage.make(parts, { accessTokenTtlMs, keyRotationMs })
  const stage = yield* AppStage.make({
    parts,
    services: { ...AppModels.services(), accounts },
    http: { publicHealth: false }
  })
  const shown = yield* makeShown({
    accounts,
    username: "adam",
    password: AccountsStage.password,
    kinds: plan.kinds,
    areAged: plan.areAged
  })
  const ask = ({ headers = {}, method, path }: Call) =>
    Effect.map(stage.ask({ method, path, headers }), ({ body, ...reply }): Reply => ({ ...reply, text: body }))
  const show = comparing(ask, shown)
  const chosen = [
    ...(plan.kinds.length > 1 ? [] : guarded.slice(plan.route % guarded.length).slice(0, 1)),
    ...guarded.filter(({ name }) => name === plan.special)
  ]
  const pairs = plan.kinds.flatMap((kind) => chosen.map((route) => [kind, route] as const))
  yield* Effect.forEach(pairs, ([kind, route]) => show(kind, route), { concurrency: "unbounded", discard: true })
}, Effect.scoped)
