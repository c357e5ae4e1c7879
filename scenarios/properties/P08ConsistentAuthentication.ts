/**
 * P8, consistent authentication (R3.2-R3.4): the same credentials get the same verdict, status and body on every
 * endpoint, but for the id of the request.
 *
 * Method: credentials of every kind, good ones, wrong ones, expired ones, those in the wrong place and two at a time,
 * are shown to many routes of the running console, taken by reflection, while others log in or guess at passwords. The
 * key that signs tokens is replaced before, and in some runs the commit of a login has no answer. All refusals of one
 * kind of credentials have to be the same to the byte, and none of them may be let in anywhere if it is refused
 * elsewhere.
 */
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"
import { routes } from "../../core/http/Routes.ts"
import type { Route } from "../../core/http/Routes.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as Mutants from "../mutants/AuthenticationMutants.ts"
import { call, callOf, type Reply, type Verdict, verdictOf } from "../peers/ApiCaller.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const kinds = [
  "none",
  "good",
  "api token",
  "expired",
  "expired api token",
  "stolen",
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
type Kind = (typeof kinds)[number]

const workload = fc.record({
  kinds: fc.uniqueArray(fc.constantFrom(...kinds), { minLength: 2, maxLength: 4 }),
  routes: fc.array(fc.nat(1_000), { minLength: 2, maxLength: 5 }),
  // So that each run looks at those where paths and methods are most different.
  /** The answer to the commit of a login is lost: it was done all the same. */
  losesCommit: fc.boolean(),
  guesses: fc.constantFrom(0, 6),
  always: fc.subarray(["metrics", "activity.list", "activity.export", "batches.list", "users.change"], {
    maxLength: 3
  }),
  logins: fc.array(fc.nat(1_000), { maxLength: 2 })
})

const accessTokenTtlMs = 20_000
/**
 * The key is replaced a minute after the start: what was signed shortly before that has to let in when it is shown
 * after it. By then a token that was refreshed before the login counts as stolen when it comes again.
 */
const loginAtMs = 55_000
const shownAfterMs = 10_500

const options: World.WorldOptions["options"] = {
  ...World.consoleOptions,
  // A minute passes, and this is not about the looks of that time.
  memoryLookEveryMs: 30_000,
  database: { ...World.consoleOptions.database, healthIntervalMs: 30_000 },
  live: () => {
    const live = World.consoleOptions.live()
    return { ...live, http: { ...live.http, publicHealth: false } }
  },
  accounts: {
    ...World.consoleOptions.accounts,
    anonymousRole: undefined,
    accessTokenTtlMs,
    keyRotationMs: 15_000
  }
}

const guarded = routes.filter(({ access, name }) => access !== "public" && name !== "auth.logout")

const password = Redacted.make(World.adminPassword)

