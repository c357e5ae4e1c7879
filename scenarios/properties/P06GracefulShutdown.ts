/**
 * P6, graceful shutdown (R2.5, R8.3): after a shutdown request every fiber ends within the deadline, in whatever state
 * it was.
 *
 * Method: a console with clients that come, stay, fall silent or do not read, operations and a batch under way, a log
 * that is followed, and nodes that hang, are away or are let go, gets SIGTERM at a drawn moment. It must end within
 * its deadline by itself, say of every part that it was closed, have told its clients, and leave no connection,
 * fiber, timer or permit.
 */
import { Clock, Effect, Exit, Fiber, Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as LifecycleMutants from "../mutants/LifecycleMutants.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as P06PartsClose from "./P06PartsClose.ts"

const trouble = fc.constantFrom("none", "none", "hang", "slow", "crash")

const workload = fc.record({
  signalAtMs: fc.nat(2_500),
  nodes: fc.oneof({ weight: 3, arbitrary: fc.tuple(trouble) }, { weight: 1, arbitrary: fc.tuple(trouble, trouble) }),
  clients: fc.array(
    fc.record({
      atMs: fc.nat(2_500),
      how: fc.constantFrom("reads", "silent", "stalls", "follows"),
      leaves: fc.boolean()
    }),
    { maxLength: 2 }
  ),
  operations: fc.array(
    fc.record({ atMs: fc.nat(2_500), kind: fc.constantFrom("start", "stop", "restart"), node: fc.nat(1) }),
    { maxLength: 1 }
  ),
  batchAtMs: fc.option(fc.nat(2_500), { freq: 2 }),
  letGoAtMs: fc.option(fc.nat(2_500), { freq: 2 })
})

type Plan = ReturnType<typeof workload.generate>["value"]

const visit = Effect.fnUntraced(function* (world: World.World, name: string, plan: Plan["clients"][number]) {
  yield* Effect.sleep(plan.atMs)
  const client = yield* world.connect(name)
  if (plan.how === "follows") {
    const logs = [{ node: "n0", group: "app", name: "api", channel: "stdout" }]
    yield* client.send(JSON.stringify({ type: "subscribe", logs }))
  }
  if (plan.how === "stalls") yield* world.network.rule(({ to }) => ({ _tag: to === name ? "drop" : "pass" }))
  return yield* plan.how === "silent" ? Effect.never : client.read
})

const ask = (world: World.World, path: string, body?: string) => {
  const request = HttpClientRequest.post(`http://console${path}`)
  return Effect.flatMap(
    world.http.execute(body === undefined ? request : HttpClientRequest.bodyText(request, body, "application/json")),
    (response) => response.text
  ).pipe(Effect.timeoutOption(60_000), Effect.ignore)
}

const batch = JSON.stringify({ operation: { kind: "restart" }, select: [{}], mode: "rolling" })

const { fleet } = World.consoleOptions

/** What comes on top of the deadline: what is under way on the wire, and the looks of this scenario. */
const graceMs = 1_000

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const plan = yield* draw(workload)
    const scope = yield* Scope.make()
    const names = plan.nodes.map((_, i) => `n${i}`)
    const world = yield* World.make({
      nodes: Object.fromEntries(names.map((name) => [name, [World.steady("app", "api"), World.steady("app", "job")]])),
      network: { windowMessages: 2 },
      options: {
        ...World.consoleOptions,
        fleet: {
          ...fleet,
          // Most requests are looks: fewer of them leave as much to be closed.
          poll: { ...fleet.poll, intervalMs: 5_000 },
          operations: { ...fleet.operations, observeIntervalMs: 1_000 }
        }
      },
      parts
    }).pipe(Scope.provide(scope))
    const users = yield* Effect.forkChild(
      Effect.all(
        [
          ...plan.nodes.map((how, i) => {
            const node = world.supervisords[`n${i}`]
            if (node === undefined || how === "none") return Effect.void
            return Effect.andThen(Effect.sleep(500), how === "crash" ? node.crash : node.spoil(how))
          }),
          ...plan.clients.map((client, i) => Effect.ignore(Effect.scoped(visit(world, `client-${i}`, client)))),
          ...plan.operations.map(({ atMs, kind, node }) =>
            Effect.andThen(
              Effect.sleep(atMs),
              ask(world, `/api/nodes/n${node % names.length}/processes/app/api/${kind}`)
            )
          ),
          plan.batchAtMs === null
            ? Effect.void
            : Effect.andThen(Effect.sleep(plan.batchAtMs), ask(world, "/api/batches", batch)),
          plan.letGoAtMs === null ? Effect.void : Effect.andThen(Effect.sleep(plan.letGoAtMs), world.fleet.remove("n0"))
        ],
        { concurrency: "unbounded", discard: true }
      )
    )
    yield* Effect.sleep(plan.signalAtMs)
    const running = (yield* world.batches.all).some(({ status }) => status === "running")
    if (running) yield* sometimes("a shutdown while a batch is under way")
    if ((yield* world.hub.counts).connected > 0) yield* sometimes("a shutdown with clients")
    const askedMs = yield* Clock.currentTimeMillis
    yield* world.signal("SIGTERM")
    const { deadlineMs } = World.consoleOptions.shutdown
    const ended = yield* Effect.timeoutOption(world.ended, deadlineMs + graceMs)
    yield* holds(ended._tag === "Some", () => `still not ended ${deadlineMs + graceMs} ms after SIGTERM`)
    const tookMs = (yield* Clock.currentTimeMillis) - askedMs
    yield* holds(tookMs <= deadlineMs, () => `ended ${tookMs} ms after SIGTERM, later than ${deadlineMs} ms`)
    if (ended._tag === "Some") {
      const { report, surroundings } = ended.value
      const left = report.parts.filter(({ outcome }) => outcome !== "closed")
      yield* holds(
        report.clean && surroundings,
        () => `not everything closed: ${left.map(({ detail, name }) => `${name}: ${detail}`).join("; ")}`
      )
    }
    yield* Fiber.interrupt(users)
    yield* eventually({
      what: "no connection is left",
      withinMs: 5_000,
      look: world.network.openConnections,
      until: (open) => open === 0
    })
    yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
    yield* Scope.close(scope, Exit.void)
  },
  Effect.scoped,
  Effect.catchTag("Crashed", Effect.die)
)

export const P6: Property = {
  id: "P6",
  title: "graceful shutdown",
  requirements: ["R2.5", "R8.3"],
  marks: [
    "a shutdown while a batch is under way",
    "a shutdown with clients",
    "a shutdown of what is not built yet",
    "a shutdown in which a part hangs",
    "the console ended with a batch under way",
    "the hub closed with clients",
    "a client joined while the hub closed",
    "a request was cut off by the end of the console",
    "a poll was given up half way",
    "a command was given up half way",
    "a node went while it was talked to"
  ],
  leaks: "fail",
  program,
  focus: P06PartsClose.program,
  mutants: [
    LifecycleMutants.hubWaitsForEver,
    LifecycleMutants.detachedCalls,
    LifecycleMutants.forgottenPart,
    LifecycleMutants.partsNotClosed,
    LifecycleMutants.patientShutdown
  ]
}
