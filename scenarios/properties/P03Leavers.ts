/**
 * What P3 does, wherever there is a hub, and P3 further, over the hub, its sessions and what they stand on by
 * themselves.
 *
 * Method: as that of P3, with fewer clients and changes, all within a few milliseconds; in most runs clients join the
 * hub directly, without a connection. What they follow brings nothing.
 */
import { Clock, Effect, Exit, Layer, Ref, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetEvent } from "../../core/domain/FleetEvent.ts"
import { LogFollow } from "../../core/fleet/LogFollow.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as EventStream from "../oracles/EventStream.ts"
import type { HubClient } from "../peers/HubClient.ts"
import { running } from "../peers/Reports.ts"
import { holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as HubStage from "../stages/HubStage.ts"

// Wherever there is a hub -----------------------------------------------------------------------------------------------

/** Where clients come and go. */
export interface Place extends Pick<HubStage.HubStage, "errors" | "network" | "registry"> {
  /** What was handed to the bus. */
  readonly published: () => ReadonlyArray<FleetEvent>
  readonly connect: (name: string) => Effect.Effect<HubClient, unknown, Scope.Scope>
}

/** How many stay, who leaves, and when something changes. */
export interface Plan {
  readonly stayers: number
  readonly leavers: ReadonlyArray<{
    readonly leaveAtMs: number
    readonly how: "goodbye" | "break" | "reset"
    readonly follows: boolean
  }>
  readonly events: ReadonlyArray<number>
}

const cleanupMs = 3_000

/** Giving back a followed log takes long, whoever does it. */
export const slowCleanup = (parts: ConsoleParts): ConsoleParts => ({
  ...parts,
  logFollow: Layer.effect(
    LogFollow,
    Effect.map(LogFollow, (real) => ({
      ...real,
      follow: (log) =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sleep(cleanupMs)),
          real.follow(log)
        )
    }))
  ).pipe(Layer.provide(parts.logFollow))
})

/** Nobody follows anything, and giving it back takes long. */
const onlySlowCleanup = (parts: ConsoleParts): ConsoleParts => ({
  ...parts,
  logFollow: Layer.succeed(LogFollow, {
    follow: () => Effect.addFinalizer(() => Effect.sleep(cleanupMs)),
    following: Effect.succeed([])
  })
})

/** On the way from the registry to a client that reads: the wire, twice its latency. */
const atOnceMs = 50

/** Has them come and go, and looks at those that stay. */
export const scene = Effect.fnUntraced(function* (
  world: Place,
  plan: Plan
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  yield* world.registry.add({ name: "n1", environment: undefined, kind: "supervisord" })
  const stayers = yield* Effect.forEach(Array.from({ length: plan.stayers }), (_, i) =>
    Effect.gen(function* () {
      const name = `stayer-${i}`
      const client = yield* Effect.orDie(world.connect(name))
      return { name, client, narrowed: undefined, reading: yield* Effect.forkScoped(client.read) }
    })
  )
  const leave = Effect.fnUntraced(function* ({ follows, how, leaveAtMs }: (typeof plan)["leavers"][number], i: number) {
    const name = `leaver-${i}`
    const own = yield* Scope.make()
    const client = yield* Effect.orDie(Scope.provide(world.connect(name), own))
    yield* Effect.forkChild(client.read)
    const logs = [{ node: "n1", group: "app", name: "api", channel: "stdout" }]
    if (follows) yield* client.send(JSON.stringify({ type: "subscribe", logs }))
    yield* Effect.sleep(leaveAtMs)
    if (how === "goodbye") yield* client.close
    if (how === "reset") yield* world.network.cut(({ from, to }) => from === name || to === name)
    yield* Scope.close(own, Exit.void)
    if (follows) yield* sometimes("a client left whose cleanup is slow")
  })
  const lastMs = yield* Ref.make(0)
  const publish = (atMs: number, pid: number) =>
    Effect.gen(function* () {
      yield* Effect.sleep(atMs)
      yield* world.registry.record("n1", running(pid + 1))
      yield* Ref.set(lastMs, yield* Clock.currentTimeMillis)
    })
  yield* Effect.all([...plan.leavers.map(leave), ...plan.events.map(publish)], {
    concurrency: "unbounded",
    discard: true
  })
  // No more than the way takes, while the cleanups are still under way.
  const agoMs = (yield* Clock.currentTimeMillis) - (yield* Ref.get(lastMs))
  yield* Effect.sleep(Math.max(0, atOnceMs - agoMs))
  const events = world.published()
  for (const { client, name } of stayers) {
    const got = (yield* client.received).filter(({ seq, type }) => seq !== undefined && type !== "snapshot")
    const late = events.findLast(({ seq }) => !got.some((frame) => frame.seq === seq) && seq > 1)
    yield* holds(
      late === undefined,
      () => `${name} has not got event ${late?.seq} (${late?.type}) ${atOnceMs} ms later`
    )
  }
  yield* EventStream.verify(stayers, events)
  yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
})

// The hub by itself -----------------------------------------------------------------------------------------------------

const leaver = fc.record({
  leaveAtMs: fc.integer({ min: 2, max: 5 }),
  how: fc.constantFrom("goodbye", "break", "reset"),
  follows: fc.boolean()
})

const workload = fc.record({
  stayers: fc.constantFrom(1, 1, 1, 1, 1, 2),
  leavers: fc.oneof({ weight: 4, arbitrary: fc.tuple(leaver) }, { weight: 1, arbitrary: fc.tuple(leaver, leaver) }),
  isDirect: fc.constantFrom(true, true, true, false),
  // About the moments at which the hub hears of the leaving.
  events: fc.array(fc.integer({ min: 4, max: 8 }), { minLength: 1, maxLength: 2 })
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { isDirect, ...plan } = yield* draw(workload)
  const { parts: watched, published } = EventStream.watch(onlySlowCleanup(parts))
  const stage = yield* HubStage.make({ parts: watched, isDirect, network: { latencyMsMax: 1 } })
  yield* scene({ ...stage, published }, plan)
}, HubStage.unclosed)
