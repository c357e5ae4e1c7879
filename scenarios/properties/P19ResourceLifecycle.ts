/**
 * P19, resource lifecycle (R8.1, R8.3, R8.5): whatever is started is stopped: nothing is left over when its owner ends,
 * however it ends.
 *
 * Method: a console with clients, followed logs, operations and batches under way ends by a signal, by the end of its
 * scope, by an interruption at any step from its building on, or by a crash, and in some runs is started again. When
 * its owner is gone there is no connection, and at the end of the run no fiber, timer, permit or anything else that the
 * simulator accounts for is left of it.
 */
import { Effect, Exit, Fiber, Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as LifecycleMutants from "../mutants/LifecycleMutants.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as P19Owners from "./P19Owners.ts"

const workload = fc.record({
  end: fc.constantFrom("scope", "signal", "crash", "interruption"),
  endAtMs: fc.nat(2_500),
  endAtStep: fc.integer({ min: 1, max: 4_000 }),
  again: fc.constantFrom(false, false, true),
  troubles: fc.constantFrom("none", "none", "hang", "slow"),
  clients: fc.array(fc.record({ atMs: fc.nat(2_000), follows: fc.boolean() }), { maxLength: 2 }),
  operations: fc.array(fc.record({ atMs: fc.nat(2_000), name: fc.constantFrom("api", "job") }), { maxLength: 1 }),
  batch: fc.constantFrom(false, false, true)
})

const toBatches = HttpClientRequest.post("http://console/api/batches")
const batchText = JSON.stringify({ operation: { kind: "restart" }, select: [{}], mode: "rolling" })

type Plan = ReturnType<typeof workload.generate>["value"]

const use = Effect.fnUntraced(function* (world: World.World, plan: Plan) {
  const visit = ({ atMs, follows }: Plan["clients"][number], i: number) =>
    Effect.gen(function* () {
      yield* Effect.sleep(atMs)
      const client = yield* world.connect(`client-${i}`)
      const logs = [{ node: "web", group: "app", name: "api", channel: "stdout" }]
      if (follows) yield* client.send(JSON.stringify({ type: "subscribe", logs }))
      yield* client.read
    }).pipe(Effect.scoped, Effect.ignore)
  const operate = ({ atMs, name }: Plan["operations"][number]) =>
    Effect.andThen(
      Effect.sleep(atMs),
      Effect.ignore(world.http.post(`http://console/api/nodes/web/processes/app/${name}/restart`))
    )
  const batch = Effect.andThen(
    Effect.sleep(1_000),
    Effect.ignore(world.http.execute(HttpClientRequest.bodyText(toBatches, batchText, "application/json")))
  )
  yield* Effect.all([...plan.clients.map(visit), ...plan.operations.map(operate), plan.batch ? batch : Effect.void], {
    concurrency: "unbounded",
    discard: true
  })
})

/** Long enough for every deadline of a shutdown, and for calls that were given up. */
const gracefulMs = 20_000

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const run = yield* RunContext
  const plan = yield* draw(workload)
  const users = yield* Scope.make()
  // The network and the nodes are its surroundings: they outlive the console.
  const outer = yield* Scope.make()
  const inner = yield* Scope.fork(outer)
  const building = yield* Effect.forkChild(
    Effect.gen(function* () {
      const world = yield* World.make({
        nodes: { web: [World.steady("app", "api"), World.steady("app", "job")] },
        parts
      }).pipe(Scope.provide(inner))
      yield* world.supervisords["web"]?.spoil(plan.troubles) ?? Effect.void
      yield* Effect.forkIn(use(world, plan), users)
      return world
    })
  )
  if (plan.end === "interruption") {
    run.interruptAfter(building, plan.endAtStep)
    const exit = yield* Fiber.await(building)
    if (Exit.hasInterrupts(exit)) yield* sometimes("interrupted while it was built")
    // Else the console itself is still being built.
    if (plan.again) yield* Effect.sleep(plan.endAtMs)
    yield* Scope.close(users, Exit.void)
    return yield* Scope.close(outer, Exit.void)
  }
  const world = yield* Fiber.join(building)
  yield* Effect.sleep(plan.endAtMs)
  if (plan.end === "crash") yield* world.crash
  if (plan.end === "signal") {
    yield* world.signal("SIGTERM")
    const ended = yield* Effect.timeoutOption(Effect.ignore(world.ended), gracefulMs)
    yield* holds(ended._tag === "Some", () => `it has not ended ${gracefulMs} ms after SIGTERM`)
  }
  if (plan.again && plan.end !== "scope") {
    yield* world.supervisords["web"]?.spoil("none") ?? Effect.void
    const again = yield* Scope.provide(world.start, inner)
    yield* eventually({
      what: "the console that was started again sees its node",
      withinMs: 10_000,
      look: Effect.orDie(again.fleet.node("web")),
      until: ({ status }) => status === "up"
    })
    yield* sometimes(`started again after a ${plan.end}`)
  }
  yield* Scope.close(inner, Exit.void)
  yield* Scope.close(users, Exit.void)
  yield* eventually({
    what: "no connection is left",
    withinMs: gracefulMs,
    look: world.network.openConnections,
    until: (open) => open === 0
  })
  yield* Scope.close(outer, Exit.void)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
}, Effect.scoped)

export const P19: Property = {
  id: "P19",
  title: "resource lifecycle",
  requirements: ["R8.1", "R8.3", "R8.5"],
  marks: [
    "interrupted while it was built",
    "a part was closed while it was built",
    "a console that was half built ended",
    "a small console was started again after: crash",
    "a small console was started again after: interruption",
    "started again after a crash",
    "started again after a signal",
    "what was known of nodes was recalled"
  ],
  leaks: "fail",
  program,
  focus: P19Owners.program,
  mutants: [
    LifecycleMutants.busHalfBuilt,
    LifecycleMutants.detachedCalls,
    LifecycleMutants.forgottenPart,
    LifecycleMutants.immortalBatch
  ]
}
