/**
 * P7, further, over the middleware, all routes and the accounts by themselves: what each answer says of whoever asks is
 * what the accounts say at that moment.
 *
 * Method: a few calls of any route, most of them by one whose rights change meanwhile, by an API token or a session.
 * Who began to ask after the change was done is answered by it. There is no network: moments are told apart by the
 * order of what happens, and not by a clock.
 */
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"
import type { Accounts } from "../../core/auth/Accounts.ts"
import { isAtLeast, Role } from "../../core/domain/Access.ts"
import { hubPath, routes } from "../../core/http/Routes.ts"
import type { Route } from "../../core/http/Routes.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import { callOf, verdictOf } from "../peers/ApiCaller.ts"
import type { Call, Reply, Verdict } from "../peers/ApiCaller.ts"
import { holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"

/** `olga` is the one whose rights change. */
export const { names, people } = AccountsStage
export const strangers = ["nobody", "wrong", "signed out", "removed token"] as const
export type Who = AccountsStage.Person | (typeof strangers)[number]

export const changes = ["viewer", "admin", "disabled", "removed", "signed out", "new password"] as const
export type Change = (typeof changes)[number]

/** A token that nobody made. */
export const wrongToken = "eyJhbGciOiJub25lIn0.e30.x"

export const howToAsk = ["plain", "plain", "plain", "HEAD", "almost"] as const

export interface PlannedCall {
  /** Place among the routes. */
  readonly route: number
  readonly who: Who
  readonly how: (typeof howToAsk)[number]
}

/** What ends a session, or a user, would take the rights of others away: those are asked for by nobody. */
const guarded = routes.filter(({ access, name }) => access !== "public" && name !== "auth.logout")

export const makeChange = (accounts: Accounts["Service"], change: Change) => {
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

const isPerson = (who: Who): who is AccountsStage.Person => names.some((name) => name === who)

/** The verdict on somebody with this role; undefined for one whom nobody lets in. */
const expected = (role: Role | undefined, { access }: Pick<Route, "access">): Verdict => {
  if (role === undefined) return "unauthorized"
  return access === "public" || isAtLeast(role, access) ? "in" : "forbidden"
}

/** A call of the route; `almost` leads nowhere, and so asks for credentials too. */
const callFor = (route: Route, how: PlannedCall["how"]): Call => {
  const plain = callOf(route)
  if (how === "HEAD" && plain.method === "GET") return { ...plain, method: "HEAD" }
  return how === "almost" ? { ...plain, path: `${plain.path}/` } : plain
}

/** Routes that answer `forbidden` for reasons of their own. */
const isOwnRule = ({ name }: Route): boolean => /^(?:tokens|users|auth)\./.test(name)

export interface Watch {
  /** Makes the change, and remembers when. */
  readonly change: Effect.Effect<void>
  /** Asks as planned, and looks at the answer. */
  readonly visit: (planned: PlannedCall) => Effect.Effect<void, Violation, RunContext>
}

export interface Watched {
  readonly accounts: Accounts["Service"]
  readonly ask: (call: Call) => Effect.Effect<Reply>
  readonly planned: Change
  readonly tokens: ReadonlyMap<Who, string>
}

/** Knows what each answer may be, by what was so while it was made. */
export const watch = ({ accounts, ask, planned, tokens }: Watched): Watch => {
  let moments = 0
  const changed = { from: Infinity, to: Infinity }
  /** The roles that somebody may have had meanwhile. */
  const rolesOf = (who: Who, from: number, to: number): ReadonlyArray<Role | undefined> => {
    if (who !== "olga") return [isPerson(who) ? people[who] : undefined]
    const after = isRole(planned) ? planned : undefined
    if (to < changed.from) return [people.olga]
    return from > changed.to ? [after] : [people.olga, after]
  }
  const visit = Effect.fnUntraced(function* ({ how, route: drawn, who }: PlannedCall) {
    const route = guarded[drawn % guarded.length]
    if (route === undefined) return
    const token = tokens.get(who)
    const asked = callFor(route, how)
    const from = ++moments
    const reply = yield* ask({ ...asked, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
    const roles = rolesOf(who, from, ++moments)
    const access = how === "almost" ? "viewer" : route.access
    const verdicts = roles.map((role) => expected(role, { access }))
    const found = verdictOf(reply)
    // Some endpoints refuse by rules of their own, to those who were let in.
    const fits = verdicts.includes(found) || (found === "forbidden" && verdicts.includes("in") && isOwnRule(route))
    yield* holds(
      fits,
      () => `${asked.method} ${asked.path} by ${who}: ${reply.status}, expected ${verdicts.join(" or ")}`
    )
    if (who === "olga" && roles.length === 2) yield* sometimes("a call while rights change")
    if (how === "HEAD" && found !== "in") yield* sometimes("a HEAD that was refused")
  })
  return {
    visit,
    change: Effect.gen(function* () {
      changed.from = ++moments
      yield* Effect.orDie(makeChange(accounts, planned))
      changed.to = ++moments
    })
  }
}

const place = fc.oneof(
  { weight: 4, arbitrary: fc.nat(1_000) },
  { weight: 1, arbitrary: fc.constant(guarded.findIndex(({ path }) => path === hubPath)) }
)

const workload = fc.record({
  calls: fc.array(
    fc.record({
      atMs: fc.nat(3),
      route: place,
      who: fc.constantFrom<Who>("olga", "olga", "olga", "olga", "olga", ...names, "nobody", "wrong"),
      how: fc.constantFrom(...howToAsk)
    }),
    { minLength: 2, maxLength: 3 }
  ),
  change: fc.constantFrom(...changes, ...changes.slice(0, 4), ...changes.slice(0, 4)),
  changeAtMs: fc.integer({ min: 1, max: 2 })
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { calls, change, changeAtMs } = yield* draw(workload)
  const accounts = yield* AccountsStage.make(parts)
  const stage = yield* AppStage.make({
    parts,
    services: { ...AppModels.services(), accounts },
    http: { publicHealth: false }
  })
  const tokens = new Map<Who, string>(names.map((name) => [name, AccountsStage.apiTokenOf(name)]))
  tokens.set("wrong", wrongToken)
  if (change === "signed out" || change === "new password") {
    const { accessToken } = yield* Effect.orDie(accounts.login("olga", AccountsStage.password, {}))
    tokens.set("olga", Redacted.value(accessToken))
  }
  const ask = ({ headers = {}, method, path }: Call) =>
    Effect.map(stage.ask({ method, path, headers }), ({ body, ...reply }): Reply => ({ ...reply, text: body }))
  const watched = watch({ accounts, ask, planned: change, tokens })
  const visits = calls.map((call) => Effect.delay(watched.visit(call), call.atMs))
  yield* Effect.all([Effect.delay(watched.change, changeAtMs), ...visits], { concurrency: "unbounded", discard: true })
  yield* sometimes(`rights: ${change}`)
}, Effect.scoped)
