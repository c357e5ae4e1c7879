/**
 * Whether nodes in trouble delay the others: how long a good node waits from one poll to the next, with ten bad ones
 * beside it and without them. Measured on real sockets, and in the simulator, where nothing else on the machine counts.
 */
import { Clock, Effect } from "effect"
import { parts } from "../core/Console.ts"
import * as World from "../scenarios/World.ts"
import { pass } from "../sim/Rules.ts"
import * as Sim from "../sim/Sim.ts"
import { type Benchmark, type Measured } from "./Benchmark.ts"
import { start } from "./FakeFleet.ts"
import { percentile } from "./Percentile.ts"

/** As the console polls by default, with a shorter interval, so that there is more to count. */
const load = { good: 40, bad: 5, processes: 20, port: 22_000, intervalMs: 1_000, jitter: 0.1, concurrency: 16 } as const
const seconds = { warmUp: 15, measured: 30, virtual: 120 } as const

const programsVirtual = 3

/** The longest time between two polls of a node that one in a hundred exceeds, and the longest of all. */
interface Gaps {
  readonly p99Ms: number
  readonly maxMs: number
}

const ratioMax = 1.1
const target = `p99 at most ${ratioMax} of that without them`

const compared = (alone: Gaps, amongBad: Gaps): Measured => {
  console.log(
    `  without them: p99 ${alone.p99Ms.toFixed(0)} ms, longest ${alone.maxMs.toFixed(0)} ms; ` +
      `with them: p99 ${amongBad.p99Ms.toFixed(0)} ms, longest ${amongBad.maxMs.toFixed(0)} ms`
  )
  const ratio = amongBad.p99Ms / alone.p99Ms
  return { value: amongBad.p99Ms, unit: "ms", against: "the interval without them", ratio }
}

const what = (where: string) =>
  `${where}: p99 of the time between two polls of ${load.good} good nodes, every ${load.intervalMs} ms, beside ` +
  `${load.bad} dead nodes and ${load.bad} that take 3 s to answer`

const settings = `[poll]
interval = "${load.intervalMs}ms"
jitter = ${load.jitter}
concurrency = ${load.concurrency}
`

const onSockets = (bad: number) =>
  Effect.gen(function* () {
    const { console, report } = yield* start({
      nodes: load.good + 2 * bad,
      processes: load.processes,
      port: load.port,
      bad: { dead: bad, slow: bad },
      settings
    })
    yield* Effect.sleep(seconds.warmUp * 1_000)
    yield* report
    yield* Effect.sleep(seconds.measured * 1_000)
    const { good } = yield* report
    const { p99Ms, maxMs } = good
    if (p99Ms === null || maxMs === null || good.silent > 0) {
      return yield* Effect.die(`bench: ${good.silent} good nodes were not polled\n${console.logs().slice(-1_000)}`)
    }
    return { p99Ms, maxMs }
  }).pipe(Effect.scoped)

export const nodesFifty: Benchmark = {
  name: "nodes-fifty",
  what: what("real sockets"),
  target,
  met: ({ ratio = Infinity }) => ratio <= ratioMax,
  measure: Effect.gen(function* () {
    return compared(yield* onSockets(0), yield* onSockets(load.bad))
  })
}

const virtual = (bad: number) =>
  Effect.gen(function* () {
    const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}-${i}`)
    // Few: what they would add is the time to read replies, which is not virtual.
    const programs = Array.from({ length: programsVirtual }, (_, i) => World.steady("app", `p${i}`))
    const dead = names("dead", bad)
    const slow = names("slow", bad)
    const good = names("good", load.good)
    const { concurrency, intervalMs, jitter } = load
    const poll = {
      ...World.consoleOptions.fleet.poll,
      intervalMs,
      jitter,
      concurrency,
      concurrencyDown: concurrency / 4
    }
    const options = { ...World.consoleOptions, fleet: { ...World.consoleOptions.fleet, poll } }
    const nodes = Object.fromEntries([...dead, ...slow, ...good].map((name) => [name, programs]))
    const { supervisords } = yield* World.make({ nodes, options, parts })
    for (const name of dead) yield* supervisords[name]?.crash ?? Effect.void
    for (const name of slow) yield* supervisords[name]?.spoil("slow") ?? Effect.void
    yield* Effect.sleep(seconds.warmUp * 1_000)
    const gapsMs: Array<number> = []
    const clock = yield* Clock.Clock
    for (const name of good) {
      let lastMs: number | undefined
      yield* (
        supervisords[name]?.rule(({ method, phase }) => {
          if (method !== "supervisor.getAllProcessInfo" || phase !== "request") return pass
          const nowMs = clock.currentTimeMillisUnsafe()
          if (lastMs !== undefined) gapsMs.push(nowMs - lastMs)
          lastMs = nowMs
          return pass
        }) ?? Effect.void
      )
    }
    yield* Effect.sleep(seconds.virtual * 1_000)
    return { p99Ms: percentile(gapsMs, 0.99), maxMs: percentile(gapsMs, 1) }
  }).pipe(Effect.scoped)

const stepsMax = 1_000_000_000

const simulated = (bad: number): Gaps => {
  const { exit, message, outcome } = Sim.run(virtual(bad), { seed: 1, stepsMax })
  if (outcome !== "done" || exit?._tag !== "Success") throw new Error(`bench: ${message}`)
  return exit.value
}

export const nodesFiftyVirtual: Benchmark = {
  name: "nodes-fifty-virtual",
  what: what(`simulated, ${seconds.virtual} s of virtual time`),
  target,
  met: ({ ratio = Infinity }) => ratio <= ratioMax,
  measure: Effect.sync(() => compared(simulated(0), simulated(load.bad)))
}
