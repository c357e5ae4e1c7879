/**
 * P2, delivery order (R1.4): what a client receives is a gap-free run of what was published since it joined, in order,
 * or it was told of the gap.
 *
 * Method: programs that keep dying on two nodes cause events for some seconds, and so do operations and a batch;
 * clients join at generated moments, narrow their subscription, or read late, under both policies for slow clients,
 * small outboxes and small windows, and over a bus with small queues. What is handed to the bus is taken down, and the
 * oracle compares each client's frames with it. Logs, over the whole console too, have a file of their own; so have the
 * focused programs, about clients that come back and about pieces of logs.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import * as HubMutants from "../mutants/HubMutants.ts"
import * as LogMutants from "../mutants/LogMutants.ts"
import * as RegistryMutants from "../mutants/RegistryMutants.ts"
import * as EventStream from "../oracles/EventStream.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as LogPieces from "./P02LogPieces.ts"
import * as Logs from "./P02Logs.ts"
import * as Resume from "./P02Resume.ts"

const stream = fc.record({
  policy: fc.constantFrom("disconnect", "dropOldest"),
  outboxFramesMax: fc.constantFrom(64, 8, 2),
  windowMessages: fc.constantFrom(16, 1),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.nat(2_000),
      stayMs: fc.nat(2_000),
      pauseMs: fc.constantFrom(0, 5_000),
      narrow: fc.option(fc.record({ afterMs: fc.nat(2_000), node: fc.constantFrom("a", "b") }))
    }),
    { minLength: 1, maxLength: 2 }
  ),
  lastsMs: fc.array(fc.integer({ min: 1_100, max: 3_000 }), { minLength: 2, maxLength: 4 }),
  overflow: fc.constantFrom("dropLow", "wait", "dropOldest", "dropNewest"),
  queueEventsMax: fc.constantFrom(500, 4, 1),
  operations: fc.array(
    fc.record({ atMs: fc.nat(3_000), node: fc.constantFrom("a", "b"), kind: fc.constantFrom("start", "stop") }),
    { maxLength: 1 }
  ),
  batchAtMs: fc.option(fc.nat(2_000), { freq: 2 })
})

type Plan = ReturnType<typeof stream.generate>["value"]
type Visit = Plan["clients"][number]

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

/** What people ask meanwhile; refusals are answers too. */
const ask = (world: World.World, { batchAtMs, operations }: Plan) =>
  Effect.all(
    [
      ...operations.map(({ atMs, kind, node }) =>
        Effect.andThen(
          Effect.sleep(atMs),
          Effect.ignore(world.fleet.operate({ kind }, node, { group: "app", name: node === "a" ? "p0" : "p3" }))
        )
      ),
      batchAtMs === null
        ? Effect.void
        : Effect.andThen(
            Effect.sleep(batchAtMs),
            Effect.ignore(world.batches.submit({ operation: { kind: "restart" }, select: [{}], concurrency: 2 }))
          )
    ],
    { concurrency: "unbounded", discard: true }
  )

/** By then operations are over: what they say when a node does not answer is an event too. */
const quietMs = { asked: 40_000, unasked: 8_000 } as const

/** Long, because of the quiet time. */
const heartbeatIntervalMs = 10_000

const streamProgram = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const plan = yield* draw(stream)
  const watched = EventStream.watch(parts)
  const programs = plan.lastsMs.map((runsForMs, i) => ({ ...World.steady("app", `p${i}`), runsForMs }))
  const world = yield* World.make({
    nodes: { a: programs.slice(0, 3), b: programs.slice(3) },
    options: {
      ...World.consoleOptions,
      bus: {
        ...World.consoleOptions.bus,
        overflow: plan.overflow,
        queueEventsMax: { high: plan.queueEventsMax, normal: plan.queueEventsMax, low: plan.queueEventsMax }
      },
      hub: {
        ...World.consoleOptions.hub,
        heartbeatIntervalMs,
        slowClientPolicy: plan.policy,
        outboxFramesMax: plan.outboxFramesMax
      },
      session: { ...World.consoleOptions.session, heartbeatIntervalMs, heartbeatTimeoutMs: 2 * heartbeatIntervalMs }
    },
    network: { windowMessages: plan.windowMessages },
    parts: watched.parts
  })
  const scope = yield* Scope.make()
  yield* Effect.forkScoped(ask(world, plan))
  const witnesses = yield* Effect.forEach(plan.clients, (client, i) => visit(world, `client-${i}`, client), {
    concurrency: "unbounded"
  }).pipe(Scope.provide(scope))
  // No more answers, so no more events: what is under way arrives, and then nothing may be missing.
  yield* Effect.forEach(Object.values(world.supervisords), (node) => node.spoil("hang"))
  yield* Effect.sleep(plan.batchAtMs === null && plan.operations.length === 0 ? quietMs.unasked : quietMs.asked)
  // Alone on the bus: it shows what was lost before it.
  yield* world.registry.add({ name: "last", environment: undefined, kind: "supervisord" })
  yield* EventStream.verify(witnesses, watched.published(), { isWhole: true })
  yield* Scope.close(scope, Exit.void)
}, Effect.scoped)

export const P2: Property = {
  id: "P2",
  title: "delivery order",
  requirements: ["R1.4"],
  marks: [
    "a client came back and had to take the snapshot",
    "a client came back and was sent what it missed",
    "a slow client was let go",
    "an event made room in a full outbox",
    "clients were told of events lost on the bus",
    "a piece of a followed log was lost",
    "the bus dropped a piece of a log",
    "the bus dropped an event",
    "a publisher waits for room on the bus",
    "a gap was told",
    "a narrowed subscription"
  ],
  program: (parts) =>
    Effect.flatMap(draw(fc.constantFrom(streamProgram, Logs.program)), (program) => program(parts)).pipe(
      Effect.catchTag("SocketError", Effect.die)
    ),
  focus: (parts) =>
    Effect.flatMap(draw(fc.constantFrom(Resume, Resume, Resume, Resume, LogPieces)), ({ program }) => program(parts)),
  mutants: [
    HubMutants.cachedSnapshot,
    HubMutants.fiberPerEvent,
    HubMutants.lossyOutbox,
    HubMutants.gapNotTold,
    HubMutants.logHoleNotTold,
    HubMutants.resumeOffByOne,
    HubMutants.streamNotLookedAt,
    HubMutants.resumeByWhatIsKept,
    HubMutants.resumeOverHole,
    LogMutants.logGapForgotten,
    LogMutants.oneChannel,
    RegistryMutants.publishBeforeState
  ]
}
