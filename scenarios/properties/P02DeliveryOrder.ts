/**
 * P2, delivery order (R1.4): what a client receives is a gap-free run of what was published since it joined, in order,
 * or it was told of the gap.
 *
 * Method, drawn for each run. Stream: programs that keep dying on two nodes cause events for some seconds; clients join
 * at generated moments, narrow their subscription, or read late, under both policies for slow clients, small outboxes
 * and small windows. Burst: fibers report polls to the registry in the very milliseconds in which clients join. A
 * subscriber of the bus takes down what was published, and the oracle compares each client's frames with it.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import * as HubMutants from "../mutants/HubMutants.ts"
import * as RegistryMutants from "../mutants/RegistryMutants.ts"
import * as EventStream from "../oracles/EventStream.ts"
import { running } from "../peers/Reports.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

// Stream ----------------------------------------------------------------------------------------------------------------

const stream = fc.record({
  policy: fc.constantFrom("disconnect", "dropOldest"),
  outboxFramesMax: fc.constantFrom(64, 8, 2),
  windowMessages: fc.constantFrom(16, 1),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.nat(3_000),
      stayMs: fc.nat(4_000),
      pauseMs: fc.constantFrom(0, 0, 5_000),
      narrow: fc.option(fc.record({ afterMs: fc.nat(2_000), node: fc.constantFrom("a", "b") }))
    }),
    { minLength: 1, maxLength: 5 }
  ),
  lastsMs: fc.array(fc.integer({ min: 1_100, max: 4_000 }), { minLength: 2, maxLength: 6 })
})

type Visit = ReturnType<typeof stream.generate>["value"]["clients"][number]

const visit = Effect.fnUntraced(function* (world: World.World, name: string, plan: Visit) {
  yield* Effect.sleep(plan.joinAtMs)
  const client = yield* world.connect(name)
  const reading = yield* Effect.forkScoped(Effect.andThen(Effect.sleep(plan.pauseMs), client.read))
  const narrowed = plan.narrow === null ? undefined : { nodes: [plan.narrow.node] }
  if (plan.narrow !== null) {
    yield* Effect.sleep(plan.narrow.afterMs)
    yield* client.send(JSON.stringify({ type: "subscribe", ...narrowed }))
  }
  yield* Effect.sleep(plan.stayMs)
  return { name, narrowed, client, reading }
})

/** Longer than a poll may take to fail, so that even that event is out. */
const quietMs = 8_000

const streamProgram = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const plan = yield* draw(stream)
  const programs = plan.lastsMs.map((runsForMs, i) => ({ ...World.steady("app", `p${i}`), runsForMs }))
  const world = yield* World.make({
    nodes: { a: programs.slice(0, 3), b: programs.slice(3) },
    options: {
      ...World.consoleOptions,
      hub: { ...World.consoleOptions.hub, slowClientPolicy: plan.policy, outboxFramesMax: plan.outboxFramesMax }
    },
    network: { windowMessages: plan.windowMessages },
    parts
  })
  const published = yield* EventStream.record(world.bus)
  const scope = yield* Scope.make()
  const witnesses = yield* Effect.forEach(plan.clients, (client, i) => visit(world, `client-${i}`, client), {
    concurrency: "unbounded"
  }).pipe(Scope.provide(scope))
  // No more answers, so no more events: what is under way arrives, and then nothing may be missing.
  yield* Effect.forEach(Object.values(world.supervisords), (node) => node.spoil("hang"))
  yield* Effect.sleep(quietMs)
  yield* EventStream.verify(witnesses, yield* published)
  yield* Scope.close(scope, Exit.void)
}, Effect.scoped)

// Burst -----------------------------------------------------------------------------------------------------------------

const moment = fc.nat(4)

const burst = fc.record({
  joins: fc.array(moment, { minLength: 1, maxLength: 3 }),
  polls: fc.array(
    fc.record({ atMs: moment, node: fc.constantFrom("n1", "n2"), pid: fc.integer({ min: 1, max: 99 }) }),
    {
      minLength: 1,
      maxLength: 8
    }
  )
})

const burstProgram = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const plan = yield* draw(burst)
  const world = yield* World.make({ nodes: {}, network: { latencyMsMax: 1 }, parts })
  const published = yield* EventStream.record(world.bus)
  for (const name of ["n1", "n2"]) yield* world.registry.add({ name, environment: undefined, kind: "supervisord" })
  const scope = yield* Scope.make()
  const join = Effect.fnUntraced(function* (atMs: number, i: number) {
    yield* Effect.sleep(atMs)
    const client = yield* world.connect(`client-${i}`)
    return { name: `client-${i}`, client, narrowed: undefined, reading: yield* Effect.forkScoped(client.read) }
  })
  const [witnesses] = yield* Effect.all(
    [
      Effect.forEach(plan.joins, join, { concurrency: "unbounded" }).pipe(Scope.provide(scope)),
      Effect.forEach(
        plan.polls,
        ({ atMs, node, pid }) => Effect.andThen(Effect.sleep(atMs), world.registry.record(node, running(pid))),
        { concurrency: "unbounded" }
      )
    ],
    { concurrency: "unbounded" }
  )
  // One more change for everybody: it shows what was missed before it.
  yield* Effect.sleep(100)
  yield* world.registry.record("n1", running(100))
  yield* Effect.sleep(100)
  yield* EventStream.verify(witnesses, yield* published)
  yield* Scope.close(scope, Exit.void)
}, Effect.scoped)

export const P2: Property = {
  id: "P2",
  title: "delivery order",
  requirements: ["R1.4"],
  program: (parts) =>
    Effect.flatMap(draw(fc.boolean()), (deep) => (deep ? burstProgram(parts) : streamProgram(parts))).pipe(
      Effect.catchTag("SocketError", Effect.die)
    ),
  mutants: [
    HubMutants.cachedSnapshot,
    HubMutants.fiberPerEvent,
    HubMutants.lossyBus,
    RegistryMutants.publishBeforeState
  ]
}
