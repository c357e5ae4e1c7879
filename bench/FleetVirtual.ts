/**
 * The whole console in the simulator under a steady load: how much virtual time passes in a second, and on what it
 * goes.
 */
import { Effect } from "effect"
import { parts } from "../core/Console.ts"
import { nodeLinks } from "../scenarios/faults/NodeLinks.ts"
import * as World from "../scenarios/World.ts"
import * as Sim from "../sim/Sim.ts"
import { type Benchmark, timed } from "./Benchmark.ts"

const load = { nodes: 100, programs: 4, clients: 100, pollMs: 5_000, changeEveryMs: 1_000 } as const

/** Virtual ones. The console is at rest with its nodes and clients after the first of them. */
const seconds = { start: 10, measured: 60, told: 10 } as const

const program = (forSeconds: number, hasFaults: boolean) =>
  Effect.gen(function* () {
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
    const nodes = Object.fromEntries(names.map((name) => [name, programs]))
    const world = yield* World.make({ nodes, options, parts })
    if (hasFaults) yield* nodeLinks(world.network, names)
    for (let i = 0; i < load.clients; i++) {
      const client = yield* world.connect(`client-${i}`)
      yield* Effect.forkScoped(client.read)
    }
    for (let second = 0; second < forSeconds; second++) {
      yield* Effect.sleep(load.changeEveryMs)
      const node = names[second % names.length] ?? ""
      yield* world.supervisords[node]?.kill("app", "p0") ?? Effect.void
    }
  }).pipe(Effect.scoped)

const stepsMax = 100_000_000

const sharesShown = 6

const run = (forSeconds: number, hasFaults: boolean, record: boolean) => {
  const result = Sim.run(program(forSeconds, hasFaults), { seed: 1, stepsMax, record })
  if (result.outcome !== "done") throw new Error(`bench: ${result.message}`)
  return result
}

/** Where the steps were taken under load: inside the console, by function, and in the models of what surrounds it. */
const sharesOf = ({ hosts, trace }: ReturnType<typeof run>): string => {
  const steps = new Map<string, number>()
  let total = 0
  for (const { atMs, fiber, name, steps: taken } of trace) {
    if (atMs < seconds.start * 1_000) continue
    const of = hosts[fiber] === "" ? "the models of clients, nodes and network" : name.replace(/ \(.*$/, "")
    steps.set(of, (steps.get(of) ?? 0) + taken)
    total += taken
  }
  return Array.from(steps)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, sharesShown)
    .map(([of, taken]) => `${of === "" ? "unnamed fibers of the console" : of} ${Math.round((100 * taken) / total)} %`)
    .join(", ")
}

const benchmark = (name: string, hasFaults: boolean): Benchmark => ({
  name,
  what:
    `the console with ${load.nodes} nodes of ${load.programs} processes polled every ${load.pollMs / 1_000} s, ` +
    `${load.clients} clients, a change a second${hasFaults ? ", and links to the nodes that fail" : ""}`,
  target: "at least 500 virtual seconds a second",
  met: ({ value }) => value >= 500,
  measure: Effect.sync(() => {
    // A process that is cold takes twice as long for its first seconds.
    run(seconds.start, hasFaults, false)
    const start = timed(() => run(seconds.start, hasFaults, false))
    const whole = timed(() => run(seconds.start + seconds.measured, hasFaults, false))
    const ms = whole.ms - start.ms
    const steps = whole.value.steps - start.value.steps
    const shares = sharesOf(run(seconds.start + seconds.told, hasFaults, true))
    const virtualMs = whole.value.virtualMs - start.value.virtualMs
    console.log(
      `  the start takes ${start.value.steps} steps and ${Math.round(start.ms)} ms; then ` +
        `${Math.round((1_000 * steps) / virtualMs)} steps for a virtual second, ` +
        `${((ms * 1_000) / steps).toFixed(2)} µs for a step; where they are taken: ${shares}`
    )
    return { value: virtualMs / ms, unit: "virtual s/s" }
  })
})

export const fleetVirtual = benchmark("fleet-virtual", false)

export const fleetVirtualFaults = benchmark("fleet-virtual-faults", true)
