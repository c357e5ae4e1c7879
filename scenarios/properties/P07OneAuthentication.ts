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
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"
import { hubPath } from "../../core/http/Routes.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as Mutants from "../mutants/AuthenticationMutants.ts"
import { call } from "../peers/ApiCaller.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Rights from "./P07Rights.ts"

const workload = fc.record({
  calls: fc.array(
    fc.record({
      atMs: fc.nat(1_500),
      route: fc.nat(1_000),
      who: fc.constantFrom<Rights.Who>("olga", "olga", "olga", ...Rights.names, ...Rights.strangers),
      how: fc.constantFrom(...Rights.howToAsk)
    }),
    { minLength: 8, maxLength: 20 }
  ),
  change: fc.constantFrom(...Rights.changes),
  changeAtMs: fc.integer({ min: 200, max: 1_200 })
})

const options: World.WorldOptions["options"] = {
  ...World.consoleOptions,
  live: () => {
    const live = World.consoleOptions.live()
    return { ...live, http: { ...live.http, publicHealth: false } }
  },
  accounts: { ...World.consoleOptions.accounts, anonymousRole: undefined }
}

const password = Redacted.make("a password like any other")

/** Everybody who calls, with the token that they show. */
const arrive = Effect.fnUntraced(function* ({ accounts }: World.World) {
  const tokens = new Map<Rights.Who, string>([["wrong", Rights.wrongToken]])
  const login = (username: string) =>
    Effect.map(accounts.login(username, password, {}), ({ accessToken, principal }) => ({
      principal,
      token: Redacted.value(accessToken)
    }))
  for (const username of Rights.names) {
    yield* accounts.createUser({ username, password, role: Rights.people[username], limits: {} })
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
        const watched = Rights.watch({
          accounts: world.accounts,
          ask: (asked) => Effect.orDie(call(world, asked)),
          planned: plan.change,
          tokens
        })
        const visits = plan.calls.map((planned) => Effect.delay(watched.visit(planned), planned.atMs))
        yield* Effect.all([Effect.delay(watched.change, plan.changeAtMs), ...visits], {
          concurrency: "unbounded",
          discard: true
        })
        const upgrade = yield* Effect.exit(world.connect("visitor"))
        yield* holds(upgrade._tag === "Failure", () => `${hubPath} was upgraded for nobody in particular`)
        yield* sometimes(`rights: ${plan.change}`)
      })
    ),
  focus: Rights.program,
  mutants: [
    Mutants.headPasses,
    Mutants.forgottenRoute,
    Mutants.upgradePasses,
    Mutants.rightsOfLogin,
    Mutants.revokedStaysIn
  ]
}
