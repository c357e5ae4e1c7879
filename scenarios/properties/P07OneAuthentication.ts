/**
 * P7, one authentication (R3.1, R3.5): every route that is not declared public passes through the one middleware, the
 * upgrade to a WebSocket included, and what it decides is what the accounts say at that moment.
 *
 * Method: routes are taken by reflection from the running console, so that a new one is checked without being named
 * here. People of each role, and some whom nobody lets in, call them by GET, HEAD or whatever the route takes, and by
 * paths that almost lead there, while the rights of one of them change: another role, disabled, removed, signed out. An
 * answer that began after the change was answered must know of it. That the code holds one such middleware is checked
 * on its source, by a test.
 */
import { Clock, Effect, Redacted } from "effect"
import * as fc from "fast-check"
import { isAtLeast, Role } from "../../core/domain/Access.ts"
import { hubPath, routes } from "../../core/http/Routes.ts"
import type { Route } from "../../core/http/Routes.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as Mutants from "../mutants/AuthenticationMutants.ts"
import { type Call, call, callOf, type Verdict, verdictOf } from "../peers/ApiCaller.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

/** `olga` is the one whose rights change. */
const people = { vera: "viewer", otto: "operator", adam: "admin", olga: "operator" } as const satisfies Readonly<
  Record<string, Role>
>
const names = ["vera", "otto", "adam", "olga"] as const
const strangers = ["nobody", "wrong", "signed out", "removed token"] as const
type Who = (typeof names)[number] | (typeof strangers)[number]

const changes = ["viewer", "admin", "disabled", "removed", "signed out", "new password"] as const

