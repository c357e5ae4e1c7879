/**
 * A part of P2: clients that break off and come back with the last event that they know.
 *
 * Method: polls, operations, batches and nodes that come and go are reported to the registry in the very milliseconds
 * in which clients connect, break off and come back: with the right stream, a wrong one or none, with the number of
 * their last event, an older one or one that is yet to come, and with a subscription from the start. The hub keeps few
 * events, its outboxes and its queue on the bus are small, and the bus has any policy for overflow.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import type { OverflowPolicy } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetChange } from "../../core/domain/FleetEvent.ts"
import type { Subscription, Topic } from "../../core/hub/Protocol.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as EventStream from "../oracles/EventStream.ts"
import type { CameBack, Witness } from "../oracles/EventStream.ts"
import { healthyAgain } from "../oracles/Health.ts"
import { runningAll } from "../peers/Reports.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const node = fc.constantFrom("n1", "n2")
const pids = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("poll" as const), node, pids }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("operation" as const), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("batch" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("come and go" as const), node: fc.constant("n3") }) }
)
type Change = ReturnType<typeof change.generate>["value"]

const overflows = ["wait", "dropLow", "dropOldest", "dropNewest"] as const satisfies ReadonlyArray<OverflowPolicy>
const topics = ["fleet", "node", "process", "activity"] as const satisfies ReadonlyArray<Topic>

const wanted: fc.Arbitrary<Subscription> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        topics: fc.subarray([...topics], { minLength: 1 }),
        nodes: fc.subarray(["n1", "n2", "n3"], { minLength: 1 })
      },
      { requiredKeys: [] }
    )
  }
)

const session = fc.record({
  awayMs: fc.nat(20),
  stayMs: fc.nat(30),
  isPolite: fc.boolean(),
  since: fc.constantFrom("last", "last", "last", "older", "yet to come", "none"),
  stream: fc.constantFrom("right", "right", "none", "wrong"),
  wanted,
  narrows: fc.option(wanted)
})
type Session = ReturnType<typeof session.generate>["value"]

const workload = fc.record({
  eventsKept: fc.constantFrom(20, 5, 2),
  outboxFramesMax: fc.constantFrom(64, 8, 2),
  policy: fc.constantFrom("disconnect", "dropOldest"),
  overflow: fc.constantFrom(...overflows),
  queueEventsMax: fc.integer({ min: 1, max: 5 }),
  changes: fc.array(fc.record({ atMs: fc.nat(60), change }), { minLength: 3, maxLength: 15 }),
  clients: fc.array(fc.array(session, { minLength: 2, maxLength: 3 }), { minLength: 1, maxLength: 2 })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const batch = {
  id: 1,
  kind: "stop",
  mode: "parallel",
  status: "running",
  stopped_early: false,
  counts: { running: 1 },
  started: "2026-01-01T00:00:00.000Z"
} as const

const operation = { operation: 1, kind: "stop", group: "app", name: "p0" } as const

const make = ({ registry }: World.World, what: Change): Effect.Effect<void> => {
  switch (what.do) {
    case "poll":
      return registry.record(what.node, runningAll(what.pids))
    case "fail":
      return registry.record(what.node, { _tag: "Failed", reason: { code: "TimedOut", message: "" } })
    case "operation": {
      const ended = { outcome: "done", detail: "is STOPPED", took_ms: 1 } as const
      const told: ReadonlyArray<FleetChange> = [
        { type: "operation.started", node: what.node, ...operation },
        { type: "operation.finished", node: what.node, ...operation, ...ended }
      ]
      return Effect.forEach(told, registry.tell, { discard: true })
    }
    case "batch":
      return registry.tell({ type: "batch.changed", batch })
    case "come and go":
      return registry
        .add({ name: what.node, environment: undefined, kind: "supervisord" })
        .pipe(
          Effect.andThen(registry.record(what.node, runningAll([1, 2, 3]))),
          Effect.andThen(registry.remove(what.node))
        )
  }
}

/** What a client remembers of its last session. */
interface Memory {
  readonly stream: string
  readonly last: number
  /** It was sent the last event itself. */
  readonly hadEvent: boolean
}

const cameBackWith = (memory: Memory | undefined, plan: Session): CameBack | undefined => {
  if (memory === undefined || plan.since === "none") return undefined
  const { hadEvent, last } = memory
  const stream = { right: memory.stream, none: undefined, wrong: `${memory.stream}0` }[plan.stream]
  if (plan.since === "yet to come") return { since: last + 1_000, stream, hadEvent: false }
  const isHere = plan.stream !== "wrong" && hadEvent
  return plan.since === "last"
    ? { since: last, stream, hadEvent: isHere }
    : { since: Math.max(0, last - 3), stream, hadEvent: isHere }
}

const queryOf = ({ wanted: { nodes, topics: asked } }: Session, back: CameBack | undefined): string => {
  const parameters = [
    ...(back === undefined ? [] : [`since=${back.since}`]),
    ...(back?.stream === undefined ? [] : [`stream=${back.stream}`]),
    ...(asked === undefined ? [] : [`topics=${asked.join(",")}`]),
    ...(nodes === undefined ? [] : [`nodes=${nodes.join(",")}`])
  ]
  return parameters.length === 0 ? "" : `?${parameters.join("&")}`
}

