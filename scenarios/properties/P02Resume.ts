/**
 * P2, further, over the hub, its sessions and what they stand on by themselves: clients that come, break off and come
 * back with the last event that they know.
 *
 * Method: polls, operations, batches and nodes that come and go are reported to the registry in the very milliseconds
 * in which clients connect, break off and come back: with the right stream, a wrong one or none, with the number of
 * their last event, an older one or one that is yet to come, and with a subscription from the start. The hub keeps few
 * events, its outboxes and its queue on the bus are small, and the bus has any policy for overflow. In most runs
 * clients join the hub directly, without a connection, and look into their outboxes when they leave.
 */
import { Effect, Exit, Scope } from "effect"
import * as fc from "fast-check"
import type { OverflowPolicy } from "../../core/bus/EventBus.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetChange } from "../../core/domain/FleetEvent.ts"
import type { Joining } from "../../core/hub/Hub.ts"
import type { Subscription, Topic } from "../../core/hub/Protocol.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as EventStream from "../oracles/EventStream.ts"
import type { CameBack, Witness } from "../oracles/EventStream.ts"
import { runningAll } from "../peers/Reports.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as HubStage from "../stages/HubStage.ts"

const node = fc.constantFrom("n1", "n2")
const pids = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 2 })

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
  awayMs: fc.nat(6),
  stayMs: fc.nat(10),
  isPolite: fc.boolean(),
  since: fc.constantFrom("last", "last", "last", "older", "yet to come", "none"),
  stream: fc.constantFrom("right", "right", "none", "wrong"),
  wanted,
  narrows: fc.option(wanted)
})
type Session = ReturnType<typeof session.generate>["value"]

const sessionsOf = fc.oneof(fc.tuple(session), fc.tuple(session, session))

const workload = fc.record({
  eventsKept: fc.constantFrom(20, 3, 1),
  outboxFramesMax: fc.constantFrom(64, 4, 2, 1),
  policy: fc.constantFrom("disconnect", "dropOldest"),
  overflow: fc.constantFrom(...overflows),
  queueEventsMax: fc.integer({ min: 1, max: 5 }),
  changes: fc.array(fc.record({ atMs: fc.nat(10), change }), { minLength: 1, maxLength: 3 }),
  looksAtHealth: fc.constantFrom(false, false, false, true),
  isDirect: fc.constantFrom(true, true, true, false),
  clients: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(sessionsOf) },
    { weight: 1, arbitrary: fc.tuple(sessionsOf, sessionsOf) }
  )
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

const make = ({ registry }: HubStage.HubStage, what: Change): Effect.Effect<void> => {
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

const joiningOf = ({ wanted: subscription }: Session, back: CameBack | undefined): Joining =>
  back === undefined ? { subscription } : { since: back.since, stream: back.stream, subscription }

/** One session of a client; the connection breaks off with the scope. */
const begin = Effect.fnUntraced(function* (
  world: HubStage.HubStage,
  name: string,
  plan: Session,
  memory: Memory | undefined
) {
  yield* Effect.sleep(plan.awayMs)
  const cameBack = cameBackWith(memory, plan)
  const client = yield* world.connect(name, joiningOf(plan, cameBack))
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
  world: HubStage.HubStage,
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

/** One event alone on the bus, which finds room: it shows everybody what was missed before it. */
const lastChange = ({ registry }: HubStage.HubStage) => registry.tell({ type: "batch.changed", batch })

const optionsOf = ({ eventsKept, outboxFramesMax, overflow, policy, queueEventsMax }: Plan) => ({
  bus: { overflow, queueEventsMax: { high: queueEventsMax, normal: queueEventsMax, low: queueEventsMax } },
  hub: { slowClientPolicy: policy, outboxFramesMax, eventsKept },
  // Nobody is silent here: there are no pings to take steps.
  session: { heartbeatIntervalMs: 600_000, heartbeatTimeoutMs: 1_200_000 },
  network: { latencyMsMax: 1, windowMessages: 2 }
})

const resumeProgram = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const plan = yield* draw(workload)
  const watched = EventStream.watch(parts)
  const world = yield* HubStage.make({ ...optionsOf(plan), isDirect: plan.isDirect, parts: watched.parts })
  for (const name of ["n1", "n2"]) yield* world.registry.add({ name, environment: undefined, kind: "supervisord" })
  const scope = yield* Scope.make()
  const [witnesses] = yield* Effect.all(
    [
      Effect.forEach(plan.clients, (sessions, i) => visit(world, `client-${i}`, sessions, scope), {
        concurrency: "unbounded"
      }),
      Effect.forEach(plan.changes, ({ atMs, change: what }) => Effect.delay(make(world, what), atMs), {
        concurrency: "unbounded",
        discard: true
      })
    ],
    { concurrency: "unbounded" }
  )
  const isLossless = plan.overflow === "wait" || plan.overflow === "dropLow"
  if (!isLossless) {
    yield* sometimes("events may be lost on the bus")
    yield* Effect.sleep(100)
    yield* lastChange(world)
  }
  yield* Effect.sleep(100)
  const holes = yield* world.components.errorsOf("hub")
  yield* holds(!isLossless || holes === 0, () => `events got lost on a bus that loses none: ${holes} times`)
  const kept = isLossless ? { eventsKept: plan.eventsKept } : {}
  yield* EventStream.verify(witnesses.flat(), watched.published(), { ...kept, isWhole: true })
  // What was lost on the bus degrades it and the hub, and not for ever.
  if (!isLossless && plan.looksAtHealth) yield* HubStage.healthyAgain(world, lastChange(world))
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
})

export const program: Property["program"] = (parts) =>
  HubStage.unclosed(Effect.catchTag(resumeProgram(parts), ["SocketError", "NetworkError", "NotAdmitted"], Effect.die))
