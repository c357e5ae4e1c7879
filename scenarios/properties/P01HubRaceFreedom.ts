/**
 * P1, hub race-freedom (R1.1 to R1.3): connects, disconnects and broadcasts interleave without a lost client, a phantom
 * client, a wrong count, a defect or a deadlock.
 *
 * Method: clients come and go at generated moments, by a goodbye, a broken connection, falling silent, a reset or a
 * network that swallows what they are sent, while programs die and a swarm of faults takes the node away and back, and
 * so causes broadcasts. In some runs the wall clock is set meanwhile. One client stays through it all. When the others
 * are gone, those that fell silent by the heartbeat's own time, the hub must count exactly the one that stays, that one
 * must still be told of a change, and when it leaves too nothing may be left.
 */
import { Effect, Exit, Scope } from "effect"
import type { HttpClientResponse } from "effect/http"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import * as WallClock from "../../sim/WallClock.ts"
import { nodeLinks } from "../faults/NodeLinks.ts"
import * as HubMutants from "../mutants/HubMutants.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Visits from "./P01Visits.ts"

const workload = fc.record({
  // A herd comes and goes at the same moments.
  herd: fc.boolean(),
  // Equal latencies bring more events to the same instant, and so more orders to choose from.
  latencyMsMax: fc.constantFrom(1, 10),
  clients: fc.array(
    fc.record({
      joinAtMs: fc.nat(1_000),
      stayMs: fc.nat(1_000),
      // Frames that are sent before anything is read: many of them fill the outbox.
      chatter: fc.constantFrom(0, 0, 1, 12),
      leave: fc.constantFrom(...Visits.ways)
    }),
    { minLength: 1, maxLength: 3 }
  ),
  // The console's clock is set while clients are there.
  clock: fc.option(fc.record({ atMs: fc.nat(2_000), byMs: fc.constantFrom(-3_600_000, 3_600_000) })),
  kills: fc.array(fc.record({ atMs: fc.nat(2_000), program: fc.constantFrom("api", "worker") }), { maxLength: 3 })
})

const program: Property["program"] = Effect.fnUntraced(
  function* (parts) {
    const { clients, clock, herd, kills, latencyMsMax } = yield* draw(workload)
    const visits = herd ? clients.map((client) => ({ ...client, joinAtMs: 0, stayMs: 1_000 })) : clients
    const nodes = { web: [World.steady("app", "api"), World.steady("app", "worker")] }
    const hub = { ...World.consoleOptions.hub, outboxFramesMax: 8 }
    const world = yield* World.make({
      nodes,
      options: { ...World.consoleOptions, hub },
      network: { latencyMsMax, windowMessages: 2 },
      parts
    })
    const visited: Visits.Visited = { ...world, session: World.consoleOptions.session }
    const web = world.supervisords["web"]
    if (web === undefined) return yield* Effect.die("the world has no node web")

    const stayScope = yield* Scope.make()
    const stayer = yield* world.connect("stayer").pipe(Scope.provide(stayScope))
    yield* Effect.forkChild(stayer.read)
    const faults = yield* Scope.make()
    yield* Scope.provide(nodeLinks(world.network, ["web"]), faults)
    yield* Effect.all(
      [
        Effect.forEach(visits, (client, i) => Visits.visit(visited, `client-${i}`, client), {
          concurrency: "unbounded"
        }),
        Effect.forEach(kills, (kill) => Effect.andThen(Effect.sleep(kill.atMs), web.kill("app", kill.program)), {
          concurrency: "unbounded"
        }),
        clock === null ? Effect.void : Effect.andThen(Effect.sleep(clock.atMs), WallClock.jump(clock.byMs))
      ],
      { concurrency: "unbounded" }
    )

    yield* Scope.close(faults, Exit.void)

    const shown = Effect.flatMap(world.http.get("http://console/health"), hubClients)
    const settled = Effect.fnUntraced(function* (expected: number) {
      yield* eventually({
        what: `the hub counts ${expected} clients`,
        withinMs: 5_000,
        look: world.hub.counts,
        until: ({ connected }) => connected === expected
      })
      const count = yield* shown
      yield* holds(count === expected, () => `the hub counts ${expected} clients, and ${count} are shown`)
    })
    yield* settled(1)

    // A node that was away is looked at again before its program dies: the change must be one that is seen.
    yield* eventually({
      what: "the node is up",
      withinMs: 20_000,
      look: Effect.map(world.registry.state, (state) => state.nodes.get("web")?.status),
      until: (status) => status === "up"
    })
    const before = (yield* stayer.received).length
    yield* web.kill("app", "api")
    yield* eventually({
      what: "the client that stays is told of a change",
      withinMs: 10_000,
      look: Effect.map(stayer.received, (frames) => frames.length),
      until: (count: number) => count > before
    })
    yield* Scope.close(stayScope, Exit.void)
    yield* settled(0)

    yield* Visits.checkRest(visited, clients.length + 1)
  },
  Effect.scoped,
  Effect.catchTag(["SocketError", "HttpClientError"], Effect.die)
)

/** `components` of the health report names the hub with its clients. */
const hubClients = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.text, (text) => Number(/"name":"hub".*?"clients":(\d+)/.exec(text)?.[1] ?? -1))

export const P1: Property = {
  id: "P1",
  title: "hub race-freedom",
  requirements: ["R1.1", "R1.2", "R1.3"],
  marks: [
    "a client left by reset",
    "a client left by silent",
    "a client left by stall",
    "a client was silent for too long",
    "a slow client was let go",
    "a broadcast met a client that leaves"
  ],
  program,
  focus: Visits.program,
  mutants: [HubMutants.racyCount, HubMutants.cleanupDiesWithSession, HubMutants.countedOutTwice]
}