/** One session of a client; the connection breaks off with the scope. */
const begin = Effect.fnUntraced(function* (
  world: World.World,
  name: string,
  plan: Session,
  memory: Memory | undefined
) {
  yield* Effect.sleep(plan.awayMs)
  const cameBack = cameBackWith(memory, plan)
  const client = yield* world.connect(name, queryOf(plan, cameBack))
  const reading = yield* Effect.forkScoped(client.read)
  yield* Effect.sleep(plan.stayMs / 2)
  const { narrows } = plan
  if (narrows !== null) yield* client.send(JSON.stringify({ type: "subscribe", ...narrows }))
  yield* Effect.sleep(plan.stayMs / 2)
  const witness: Witness = {
    name,
    client,
    reading,
    initial: plan.wanted,
    narrowed: narrows ?? undefined,
    cameBack
  }
  return witness
})

const remember = Effect.fnUntraced(function* ({ client }: Witness, before: Memory | undefined) {
  const frames = yield* client.received
  const hello = frames.find(({ type }) => type === "hello")
  const last = EventStream.lastKnown(frames)
  if (hello === undefined || last === 0) return before
  const hadEvent = frames.some(({ seq, type }) => seq === last && type !== "snapshot")
  return { stream: EventStream.decodeHello(hello.text).stream, last, hadEvent }
})

/** All sessions of a client, the last of which stays until `scope` closes. */
const visit = Effect.fnUntraced(function* (
  world: World.World,
  name: string,
  sessions: ReadonlyArray<Session>,
  scope: Scope.Closeable
) {
  const witnesses: Array<Witness> = []
  let memory: Memory | undefined
  for (const [i, plan] of sessions.entries()) {
    const own = yield* Scope.fork(scope)
    const witness = yield* Scope.provide(begin(world, `${name}/${i + 1}`, plan, memory), own)
    witnesses.push(witness)
    if (i === sessions.length - 1) break
    if (plan.isPolite) yield* witness.client.close
    yield* Scope.close(own, Exit.void)
    memory = yield* remember(witness, memory)
  }
  return witnesses
})

/** An event of each topic, one after another, so that each finds room: they show what was missed before them. */
const lastChanges = Effect.fnUntraced(function* (world: World.World) {
  const last: ReadonlyArray<Change> = [
    { do: "poll", node: "n1", pids: [100] },
    { do: "poll", node: "n2", pids: [100] },
    { do: "come and go", node: "n3" },
    { do: "operation", node: "n1" },
    { do: "operation", node: "n2" },
    { do: "batch" }
  ]
  // One event more for each node and topic, alone on the bus.
  for (const name of ["n1", "n2"] as const) yield* make(world, { do: "poll", node: name, pids: [1] })
  for (const what of last) {
    yield* Effect.sleep(20)
    yield* make(world, what)
  }
})

const optionsOf = ({ eventsKept, outboxFramesMax, overflow, policy, queueEventsMax }: Plan) => ({
  ...World.consoleOptions,
  bus: {
    ...World.consoleOptions.bus,
    overflow,
    queueEventsMax: { high: queueEventsMax, normal: queueEventsMax, low: queueEventsMax }
  },
  hub: { ...World.consoleOptions.hub, slowClientPolicy: policy, outboxFramesMax, eventsKept }
})

export const program = Effect.fnUntraced(
  function* (parts: ConsoleParts) {
    const plan = yield* draw(workload)
    const watched = EventStream.watch(parts)
    const world = yield* World.make({
      nodes: {},
      network: { latencyMsMax: 1 },
      options: optionsOf(plan),
      parts: watched.parts
    })
    for (const name of ["n1", "n2"]) yield* world.registry.add({ name, environment: undefined, kind: "supervisord" })
    const scope = yield* Scope.make()
    const [witnesses] = yield* Effect.all(
      [
        Effect.forEach(plan.clients, (sessions, i) => visit(world, `client-${i}`, sessions, scope), {
          concurrency: "unbounded"
        }),
        Effect.forEach(
          plan.changes,
          ({ atMs, change: what }) => Effect.andThen(Effect.sleep(atMs), make(world, what)),
          {
            concurrency: "unbounded",
            discard: true
          }
        )
      ],
      { concurrency: "unbounded" }
    )
    yield* Effect.sleep(100)
    yield* lastChanges(world)
    yield* Effect.sleep(100)
    const isLossless = plan.overflow === "wait" || plan.overflow === "dropLow"
    const kept = isLossless ? { eventsKept: plan.eventsKept } : {}
    if (!isLossless) yield* sometimes("events may be lost on the bus")
    yield* EventStream.verify(witnesses.flat(), watched.published(), { ...kept, isWhole: true })
    // What was lost on the bus degrades it and the hub, and not for ever.
    if (!isLossless) yield* healthyAgain(world)
    yield* Scope.close(scope, Exit.void)
    yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
  },
  Effect.scoped,
  Effect.catchTag("SocketError", Effect.die)
) satisfies Property["program"]
