/**
 * P26, activity log (S10): every request of a method that changes something has exactly one entry, with who made it and
 * what came of it; looks have one when they are refused, and none else; and whoever is answered while the database is
 * well finds the entry on disk at that moment, and after a crash of the console.
 *
 * Method: people of each role, somebody with a wrong token and somebody with none ask for operations, for what does not
 * exist and for what makes no sense; some go away before the answer. In a quarter of the runs the console crashes as
 * some answer arrives and starts again; in others the database is slow, or away for a while, with room for everything
 * that waits or for next to nothing: then as many entries are missing as the log says it has lost. Every request has
 * an id of its own, by which its entries are looked up from outside, as soon as it is answered and once more at the
 * end. See `P26Log` for the log by itself.
 */
import { Deferred, Effect, Exit } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import { HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import type { ConsoleOptions } from "../../core/Console.ts"
import type { Role } from "../../core/domain/Access.ts"
import { draw } from "../../sim/Draw.ts"
import { sha256 } from "../../sim/Hashing.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ActivityMutants from "../mutants/ActivityMutants.ts"
import * as ActivityEntries from "../oracles/ActivityEntries.ts"
import type { Answered } from "../oracles/ActivityEntries.ts"
import type { ProgramSpec } from "../peers/SupervisordState.ts"
import { preparedDatabase } from "../PreparedDatabase.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Log from "./P26Log.ts"

const people = { vera: "viewer", olga: "operator", adam: "admin" } as const satisfies Readonly<Record<string, Role>>

const whats = {
  start: ["POST", "/api/nodes/n0/processes/app/api/start"],
  stop: ["POST", "/api/nodes/n0/processes/app/api/stop"],
  broken: ["POST", "/api/nodes/n0/processes/app/broken/restart"],
  failing: ["POST", "/api/nodes/n0/processes/app/failing/start"],
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
      atMs: fc.nat(1_000),
      who: fc.constantFrom("vera", "olga", "olga", "adam", "wrong", "nobody"),
      what: fc.constantFrom(...ActivityEntries.keysOf(whats), "failing"),
      goesAfterMs: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(300) })
    }),
    { minLength: 2, maxLength: 4 }
  ),
  trouble: fc.record({
    what: fc.constantFrom("none", "slow", "crash", "database"),
    /** A crash comes with this answer, counted from 0. */
    answer: fc.nat(3),
    atMs: fc.nat(1_000),
    lastsMs: fc.integer({ min: 10, max: 8_000 }),
    waitingMax: fc.constantFrom(10_000, 1, 1)
  })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const { accounts, activity, fleet } = World.consoleOptions
const optionsFor = ({ waitingMax, what }: Plan["trouble"]): ConsoleOptions => ({
  ...World.consoleOptions,
  accounts: { ...accounts, anonymousRole: undefined },
  activity: { ...activity, waitingMax: what === "database" ? waitingMax : activity.waitingMax },
  // What nodes do by themselves is of no concern here.
  fleet: { ...fleet, poll: { ...fleet.poll, intervalMs: 30_000 } }
})

const tokenName = "script"

/** The API token of somebody. */
const tokenOf = (who: string): string => `mst_${who.padEnd(43, "0")}`

const prepared: ReadonlyArray<string> = [
  ...preparedDatabase,
  ...Object.entries(people).flatMap(([name, role]) => [
    `INSERT INTO users (id, username, password_hash, role, limits, disabled, created_ms)
      VALUES ('${name}', '${name}', 'none', '${role}', '{}', 0, 0)`,
    `INSERT INTO api_tokens (id, user_id, name, digest, role, limits, created_ms)
      VALUES ('${name}', '${name}', '${tokenName}', '${Base64Url.encode(sha256(tokenOf(name)))}', '${role}', '{}', 0)`
  ])
]

/** Makes a request; gives its answer, if there was one. */
const ask = Effect.fnUntraced(function* (
  { http }: World.World,
  { atMs, goesAfterMs, what, who }: Plan["requests"][number],
  id: string
) {
  yield* Effect.sleep(atMs)
  const [method, path] = whats[what]
  const request = HttpClientRequest.make(method)(`http://console${path}`).pipe(
    HttpClientRequest.setHeaders({
      "x-request-id": id,
      ...(who === "nobody" ? {} : { authorization: `Bearer ${tokenOf(who)}` })
    })
  )
  const answering = Effect.flatMap(http.execute(request), ({ status, text }) =>
    Effect.map(text, (body) => ({ status, body }))
  ).pipe(Effect.scoped, Effect.timeout(goesAfterMs ?? 60_000))
  const exit = yield* Effect.exit(answering)
  const asked: Answered = {
    id,
    isUnsafe: method !== "GET",
    actor: who in people ? `${who}/${tokenName}` : "?",
    answer: Exit.isSuccess(exit) ? exit.value : undefined
  }
  return asked
})

