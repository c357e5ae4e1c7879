/** The whole console on a simulated network, closed at any moment. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Console from "../../core/Console.ts"
import * as World from "../../scenarios/World.ts"
import * as Sim from "../../sim/Sim.ts"

/** Longer than any wait that the console may make at its end. */
const closedWithinMs = 5_000

const closing = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const clientScope = yield* Scope.make()
  const world = yield* World.make({ nodes: { web: [World.steady("app", "api")] }, parts: Console.parts }).pipe(
    Scope.provide(scope)
  )
  const count = 1 + (yield* Sim.choose("workload", 3))
  const clients = yield* Effect.forEach(
    Array.from({ length: count }, (_, i) => `client-${i}`),
    (name) => world.connect(name).pipe(Scope.provide(clientScope))
  )
  const codes = yield* Effect.forEach(clients, (client) => Effect.forkChild(client.read))
  yield* Effect.sleep(yield* Sim.choose("workload", 3_000))
  const closed = yield* Effect.timeoutOption(Scope.close(scope, Exit.void), closedWithinMs)
  if (closed._tag === "None") return yield* Effect.die(`not closed within ${closedWithinMs} ms`)
  const read = yield* Effect.timeoutOption(Fiber.joinAll(codes), 1_000)
  if (read._tag === "None") return yield* Effect.die("a client was not told")
  if (read.value.some((code) => code !== 1001)) return yield* Effect.die(`closed with ${read.value.join(" ")}`)
  yield* Scope.close(clientScope, Exit.void)
  const open = yield* world.network.openConnections
  if (open !== 0) return yield* Effect.die(`${open} connections are open`)
  const counts = yield* world.hub.counts
  if (counts.connected !== 0 || counts.left !== count) return yield* Effect.die(`hub: ${JSON.stringify(counts)}`)
  if (world.errors().length > 0) return yield* Effect.die(`logged: ${world.errors().join("; ")}`)
}).pipe(Effect.catchTag("SocketError", Effect.die))

describe("Console", () => {
  it("tells its clients that it goes, and leaves no connection", () => {
    const { failure, runs } = Sim.check(closing, { runs: 30, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.strictEqual(runs, 30)
  })
})