const workload = fc.record({
  calls: fc.array(
    fc.record({
      atMs: fc.nat(1_500),
      route: fc.nat(1_000),
      who: fc.constantFrom<Who>("olga", "olga", "olga", ...names, ...strangers),
      how: fc.constantFrom("plain", "plain", "plain", "HEAD", "almost")
    }),
    { minLength: 8, maxLength: 20 }
  ),
  change: fc.constantFrom(...changes),
  changeAtMs: fc.integer({ min: 200, max: 1_200 })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const options: World.WorldOptions["options"] = {
  ...World.consoleOptions,
  live: () => {
    const live = World.consoleOptions.live()
    return { ...live, http: { ...live.http, publicHealth: false } }
  },
  accounts: { ...World.consoleOptions.accounts, anonymousRole: undefined }
}

/** What ends a session, or a user, would take the rights of others away: those are asked for by nobody. */
const guarded = routes.filter(({ access, name }) => access !== "public" && name !== "auth.logout")

const password = Redacted.make("a password like any other")

/** Everybody who calls, with the token that they show. */
const arrive = Effect.fnUntraced(function* ({ accounts }: World.World) {
  const tokens = new Map<Who, string>([["wrong", "eyJhbGciOiJub25lIn0.e30.x"]])
  const login = (username: string) =>
    Effect.map(accounts.login(username, password, {}), ({ accessToken, principal }) => ({
      principal,
      token: Redacted.value(accessToken)
    }))
  for (const username of names) {
    yield* accounts.createUser({ username, password, role: people[username], limits: {} })
    tokens.set(username, (yield* login(username)).token)
  }
  const { principal, token } = yield* login("adam")
  const made = { name: "t", role: "admin", limits: {}, expiresMs: undefined } as const
  const { secret, token: view } = yield* accounts.createToken(principal, made)
  yield* accounts.removeToken(view.id)
  tokens.set("removed token", Redacted.value(secret))
  if (principal.credential._tag === "Session") yield* accounts.logout(principal.credential.sessionId)
  tokens.set("signed out", token)
  return tokens
}, Effect.orDie)

const makeChange = ({ accounts }: World.World, change: Plan["change"]) => {
  switch (change) {
    case "viewer":
    case "admin":
      return Effect.asVoid(accounts.changeUser("olga", { role: change }))
    case "disabled":
      return Effect.asVoid(accounts.changeUser("olga", { disabled: true }))
    case "removed":
      return accounts.removeUser("olga")
    case "signed out":
      return accounts.endSessions("olga")
    case "new password":
      return Effect.asVoid(accounts.changeUser("olga", { password: Redacted.make("quite another password") }))
  }
}

const isRole = (text: string): text is Role => Role.literals.some((role) => role === text)

const isPerson = (who: Who): who is (typeof names)[number] => names.some((name) => name === who)

/** The verdict on somebody with this role; undefined for one whom nobody lets in. */
const expected = (role: Role | undefined, { access }: Pick<Route, "access">): Verdict => {
  if (role === undefined) return "unauthorized"
  return access === "public" || isAtLeast(role, access) ? "in" : "forbidden"
}

/** A call of the route; `almost` leads nowhere, and so asks for credentials too. */
const callFor = (route: Route, how: Plan["calls"][number]["how"]): Call => {
  const plain = callOf(route)
  if (how === "HEAD" && plain.method === "GET") return { ...plain, method: "HEAD" }
  return how === "almost" ? { ...plain, path: `${plain.path}/` } : plain
}

export const P7: Property = {
  id: "P7",
  title: "one authentication",
  requirements: ["R3.1", "R3.5"],
  marks: [
    "a call while rights change",
    "a HEAD that was refused",
    "rights: removed",
    "rights: signed out",
    "rights: disabled",
    "rights: viewer",
    "refusals were counted instead of told"
  ],
  program: (parts) =>
    Effect.scoped(
      Effect.gen(function* () {
        const world = yield* World.make({ nodes: {}, options, parts })
        const tokens = yield* arrive(world)
        const plan = yield* draw(workload)
        const changed = { fromMs: Infinity, toMs: Infinity }
        const change = Effect.gen(function* () {
          yield* Effect.sleep(plan.changeAtMs)
          changed.fromMs = yield* Clock.currentTimeMillis
          yield* Effect.orDie(makeChange(world, plan.change))
          changed.toMs = yield* Clock.currentTimeMillis
        })
        /** The roles that somebody may have had while a call was answered. */
        const rolesOf = (who: Who, fromMs: number, toMs: number): ReadonlyArray<Role | undefined> => {
          if (who !== "olga") return [isPerson(who) ? people[who] : undefined]
          const after = isRole(plan.change) ? plan.change : undefined
          if (toMs < changed.fromMs) return [people.olga]
          return fromMs > changed.toMs ? [after] : [people.olga, after]
        }
        const visit = Effect.fnUntraced(function* ({ atMs, how, route: drawn, who }: Plan["calls"][number]) {
          const route = guarded[drawn % guarded.length]
          if (route === undefined) return
          yield* Effect.sleep(atMs)
          const token = tokens.get(who)
          const asked = callFor(route, how)
          const fromMs = yield* Clock.currentTimeMillis
          const reply = yield* Effect.orDie(
            call(world, { ...asked, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
          )
          const roles = rolesOf(who, fromMs, yield* Clock.currentTimeMillis)
          const access = how === "almost" ? "viewer" : route.access
          const verdicts = roles.map((role) => expected(role, { access }))
          const found = verdictOf(reply)
          // Some endpoints refuse by rules of their own, to those who were let in.
          const fits =
            verdicts.includes(found) || (found === "forbidden" && verdicts.includes("in") && isOwnRule(route))
          yield* holds(
            fits,
            () => `${asked.method} ${asked.path} by ${who}: ${reply.status}, expected ${verdicts.join(" or ")}`
          )
          if (who === "olga" && roles.length === 2) yield* sometimes("a call while rights change")
          if (how === "HEAD" && found !== "in") yield* sometimes("a HEAD that was refused")
        })
        yield* Effect.all([change, Effect.forEach(plan.calls, visit, { concurrency: "unbounded" })], {
          concurrency: "unbounded"
        })
        const upgrade = yield* Effect.exit(world.connect("visitor"))
        yield* holds(upgrade._tag === "Failure", () => `${hubPath} was upgraded for nobody in particular`)
        yield* sometimes(`rights: ${plan.change}`)
      })
    ),
  mutants: [
    Mutants.headPasses,
    Mutants.forgottenRoute,
    Mutants.upgradePasses,
    Mutants.rightsOfLogin,
    Mutants.revokedStaysIn
  ]
}

/** Routes that answer `forbidden` for reasons of their own. */
const isOwnRule = ({ name }: Route): boolean => /^(?:tokens|users|auth)\./.test(name)
