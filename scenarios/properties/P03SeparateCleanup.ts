/**
 * P3, separate cleanup (R1.2, R1.5): no cleanup runs on the broadcasting fiber, and none changes the client set while
 * it is walked.
 *
 * Method: clients that follow a log leave by generated ways while events are published, and the giving back of a
 * followed log is made slow: a cleanup takes seconds of virtual time. Were it done by whoever broadcasts, the clients
 * that stay would have to wait; were the set changed under the walk, one of them would be passed over. So each client
 * that stays must get every event, and get it at once.
 */
import { Clock, Effect, Exit, Layer, Ref, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { LogFollow } from "../../core/fleet/LogFollow.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as CleanupMutants from "../mutants/CleanupMutants.ts"
import * as EventStream from "../oracles/EventStream.ts"
import { running } from "../peers/Reports.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

const workload = fc.record({
  stayers: fc.integer({ min: 1, max: 3 }),
  leavers: fc.array(
    fc.record({
      leaveAtMs: fc.integer({ min: 1_000, max: 1_020 }),
      how: fc.constantFrom("goodbye", "break", "reset"),
      follows: fc.boolean()
    }),
    { minLength: 1, maxLength: 4 }
  ),
  events: fc.array(fc.integer({ min: 1_000, max: 1_020 }), { minLength: 2, maxLength: 8 })
})

const cleanupMs = 3_000

/** Giving back a followed log takes long, whoever does it. */
const slowCleanup = (parts: ConsoleParts): ConsoleParts => ({
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

/** On the way from the registry to a client that reads: the wire, twice its latency. */
const atOnceMs = 50

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const plan = yield* draw(workload)
    const world = yield* World.make({ nodes: {}, network: { latencyMsMax: 1 }, parts: slowCleanup(parts) })
    const published = yield* EventStream.record(world.bus)
    yield* world.registry.add({ name: "n1", environment: undefined, kind: "supervisord" })
    const scope = yield* Scope.make()
    const stayers = yield* Effect.forEach(Array.from({ length: plan.stayers }), (_, i) =>
      Effect.gen(function* () {
        const name = `stayer-${i}`
        const client = yield* world.connect(name)
        return { name, client, narrowed: undefined, reading: yield* Effect.forkScoped(client.read) }
      })
    ).pipe(Scope.provide(scope))
    const leave = Effect.fnUntraced(function* (
      { follows, how, leaveAtMs }: (typeof plan)["leavers"][number],
      i: number
    ) {
      const name = `leaver-${i}`
      const own = yield* Scope.make()
      const client = yield* Scope.provide(world.connect(name), own)
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
    const events = yield* published
    for (const { client, name } of stayers) {
      const got = (yield* client.received).filter(({ seq, type }) => seq !== undefined && type !== "snapshot")
      const late = events.findLast(({ seq }) => !got.some((frame) => frame.seq === seq) && seq > 1)
      yield* holds(
        late === undefined,
        () => `${name} has not got event ${late?.seq} (${late?.type}) ${atOnceMs} ms later`
      )
    }
    yield* EventStream.verify(stayers, events)
    yield* Scope.close(scope, Exit.void)
    yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
  },
  Effect.scoped,
  Effect.catchTag("SocketError", Effect.die)
)

export const P3: Property = {
  id: "P3",
  title: "separate cleanup",
  requirements: ["R1.2", "R1.5"],
  marks: ["a client left whose cleanup is slow"],
  program,
  mutants: [
    CleanupMutants.cleanupOnBroadcast,
    CleanupMutants.cleanupHoldsLock,
    CleanupMutants.setChangedWhileWalked,
    CleanupMutants.walkBeginsAgain
  ]
}
