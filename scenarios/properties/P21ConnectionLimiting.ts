/**
 * P21, connection limiting (R8.4): the semaphore's permits are conserved: never exceeded, never leaked, all back at
 * rest.
 *
 * Method: operators ask for more operations and reads on one node than it may have calls at a time, give some of them
 * up at any step, and the node fails in between. At every switch of fibers no more calls are under way than allowed; at
 * rest as many as allowed go through beside each other, and the end of the console finds no permit missing.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import type { NodeView } from "../../core/domain/Node.ts"
import { draw } from "../../sim/Draw.ts"
import { always, interruptSometime, sometimes } from "../../sim/Sim.ts"
import * as PermitMutants from "../mutants/PermitMutants.ts"
import * as NodeCalls from "../oracles/NodeCalls.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Permits from "./P21Permits.ts"

const programs = ["a", "b", "c", "d"]

const workload = fc.record({
  callsMax: fc.constantFrom(2, 2, 2, 3),
  callsWaitingMax: fc.integer({ min: 1, max: 2 }),
  breakerFailures: fc.constantFrom(5, 1),
  how: fc.constantFrom("none", "slow", "hang", "http500"),
  asks: fc.array(
    fc.record({
      atMs: fc.nat(500),
      what: fc.constantFrom("restart", "signal", "log", "log"),
      name: fc.constantFrom(...programs),
      givenUp: fc.boolean()
    }),
    { minLength: 3, maxLength: 4 }
  )
})

type Ask = ReturnType<typeof workload.generate>["value"]["asks"][number]

const ask = Effect.fnUntraced(function* (world: World.World, { atMs, givenUp, name, what }: Ask) {
  yield* Effect.sleep(atMs)
  const id = { group: "app", name }
  const request = what === "signal" ? ({ kind: what, signal: "HUP" } as const) : ({ kind: "restart" } as const)
  const call =
    what === "log"
      ? Effect.asVoid(
          world.fleet.readLog({ node: "web", ...id, channel: "stdout" }, { from: "end", lengthBytesMax: 100 })
        )
      : Effect.asVoid(world.fleet.operate(request, "web", id))
  const tried = Effect.ignore(call)
  if (!givenUp) return yield* tried
  const exit = yield* interruptSometime(tried, { withinSteps: 3_000 })
  if (Exit.hasInterrupts(exit)) yield* sometimes("a call was given up")
})

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const { breakerFailures, callsMax, callsWaitingMax } = plan
  const calls = NodeCalls.watch(parts)
  const { fleet } = World.consoleOptions
  const scope = yield* Scope.make()
  const world = yield* World.make({
    nodes: { web: programs.map((name) => World.steady("app", name)) },
    options: {
      ...World.consoleOptions,
      fleet: {
        ...fleet,
        poll: { ...fleet.poll, intervalMs: 6_000 },
        guard: { ...fleet.guard, breakerFailures, breakerOpenMsMax: 10_000, callsMax, callsWaitingMax },
        operations: { ...fleet.operations, observeIntervalMs: 600 }
      }
    },
    parts: calls.parts
  }).pipe(Scope.provide(scope))
  const watching = yield* Scope.make()
  yield* always(`at most ${callsMax} calls of the node are under way`, () => {
    const now = calls.underWay({ node: "web" })
    return now > callsMax ? `${now} calls` : undefined
  }).pipe(Scope.provide(watching))
  yield* Effect.sleep(2_500)
  const web = world.supervisords["web"]
  yield* web?.spoil(plan.how) ?? Effect.void
  yield* Effect.all(
    plan.asks.map((one) => ask(world, one)),
    { concurrency: "unbounded", discard: true }
  )
  yield* web?.spoil("none") ?? Effect.void
  yield* eventually({
    what: "the node is up",
    withinMs: 60_000,
    look: Effect.andThen(Effect.sleep(250), Effect.orDie(world.fleet.node("web"))),
    until: ({ breaker, status }: NodeView) => status === "up" && breaker?.state === "closed"
  })
  const before = calls.all().length
  // One place is kept free for polls.
  yield* Effect.forEach(
    programs.slice(0, callsMax - 1),
    (name) => Effect.orDie(world.fleet.operate({ kind: "start" }, "web", { group: "app", name })),
    { concurrency: "unbounded", discard: true }
  )
  const bad = calls
    .all()
    .slice(before)
    .find(({ outcome }) => outcome !== "done" && outcome !== "Fault" && outcome !== undefined)
  yield* holds(bad === undefined, () => `at rest, ${bad?.method} of a node that is well ends ${bad?.outcome}`)
  yield* Scope.close(watching, Exit.void)
  yield* Scope.close(scope, Exit.void)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

export const P21: Property = {
  id: "P21",
  title: "connection limiting",
  requirements: ["R8.4"],
  marks: [
    "a call was given up",
    "a call waited for its turn at a node",
    "a call was cut short by its wait",
    "too many calls wait for a node",
    "a circuit opened on calls that waited",
    "a node was polled while a command ran on it"
  ],
  leaks: "fail",
  program,
  focus: Permits.program,
  mutants: [PermitMutants.permitLostOnInterruption, PermitMutants.onePermitMore, PermitMutants.waitersNotCounted]
}
