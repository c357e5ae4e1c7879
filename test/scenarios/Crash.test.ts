/** The whole console crashes at any moment, without its finalizers, and comes up again between the same nodes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpClientResponse } from "effect/http"
import { parts } from "../../core/Console.ts"
import * as World from "../../scenarios/World.ts"
import * as Sim from "../../sim/Sim.ts"

const Nodes = Schema.Struct({ nodes: Schema.Array(Schema.Struct({ name: Schema.String, status: Schema.String })) })

const nodes = {
  "node-a": [World.steady("app", "api"), World.steady("app", "worker")],
  "node-b": [World.steady("app", "api")]
}

/** Every node as the API shows it, or [] while the console cannot be reached. */
const shown = ({ http }: World.World) =>
  http.get("http://console/api/nodes").pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Nodes)),
    Effect.map(({ nodes: list }) => list.map(({ name, status }) => `${name} ${status}`)),
    Effect.scoped,
    Effect.orElseSucceed((): ReadonlyArray<string> => [])
  )

/** A client that connects whenever it can, until it has seen a snapshot in this session. */
const connectAgain = Effect.fnUntraced(function* (world: World.World, name: string) {
  return yield* Sim.eventually({
    what: `${name} gets a snapshot`,
    within: "30 seconds",
    look: Effect.scoped(
      Effect.gen(function* () {
        const client = yield* world.connect(name)
        yield* client.send(JSON.stringify({ type: "subscribe" }))
        yield* Effect.timeoutOption(client.read, "500 millis")
        return (yield* client.received).map(({ type }) => type)
      })
    ).pipe(Effect.orElseSucceed((): ReadonlyArray<string> => [])),
    until: (types) => types.includes("snapshot")
  })
})

const crashes = Effect.gen(function* () {
  const world = yield* World.make({ nodes, parts })
  const client = yield* world.connect("client-0")
  const reading = yield* Effect.forkScoped(client.read)
  const times = 1 + (yield* Sim.choose("workload", 3))
  for (let i = 0; i < times; i++) {
    yield* Effect.sleep(yield* Sim.choose("workload", 4_000))
    // Somewhere within what the console does in this millisecond.
    yield* Effect.repeat(Effect.yieldNow, { times: yield* Sim.choose("faults", 60) })
    yield* world.crash
    if (i === 0 && reading.pollUnsafe() === undefined) yield* Sim.sometimes("a client was reading")
    yield* Effect.sleep(yield* Sim.choose("workload", 200))
    yield* world.start
  }
  yield* Sim.eventually({
    what: "both nodes are up",
    within: "30 seconds",
    look: shown(world),
    until: (list) => list.join() === "node-a up,node-b up"
  })
  yield* connectAgain(world, "client-1")
  if (world.errors().length > 0) return yield* Effect.die(world.errors().join("\n"))
}).pipe(Effect.scoped)

describe("a console that crashes", () => {
  it("shows its fleet and takes clients again, and leaves nothing behind", { timeout: 60_000 }, () => {
    const { failure, faults, sometimes } = Sim.check(crashes, { runs: 30, leaks: "fail", name: "crash" })
    assert.strictEqual(failure?.story, undefined)
    assert.isAtLeast(faults.get("crash") ?? 0, 30)
    assert.isAbove(sometimes.get("a client was reading") ?? 0, 0)
  })
})
