/**
 * P26, activity log (S10): every request of a method that changes something has exactly one entry, with who made it and
 * what came of it; looks have one when they are refused, and none else; and what was answered while the database was
 * well is in the log after a crash of the console.
 *
 * Method: people of each role, somebody with a wrong token and somebody with none ask for operations, for what does not
 * exist and for what makes no sense; some go away before the answer. In a third of the runs the console crashes at some
 * moment and starts again; in a third the database is away for a while. Every request has an id of its own, by which its
 * entries are looked up from outside.
 */
import { Effect, Exit, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import type { Role } from "../../core/domain/Access.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ActivityMutants from "../mutants/ActivityMutants.ts"
import * as ActivityEntries from "../oracles/ActivityEntries.ts"
import type { Answered } from "../oracles/ActivityEntries.ts"
import type { ProgramSpec } from "../peers/SupervisordState.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const people = { vera: "viewer", olga: "operator", adam: "admin" } as const satisfies Readonly<Record<string, Role>>

const whats = {
  start: ["POST", "/api/nodes/n0/processes/app/api/start"],
  stop: ["POST", "/api/nodes/n0/processes/app/api/stop"],
  broken: ["POST", "/api/nodes/n0/processes/app/broken/restart"],
  "unknown process": ["POST", "/api/nodes/n0/processes/app/nothing/start"],
  "unknown node": ["POST", "/api/nodes/n9/processes/app/api/start"],
  "unknown route": ["DELETE", "/api/nothing"],
  "wrong method": ["PUT", "/api/nodes"],
  "no sense": ["POST", "/api/nodes/n0/processes/app/api/signal"],
  nodes: ["GET", "/api/nodes"],
  users: ["GET", "/api/users"]
} as const

const workload = fc.record({
  requests: fc.array(
    fc.record({
      atMs: fc.nat(4_000),
      who: fc.constantFrom("vera", "olga", "olga", "adam", "wrong", "nobody"),
      what: fc.constantFrom(...ActivityEntries.keysOf(whats)),
      goesAfterMs: fc.option(fc.nat(300), { freq: 4 })
    }),
    { minLength: 4, maxLength: 12 }
  ),
  trouble: fc.record({
    what: fc.constantFrom("none", "crash", "database"),
    atMs: fc.nat(4_000),
    lastsMs: fc.integer({ min: 10, max: 8_000 })
  })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const options: World.WorldOptions["options"] = {
  ...World.consoleOptions,
  accounts: { ...World.consoleOptions.accounts, anonymousRole: undefined }
}

/** Lets everybody log in; gives their tokens by name. */
const logins = Effect.fnUntraced(function* ({ accounts }: World.World) {
  const tokens = new Map<string, string>([["wrong", "mst_of-nobody"]])
  for (const [username, role] of Object.entries(people)) {
    const password = Redacted.make(`the password of ${username}`)
    yield* accounts.createUser({ username, password, role, limits: {} })
    const { accessToken } = yield* accounts.login(username, password, {})
    tokens.set(username, Redacted.value(accessToken))
  }
  return tokens
}, Effect.orDie)

/** Makes a request; gives its answer, if there was one. */
const ask = Effect.fnUntraced(function* (
  { http }: World.World,
  tokens: ReadonlyMap<string, string>,
  { atMs, goesAfterMs, what, who }: Plan["requests"][number],
  id: string
) {
  yield* Effect.sleep(atMs)
  const [method, path] = whats[what]
  const token = tokens.get(who)
  const request = HttpClientRequest.make(method)(`http://console${path}`).pipe(
    HttpClientRequest.setHeaders({
      "x-request-id": id,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
    })
  )
  const answering = Effect.flatMap(http.execute(request), ({ status, text }) =>
    Effect.map(text, (body) => ({ status, body }))
  ).pipe(Effect.scoped, Effect.timeout(goesAfterMs ?? 60_000))
  const exit = yield* Effect.exit(answering)
  const asked: Answered = {
    id,
    isUnsafe: method !== "GET",
    actor: who in people ? who : "?",
    answer: Exit.isSuccess(exit) ? exit.value : undefined
  }
  return asked
})

const disturb = Effect.fnUntraced(function* (world: World.World, { atMs, lastsMs, what }: Plan["trouble"]) {
  yield* Effect.sleep(atMs)
  if (what === "database") yield* world.sql.restart({ downMs: lastsMs })
  if (what !== "crash") return
  yield* world.crash
  yield* Effect.sleep(lastsMs)
  yield* world.start
})

export const P26: Property = {
  id: "P26",
  title: "activity log",
  requirements: ["R9.5", "R10.2"],
  program: (parts) =>
    Effect.scoped(
      Effect.gen(function* () {
        const broken: ProgramSpec = { ...World.steady("app", "broken"), broken: "no file", startRetries: 1 }
        const nodes = { n0: [World.steady("app", "api"), broken] }
        const world = yield* World.make({ nodes, options, parts })
        const tokens = yield* logins(world)
        yield* eventually({
          what: "the node is known",
          withinMs: 30_000,
          look: world.fleet.nodes,
          until: (all) => all.every(({ status }) => status === "up")
        })
        const plan = yield* draw(workload)
        const [asked] = yield* Effect.all(
          [
            Effect.forEach(plan.requests, (each, i) => ask(world, tokens, each, `r${i}`), { concurrency: "unbounded" }),
            disturb(world, plan.trouble)
          ],
          { concurrency: "unbounded" }
        )
        // What is under way ends, and a database that was away is written to again.
        yield* Effect.sleep(plan.trouble.what === "database" ? 12_000 : 2_000)
        const entries = yield* Effect.orDie(ActivityEntries.read(world.sql))
        for (const each of asked) {
          const wrong = ActivityEntries.wrongWith(each, entries)
          yield* holds(wrong === undefined, () => wrong ?? "")
          if (each.answer === undefined) yield* sometimes("no answer")
          else yield* sometimes(`an answer with ${each.answer.status}`)
        }
        yield* sometimes(`trouble: ${plan.trouble.what}`)
      })
    ),
  mutants: [
    ActivityMutants.answersFirst,
    ActivityMutants.forgetsRefusals,
    ActivityMutants.recordsTwice,
    ActivityMutants.everybodyIsDone,
    ActivityMutants.behindAuthentication
  ]
}
