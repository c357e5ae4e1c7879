/** The whole console in the simulator under a steady load: how much virtual time passes in a real second. */
import { Effect } from "effect"
import { parts } from "../core/Console.ts"
import * as Sim from "../sim/Sim.ts"
import * as World from "../scenarios/World.ts"
import { type Benchmark, timed } from "./Benchmark.ts"

const load = { nodes: 100, programs: 4, clients: 100, pollMs: 5_000, changeEveryMs: 1_000, seconds: 60 } as const

const program = Effect.gen(function* () {
  const names = Array.from({ length: load.nodes }, (_, i) => `node-${i}`)
  const programs = Array.from({ length: load.programs }, (_, i) => World.steady("app", `p${i}`))
  const options = {
    ...World.consoleOptions,
    hub: { ...World.consoleOptions.hub, clientsMax: load.clients, heartbeatIntervalMs: 15_000 },
    session: { ...World.consoleOptions.session, heartbeatIntervalMs: 15_000, heartbeatTimeoutMs: 30_000 },
    fleet: {
      ...World.consoleOptions.fleet,
      poll: { intervalMs: load.pollMs, jitter: 0.1, concurrency: 16, concurrencyDown: 4 }
    }
  }
  const world = yield* World.make({ nodes: Object.fromEntries(names.map((name) => [name, programs])), options, parts })
  for (let i = 0; i < load.clients; i++) {
    const client = yield* world.connect(`client-${i}`)
    yield* Effect.forkScoped(client.read)
  }
  for (let second = 0; second < load.seconds; second++) {
    yield* Effect.sleep(load.changeEveryMs)
    const node = names[second % names.length] ?? ""
    yield* world.supervisords[node]?.kill("app", "p0") ?? Effect.void
  }
}).pipe(Effect.scoped)

const stepsMax = 100_000_000

export const fleetVirtual: Benchmark = {
  name: "fleet-virtual",
  what:
    `the console with ${load.nodes} nodes of ${load.programs} processes polled every ${load.pollMs / 1_000} s, ` +
    `${load.clients} clients, a change a second`,
  target: "at least 500 virtual seconds a second",
  met: ({ value }) => value >= 500,
  measure: Effect.sync(() => {
    const { ms, value } = timed(() => Sim.run(program, { seed: 1, stepsMax }))
    if (value.outcome !== "done") throw new Error(`bench: ${value.message}`)
    return { value: value.virtualMs / ms, unit: "virtual s/s" }
  })
}