/** Looks for what is wrong with the entries of requests; so many of them may be lost. */
const check = Effect.fnUntraced(function* ({ sql }: World.World, asked: ReadonlyArray<Answered>, lost = 0) {
  const entries = yield* Effect.orDie(ActivityEntries.read(sql))
  const wrong = asked.flatMap((each) => ActivityEntries.wrongWith(each, entries) ?? [])
  const isLost = wrong.length <= lost && wrong.every((what) => what.endsWith(": no entry"))
  yield* holds(isLost, () => `${lost} are lost; ${wrong.join("; ")}`)
})

/** What is answered counts; a crash comes with an answer, or soon. */
const crashMsMax = 2_000

/** What a slow database takes longer: an answer that does not wait for it is there before. */
const slowMs = 30

const disturb = Effect.fnUntraced(function* (
  world: World.World,
  { atMs, lastsMs, what }: Plan["trouble"],
  isDue: Deferred.Deferred<void>
) {
  if (what === "none") return
  if (what === "slow") {
    const slowly = { _tag: "delay", ms: slowMs } as const
    return yield* world.sql.rule(({ phase }) => (phase === "request" ? slowly : { _tag: "pass" }))
  }
  if (what === "database") {
    yield* Effect.sleep(atMs)
    return yield* world.sql.restart({ downMs: lastsMs })
  }
  yield* Effect.timeoutOption(Deferred.await(isDue), crashMsMax)
  yield* world.crash
  yield* Effect.sleep(lastsMs)
  yield* world.start
})

/** Requests and trouble at once; gives what was asked. */
const run = Effect.fnUntraced(function* (world: World.World, { requests, trouble }: Plan) {
  const isDue = Deferred.makeUnsafe<void>()
  let answers = 0
  const asking = Effect.forEach(
    requests,
    (each, i) =>
      Effect.tap(ask(world, each, `r${i}`), (asked) => {
        if (asked.answer === undefined) return sometimes("no answer")
        if (answers++ === trouble.answer) Deferred.doneUnsafe(isDue, Effect.void)
        // A database that is away gets the entry later.
        const checked = trouble.what === "database" ? Effect.void : check(world, [asked])
        return Effect.andThen(checked, sometimes(`an answer with ${asked.answer.status}`))
      }),
    { concurrency: "unbounded" }
  )
  const [asked] = yield* Effect.all([asking, disturb(world, trouble, isDue)], { concurrency: "unbounded" })
  return asked
})

/** For what nobody waits for any more. */
const restMs = 1_000

export const P26: Property = {
  id: "P26",
  title: "activity log",
  requirements: ["R9.5", "R10.2"],
  marks: [
    "trouble: crash",
    "trouble: database",
    "trouble: slow",
    "no answer",
    "a start was accepted, and failed",
    "attempts waited in memory and were written",
    "an attempt found no room",
    "a search found entries",
    "entries that were too many were removed"
  ],
  program: (parts) =>
    Effect.scoped(
      Effect.gen(function* () {
        const quick: ProgramSpec = { ...World.steady("app", "api"), startSecs: 0 }
        const broken: ProgramSpec = { ...World.steady("app", "broken"), broken: "no file", startRetries: 0 }
        // Its start is taken, and fails before it is over.
        const failing: ProgramSpec = { ...World.steady("app", "failing"), startRetries: 0, runsForMs: 50 }
        const plan = yield* draw(workload)
        const options = optionsFor(plan.trouble)
        const world = yield* World.make({ nodes: { n0: [quick, broken, failing] }, options, parts, prepared })
        yield* eventually({
          what: "the node is known",
          withinMs: 30_000,
          look: world.fleet.nodes,
          until: (all) => all.every(({ status }) => status === "up")
        })
        const asked = yield* run(world, plan)
        yield* Effect.sleep(restMs)
        if (plan.trouble.what === "database") {
          yield* eventually({
            what: "what waited is written",
            withinMs: plan.trouble.lastsMs + 12_000,
            look: world.activity.counts,
            until: ({ waiting }) => waiting === 0
          })
        }
        const { lost } = yield* world.activity.counts
        yield* check(world, asked, plan.trouble.what === "database" ? lost : 0)
        yield* sometimes(`trouble: ${plan.trouble.what}`)
        // How a console ends in order is for other properties.
        yield* world.crash
      })
    ),
  focus: Log.program,
  mutants: [
    ActivityMutants.answersFirst,
    ActivityMutants.forgetsRefusals,
    ActivityMutants.recordsTwice,
    ActivityMutants.everybodyIsDone,
    ActivityMutants.behindAuthentication
  ]
}
