/**
 * P8, consistent authentication (R3.2-R3.4): the same credentials get the same verdict, status and body on every
 * endpoint, but for the id of the request.
 *
 * Method: credentials of every kind, good ones, wrong ones, expired ones, those in the wrong place and two at a time,
 * are shown to many routes of the running console, taken by reflection, while others log in or guess at passwords. The
 * key that signs tokens is replaced before, and in some runs the commit of a login has no answer. All refusals of one
 * kind of credentials have to be the same to the byte, and none of them may be let in anywhere if it is refused
 * elsewhere. See `P08Credentials` for accounts, middleware and routes by themselves.
 */
import { Effect, Redacted, Scope } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import * as Mutants from "../mutants/AuthenticationMutants.ts"
import { call } from "../peers/ApiCaller.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Credentials from "./P08Credentials.ts"

const { accessTokenTtlMs, comparing, guarded, keyRotationMs, kinds, makeShown, special } = Credentials

const workload = fc.record({
  kinds: fc.uniqueArray(fc.constantFrom(...kinds), { minLength: 2, maxLength: 3 }),
  routes: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 2 }),
  // So that each run looks at those where paths and methods are most different.
  /** The answer to the commit of a login is lost: it was done all the same. */
  losesCommit: fc.boolean(),
  guesses: fc.constantFrom(0, 0, 6),
  always: fc.subarray([...special], { maxLength: 1 }),
  logins: fc.array(fc.nat(1_000), { maxLength: 2 })
})

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
    keyRotationMs
  }
}

const password = Redacted.make(World.adminPassword)

/** The answer to the commit of this login is lost, if it shall be; it was done all the same. */
const loses = ({ sql }: World.World, losesCommit: boolean) => {
  let isLost = !losesCommit
  const unanswered = sql.rule(({ operation, phase }) => {
    if (isLost || operation !== "commit" || phase !== "reply") return { _tag: "pass" }
    isLost = true
    return { _tag: "reset" }
  })
  return <A, E, R>(login: Effect.Effect<A, E, R>) =>
    Effect.scopedWith((scope) => Effect.andThen(Scope.provide(unanswered, scope), login))
}

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
        const shown = yield* makeShown({
          accounts: world.accounts,
          username: "admin",
          password,
          kinds: plan.kinds,
          areAged: true,
          around: loses(world, plan.losesCommit)
        })
        const chosen = [
          ...plan.routes.flatMap((drawn) => guarded[drawn % guarded.length] ?? []),
          ...guarded.filter(({ name }) => plan.always.some((always) => always === name))
        ]
        const show = comparing((asked) => Effect.orDie(call(world, asked)), shown)
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
  focus: Credentials.program,
  mutants: [
    Mutants.tellsExpired,
    Mutants.tokenInQuery,
    Mutants.cookieWithoutCsrf,
    Mutants.anySchemeOnBatches,
    Mutants.refusedMetricsMayBeKept
  ]
}
