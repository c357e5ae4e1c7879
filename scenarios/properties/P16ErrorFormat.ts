/**
 * P16, error format (R7.1, R7.2): whatever goes wrong with whatever is asked, the answer is of the one shape; its code
 * decides its status and is among those that the endpoint declares; and its request id is the one of the header, which
 * is that of the request if it has a sound one. No answer is that of a bug.
 *
 * Method: every endpoint, paths that nobody has, wrong methods, bodies that are none, too large or of another type;
 * by people of each role, by somebody with a wrong token and by nobody; while nodes crash, hang, fail or are refused,
 * the database is away, the budget is one request, memory is short, or the console ends in the middle.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import type { ConsoleOptions } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ErrorMutants from "../mutants/ErrorMutants.ts"
import * as ApiErrors from "../oracles/ApiErrors.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Answers from "./P16Answers.ts"

const workload = fc.record({
  requests: fc.array(Answers.request, { minLength: 4, maxLength: 10 }),
  trouble: fc.constantFrom("none", "nodes", "nodes", "breaker", "database", "budget", "operations", "memory", "end"),
  node: fc.constantFrom("crash", "hang", "http500", "malformed", "shutdown", "broken off", "fault", "401"),
  troubleAtMs: fc.nat(1_500)
})
type Plan = ReturnType<typeof workload.generate>["value"]

const strikeNode = Effect.fnUntraced(function* (world: World.World, how: Plan["node"]) {
  const node = world.supervisords["n1"]
  if (node === undefined) return
  if (how === "crash") return yield* node.crash
  if (how === "fault") return yield* node.rule(() => ({ _tag: "fail", code: "SPAWN_ERROR" }))
  if (how === "401") return yield* node.rule(() => ({ _tag: "fail", code: "401" }))
  yield* node.spoil(how)
})

const strike = Effect.fnUntraced(function* (world: World.World, { node, trouble, troubleAtMs }: Plan) {
  yield* Effect.sleep(troubleAtMs)
  switch (trouble) {
    case "nodes":
    case "breaker":
      return yield* strikeNode(world, trouble === "breaker" ? "crash" : node)
    case "database":
      return yield* world.sql.restart({ downMs: 60_000 })
    case "memory":
      return yield* world.stats.use({ residentBytes: 3 * 1024 ** 3 })
    case "end":
      return yield* world.signal("SIGTERM")
    default:
  }
})

/** Nobody is let in without credentials, and breakers open at the second failure. */
const optionsOf = ({ trouble }: Plan): ConsoleOptions => {
  const { consoleOptions } = World
  const { accounts, fleet, live } = consoleOptions
  const one = { budget: "requests", operations: "operations" } as const
  const limited = trouble === "budget" || trouble === "operations" ? { [one[trouble]]: 1 } : {}
  return {
    ...consoleOptions,
    live: () => ({ ...live(), budget: { ...live().budget, ...limited } }),
    memoryLookEveryMs: 500,
    accounts: { ...accounts, anonymousRole: undefined },
    fleet: { ...fleet, guard: { ...fleet.guard, callsMax: 1, callsWaitingMax: 1, breakerFailures: 2 } }
  }
}

const program: Property["program"] = (parts) =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* draw(workload)
      const nodes = { n0: [World.steady("app", "api")], n1: [World.steady("app", "api")] }
      const world = yield* World.make({ nodes, options: optionsOf(plan), parts })
      const tokens = yield* ApiClient.logins(world.accounts)
      tokens.set("wrong", "mst_of-nobody")
      // Each sends its requests at the times of the plan; several come at once when the budget is to be exceeded.
      const isNarrow = plan.trouble === "budget" || plan.trouble === "operations"
      const asking = Effect.forEach(
        plan.requests,
        Effect.fnUntraced(function* (each, i) {
          yield* Effect.sleep(isNarrow ? each.atMs % 10 : each.atMs)
          const asked = Answers.toRequest(each, i, tokens)
          const answer = yield* ApiClient.ask(world, asked)
          if (answer === undefined) return
          const wrong = ApiErrors.wrongWith(asked, answer)
          yield* holds(wrong === undefined, () => wrong ?? "")
          yield* sometimes(ApiErrors.errorOf(answer)?.code ?? `an answer with ${answer.status}`)
        }),
        { concurrency: "unbounded", discard: true }
      )
      yield* Effect.all([asking, strike(world, plan)], { concurrency: "unbounded", discard: true })
      yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
    })
  )

export const P16: Property = {
  id: "P16",
  title: "error format",
  requirements: ["R7.1", "R7.2"],
  marks: [
    "a budget was used up",
    "memory is short",
    "overloaded",
    "forbidden",
    "csrf_refused",
    "payload_too_large",
    "unsupported_media_type",
    "method_not_allowed"
  ],
  program,
  focus: Answers.program,
  mutants: [
    ErrorMutants.plainUnknownRoutes,
    ErrorMutants.gatewayTimeoutIsBadGateway,
    ErrorMutants.ownRequestIds,
    ErrorMutants.tooManyRequests
  ]
}
