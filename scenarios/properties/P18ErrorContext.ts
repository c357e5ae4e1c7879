/**
 * P18, error context (R7.4, R10.2): for every answer of 500 or above there is a line in the log with its request id,
 * the operation that was asked for, and a cause that says which fault it was; whatever else is logged as trouble while
 * a request is answered has its id and operation; and what goes wrong in the background says what was done, and why.
 *
 * Method: operations, looks and logins while one thing is broken, of which it is known how it must show in a cause: a
 * node that crashes, hangs, answers nonsense, ends, or refuses the password; a breaker that is open; a database that is
 * away; as many requests as allowed; memory that is short. A configuration that cannot be used comes by a signal.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import type { ConsoleOptions } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ErrorMutants from "../mutants/ErrorMutants.ts"
import * as LogLines from "../oracles/LogLines.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Answers from "./P18Answers.ts"

const nodeTroubles = ["crash", "hang", "http500", "malformed", "shutdown", "broken off", "401", "breaker"] as const

const workload = fc.record({
  requests: fc.array(
    fc.record({
      atMs: fc.nat(3_000),
      what: fc.constantFrom(...Answers.whats),
      sendsId: fc.boolean()
    }),
    { minLength: 3, maxLength: 8 }
  ),
  trouble: fc.constantFrom(...nodeTroubles, "database", "database", "database", "budget", "memory", "end", "config"),
  name: fc.nat(1e6)
})
type Plan = ReturnType<typeof workload.generate>["value"]

const strike = Effect.fnUntraced(function* (world: World.World, { trouble }: Plan) {
  const node = world.supervisords["n0"]
  if (node === undefined) return
  switch (trouble) {
    case "crash":
    case "breaker":
      return yield* node.crash
    case "401":
      return yield* node.rule(() => ({ _tag: "fail", code: "401" }))
    case "hang":
    case "http500":
    case "malformed":
    case "shutdown":
    case "broken off":
      return yield* node.spoil(trouble)
    case "database":
      return yield* world.sql.restart({ downMs: 120_000 })
    case "memory":
      return yield* world.stats.use({ residentBytes: 3 * 1024 ** 3 })
    case "end":
      return yield* world.signal("SIGTERM")
    case "config":
      yield* Effect.orDie(world.files.writeFileString(World.configFile, "[log]\nlevel = 5\n"))
      return yield* world.signal("SIGHUP")
    case "budget":
  }
})

const { consoleOptions } = World

const optionsOf = ({ trouble }: Plan): ConsoleOptions => {
  const { fleet, live } = consoleOptions
  const requestsMax = trouble === "budget" ? 1 : 1_000
  return {
    ...consoleOptions,
    live: () => ({ ...live(), budget: { ...live().budget, requests: requestsMax } }),
    memoryLookEveryMs: 100,
    fleet: { ...fleet, guard: { ...fleet.guard, breakerFailures: trouble === "breaker" ? 1 : 5, callsMax: 1 } }
  }
}

const program: Property["program"] = (parts) =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* draw(workload)
      const world = yield* World.make({
        nodes: { n0: [World.steady("app", "api")] },
        options: optionsOf(plan),
        ...(plan.trouble === "config" ? { config: World.configText([], anybody) } : {}),
        keepsLines: true,
        parts
      })
      if (plan.trouble !== "config") {
        yield* eventually({
          what: "the node is up",
          withinMs: 30_000,
          look: world.fleet.nodes,
          until: (nodes) => nodes.every(({ status }) => status === "up")
        })
      }
      yield* strike(world, plan)
      if (plan.trouble === "memory") yield* Effect.sleep(500)
      const answers = yield* Effect.forEach(
        plan.requests,
        Effect.fnUntraced(function* ({ atMs, sendsId, what }, i) {
          yield* Effect.sleep(plan.trouble === "budget" || plan.trouble === "end" ? atMs % 20 : atMs)
          const { method, path } = Answers.requests[what]
          const body = { username: `u${i}`, password: "a good password", role: "viewer" }
          const answer = yield* ApiClient.ask(world, {
            method,
            path,
            headers: sendsId ? { "x-request-id": `sent-${i}` } : {},
            body: what === "user" ? JSON.stringify(body) : undefined
          })
          return { what, answer }
        }),
        { concurrency: "unbounded" }
      )
      yield* Effect.sleep(100)
      const lines = world.lines().map(LogLines.lineOf)
      const readable = lines.flatMap((line) => (line === undefined ? [] : [line]))
      yield* holds(readable.length === lines.length, () => "a line of the log is none")
      for (const { answer, what } of answers) {
        if (answer === undefined) continue
        const wrong = Answers.wrongWith(what, answer, readable)
        yield* holds(wrong === undefined, () => wrong ?? "")
        if (answer.status >= 500) yield* sometimes(`${plan.trouble}: ${/"code":"(\w+)"/.exec(answer.body)?.[1]}`)
      }
      for (const line of readable.filter(LogLines.isTrouble)) {
        const wrong = Answers.wrongAlone(line)
        yield* holds(wrong === undefined, () => `${wrong}: ${JSON.stringify(line)}`)
        if (line.request_id === undefined && line.cause !== undefined) yield* sometimes(`alone: ${line.message}`)
      }
      if (plan.trouble !== "config") return
      const refused = readable.find((line) => /configuration stays as it was/.test(line.message))
      yield* holds(refused !== undefined, () => "the log says nothing of the configuration that was refused")
    })
  )

/** Everybody may do everything. */
const anybody = '[auth]\nanonymous_role = "admin"\n'

export const P18: Property = {
  id: "P18",
  title: "error context",
  requirements: ["R7.4", "R10.2"],
  marks: [
    "a budget was used up",
    "a request was refused for want of memory",
    "a call waited for its turn at a node",
    "an operation waited for its turn",
    "attempts were left at the end",
    "the circuit of the database opened",
    "401: node_unauthorized",
    "broken off: node_unreachable",
    "malformed: node_invalid_reply",
    "shutdown: node_shutting_down",
    "database: database_unavailable"
  ],
  program,
  focus: Answers.program,
  mutants: [ErrorMutants.logsNoId, ErrorMutants.logsNoCause, ErrorMutants.logsBugsOnly]
}