/** What each kind of credentials is, as headers and something for the address. */
const showings = Effect.fnUntraced(function* ({ accounts, sql }: World.World, losesCommit: boolean) {
  const login = accounts.login("admin", password, {})
  const old = yield* login
  const short = { name: "short", role: "admin", limits: {}, expiresMs: 10_000 } as const
  const gone = yield* accounts.createToken(old.principal, short)
  yield* Effect.sleep(loginAtMs)
  let isLost = !losesCommit
  const unanswered = sql.rule(({ operation, phase }) => {
    if (isLost || operation !== "commit" || phase !== "reply") return { _tag: "pass" }
    isLost = true
    return { _tag: "reset" }
  })
  const now = yield* Effect.scoped(Effect.andThen(unanswered, login))
  const stolen = yield* login
  // Two tabs at once.
  yield* accounts.refresh(stolen.refreshToken, {})
  yield* accounts.refresh(stolen.refreshToken, {})
  yield* Effect.sleep(shownAfterMs)
  yield* Effect.flip(accounts.refresh(stolen.refreshToken, {}))
  const lasting = yield* accounts.createToken(now.principal, { ...short, expiresMs: undefined })
  const token = Redacted.value(now.accessToken)
  const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
  const [header = "", payload = "", signature = ""] = token.split(".")
  const tampered = `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`
  const cookie = { cookie: `muster_session=${token}` }
  const shown: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
    none: {},
    good: bearer(token),
    "api token": bearer(Redacted.value(lasting.secret)),
    expired: bearer(Redacted.value(old.accessToken)),
    "expired api token": bearer(Redacted.value(gone.secret)),
    stolen: bearer(Redacted.value(stolen.accessToken)),
    tampered: bearer(tampered),
    "refresh token": bearer(Redacted.value(now.refreshToken)),
    "no bearer": { authorization: `Basic ${token}` },
    empty: { authorization: "Bearer" },
    "two in a cookie": { cookie: `muster_session=${token}; muster_session=${token}` },
    "in the address": {},
    cookie: { ...cookie, "x-csrf-token": now.csrfToken },
    forged: cookie,
    "bad header, good cookie": { ...bearer("nonsense"), ...cookie, "x-csrf-token": now.csrfToken }
  }
  return { shown, query: (kind: Kind) => (kind === "in the address" ? `?token=${token}&ticket=${token}` : "") }
}, Effect.orDie)

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

export const P8: Property = {
  id: "P8",
  title: "consistent authentication",
  requirements: ["R3.2", "R3.3", "R3.4"],
  marks: [
    "a commit had no answer",
    "the accounts were read again after a commit without an answer",
    "a token of a key that was replaced was shown",
    "a refresh token was used twice at once",
    "a refresh token was stolen",
    "refused: stolen",
    "refused: expired",
    "refused: tampered",
    "refused: forged",
    "refused: two in a cookie",
    "logins were limited",
    "one commit took several attempts",
    "refusals were counted instead of told"
  ],
  program: (parts) =>
    Effect.scoped(
      Effect.gen(function* () {
        const world = yield* World.make({ nodes: {}, options, parts })
        const plan = yield* draw(workload)
        const { query, shown } = yield* showings(world, plan.losesCommit)
        const chosen = [
          ...plan.routes.flatMap((drawn) => guarded[drawn % guarded.length] ?? []),
          ...guarded.filter(({ name }) => plan.always.includes(name))
        ]
        const refusals = new Map<string, string>()
        const show = Effect.fnUntraced(function* (kind: Kind, route: Route) {
          const asked = callOf(route)
          const reply = yield* Effect.orDie(
            call(world, { ...asked, path: `${asked.path}${query(kind)}`, headers: shown[kind] })
          )
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
        const others = Effect.forEach(
          plan.logins,
          (atMs) => Effect.andThen(Effect.sleep(atMs), Effect.ignore(world.accounts.login("admin", password, {}))),
          { concurrency: "unbounded", discard: true }
        )
        const guess = Effect.result(world.accounts.login("nobody", Redacted.make("a guess"), {}))
        const guessing = Effect.gen(function* () {
          const answers = yield* Effect.replicateEffect(guess, plan.guesses)
          const last = answers.at(-1)
          const isLimited = last?._tag === "Failure" && last.failure._tag === "TooManyAttempts"
          yield* holds(last === undefined || isLimited, () => `${plan.guesses} guesses at one password went through`)
        })
        const pairs = plan.kinds.flatMap((kind) => chosen.map((route) => [kind, route] as const))
        yield* Effect.all(
          [others, guessing, Effect.forEach(pairs, ([kind, route]) => show(kind, route), { concurrency: 4 })],
          {
            concurrency: "unbounded"
          }
        )
      })
    ),
  mutants: [
    Mutants.tellsExpired,
    Mutants.tokenInQuery,
    Mutants.cookieWithoutCsrf,
    Mutants.anySchemeOnBatches,
    Mutants.refusedMetricsMayBeKept
  ]
}
