/** Sessions on a simulated network whose connections break at any moment. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Console from "../../../core/Console.ts"
import { eventually } from "../../../scenarios/Property.ts"
import * as World from "../../../scenarios/World.ts"
import * as Sim from "../../../sim/Sim.ts"

const visit = (world: World.World, name: string) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const connecting = yield* Effect.forkChild(
      world.connect(name).pipe(
        Scope.provide(scope),
        Effect.flatMap((client) => Effect.andThen(client.send("no frame of the protocol"), client.read)),
        // A connection that breaks while it is made is one of the moments.
        Effect.catchTag("SocketError", () => Effect.succeed(0))
      )
    )
    yield* Effect.sleep(yield* Sim.choose("workload", 60))
    yield* Fiber.interrupt(connecting)
    yield* Scope.close(scope, Exit.void)
  })

const breaking = Effect.scoped(
  Effect.gen(function* () {
    const world = yield* World.make({ nodes: { web: [World.steady("app", "api")] }, parts: Console.parts })
    const web = world.supervisords["web"]
    const names = ["a", "b", "c", "d"]
    yield* Effect.all(
      [
        Effect.forEach(names, (name) => visit(world, name), { concurrency: "unbounded" }),
        web === undefined ? Effect.void : web.kill("app", "api")
      ],
      { concurrency: "unbounded" }
    )
    yield* eventually({
      what: "the hub holds nobody",
      withinMs: 5_000,
      look: Effect.all([world.hub.counts, world.network.openConnections]),
      until: ([counts, open]) => counts.connected === 0 && counts.left === counts.joined && open === 0
    })
    const { joined } = yield* world.hub.counts
    yield* Sim.sometimes(joined === names.length ? "all joined" : "some broke before they joined")
    const closed = yield* Effect.timeoutOption(world.hub.close, 1)
    if (closed._tag === "None") return yield* Effect.die("the hub waits for a session that is over")
    if (world.errors().length > 0) return yield* Effect.die(`logged: ${world.errors().join("; ")}`)
  })
)

describe("Session in the simulator", () => {
  it("leaves nothing behind, whenever its connection breaks", () => {
    const { failure, sometimes } = Sim.check(breaking, { runs: 30, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()].toSorted(), ["all joined", "some broke before they joined"])
  })
})
