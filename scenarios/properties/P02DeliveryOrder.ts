/**
 * P2, delivery order (R1.4): what a client receives is a gap-free run of what was published since it joined, in order,
 * or it was told of the gap.
 *
 * Method: programs that keep dying cause a steady stream of events; clients join at generated moments, some narrow
 * their subscription, some read slowly, under both policies for slow clients and small outboxes. A subscriber of the
 * bus takes down what was published. Each client's frames are then compared with it: after the snapshot every event
 * must come that it asked for, except those that a `gap` frame told it of.
 */
import { Effect, Exit, Fiber, Ref, Schema, Scope } from "effect"
import * as fc from "fast-check"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { wants } from "../../core/hub/Protocol.ts"
import type { Subscription } from "../../core/hub/Protocol.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as HubMutants from "../mutants/HubMutants.ts"
import type { HubClient, Received } from "../peers/HubClient.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  policy: fc.constantFrom("disconnect", "dropOldest"),
  outboxFramesMax: fc.constantFrom(64, 8, 3),
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

type Workload = ReturnType<typeof workload.generate>["value"]

/** What a client did and got. */
interface Visit {
  readonly name: string
  readonly narrowed: Subscription | undefined
  readonly frames: ReadonlyArray<Received>
}

const visit = Effect.fnUntraced(function* (world: World.World, name: string, plan: Workload["clients"][number]) {
  yield* Effect.sleep(plan.joinAtMs)
  const client = yield* world.connect(name)
  const reading = yield* Effect.forkChild(Effect.andThen(Effect.sleep(plan.pauseMs), client.read))
  const narrowed = plan.narrow === null ? undefined : { nodes: [plan.narrow.node] }
  if (plan.narrow !== null) {
    yield* Effect.sleep(plan.narrow.afterMs)
    yield* client.send(JSON.stringify({ type: "subscribe", ...narrowed }))
  }
  yield* Effect.sleep(plan.stayMs)
  return { name, narrowed, client, reading }
})

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const plan = yield* draw(workload)
    const programs = plan.lastsMs.map((runsForMs, i) => ({ ...World.steady("app", `p${i}`), runsForMs }))
    const options = {
      ...World.consoleOptions,
      hub: { ...World.consoleOptions.hub, slowClientPolicy: plan.policy, outboxFramesMax: plan.outboxFramesMax }
    } as const
    const world = yield* World.make({
      nodes: { a: programs.slice(0, 3), b: programs.slice(3) },
      options,
      network: { windowMessages: plan.windowMessages },
      parts
    })
    const published = yield* Ref.make<ReadonlyArray<FleetEvent>>([])
    const tap = yield* world.bus.subscribe
    yield* Effect.forkScoped(
      Effect.forever(Effect.flatMap(tap.take, (event) => Ref.update(published, (all) => [...all, event])))
    )

    const scope = yield* Scope.make()
    const visits = yield* Effect.forEach(plan.clients, (client, i) => visit(world, `client-${i}`, client), {
      concurrency: "unbounded"
    }).pipe(Scope.provide(scope))
    // No more polls, so no more events: what is under way arrives, and then nothing may be missing.
    yield* Effect.forEach(Object.values(world.supervisords), (node) => node.spoil("hang"))
    yield* Effect.sleep("8 seconds")
    const events = yield* Ref.get(published)
    yield* holds(
      events.every((event, i) => event.seq === i + 1),
      () => `a subscriber of the bus got events ${events.map((event) => event.seq).join(" ")}`
    )
    for (const { client, narrowed, name, reading } of visits) {
      // Still connected: then nothing may be missing at the end either.
      if (reading.pollUnsafe() === undefined) yield* caughtUp(client, name, events, narrowed)
      yield* compare({ name, narrowed, frames: yield* client.received }, events)
      yield* Fiber.interrupt(reading)
    }
    yield* Scope.close(scope, Exit.void)
  },
  Effect.scoped,
  Effect.catchTag("SocketError", Effect.die)
)

/** Waits for the last event that this client has to get. */
const caughtUp = (
  client: HubClient,
  name: string,
  events: ReadonlyArray<FleetEvent>,
  narrowed: Subscription | undefined
) => {
  const last = events.findLast((event) => narrowed === undefined || wants(narrowed, event))?.seq ?? 0
  return eventually({
    what: `${name} receives event ${last}`,
    withinMs: 5_000,
    look: Effect.map(client.received, (frames) => Math.max(0, ...frames.map((frame) => lastNumber(frame)))),
    until: (seq: number) => seq >= last
  })
}

const Gap = Schema.Struct({ type: Schema.Literal("gap"), from: Schema.Int, to: Schema.Int })
const decodeGap = Schema.decodeUnknownSync(Schema.fromJsonString(Gap))

const lastNumber = (frame: Received): number => (frame.type === "gap" ? decodeGap(frame.text).to : (frame.seq ?? 0))

/** The frames of a client against what was published. */
const compare = (
  { frames, name, narrowed }: Visit,
  events: ReadonlyArray<FleetEvent>
): Effect.Effect<void, Violation, RunContext> =>
  Effect.gen(function* () {
    const byNumber = new Map(events.map((event) => [event.seq, event]))
    let wanted: Subscription = {}
    let last: number | undefined
    let told = 0
    for (const frame of frames) {
      if (frame.type === "snapshot") last = frame.seq ?? 0
      if (frame.type === "subscribed" && narrowed !== undefined) {
        wanted = narrowed
        yield* sometimes("a narrowed subscription")
      }
      if (frame.type === "gap") {
        told = decodeGap(frame.text).to
        yield* sometimes("a gap was told")
      }
      if (frame.seq === undefined || frame.type === "snapshot") continue
      const event = byNumber.get(frame.seq)
      if (last === undefined) return yield* violated(`${name} received event ${frame.seq} before its snapshot`)
      if (event === undefined) return yield* violated(`${name} received event ${frame.seq}, which was never published`)
      if (JSON.stringify(event) !== frame.text)
        return yield* violated(`${name} received another event ${frame.seq} than was published`)
      if (frame.seq <= last) return yield* violated(`${name} received event ${frame.seq} after event ${last}`)
      for (let seq = Math.max(last, told) + 1; seq < frame.seq; seq++) {
        const missed = byNumber.get(seq)
        if (missed !== undefined && wants(wanted, missed)) {
          return yield* violated(`${name} received event ${frame.seq} but not event ${seq}, and was not told`)
        }
      }
      last = frame.seq
    }
  })

export const P2: Property = {
  id: "P2",
  title: "delivery order",
  requirements: ["R1.4"],
  program,
  mutants: [HubMutants.cachedSnapshot, HubMutants.fiberPerEvent, HubMutants.lossyBus]
}
