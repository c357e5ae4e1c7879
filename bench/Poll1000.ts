/** What it costs the console to watch a thousand nodes. */
import { Effect, Schema } from "effect"
import type { Benchmark } from "./Benchmark.ts"
import { coresDuring, start } from "./FakeFleet.ts"

const load = { nodes: 1_000, processes: 20, port: 20_000, intervalSeconds: 5 } as const
/** The first six polls of a node find out which connections suit it, and cost more. */
const seconds = { warmUp: 35, measured: 30 } as const

const Listed = Schema.Struct({
  nodes: Schema.Array(Schema.Struct({ status: Schema.String, last_seen: Schema.optionalKey(Schema.String) }))
})

/** How many nodes are up, and the age in seconds of the oldest state that the console shows. */
const shown = (body: unknown) =>
  Effect.gen(function* () {
    const { nodes } = yield* Schema.decodeUnknownEffect(Listed)(body)
    const nowMs = Date.now()
    const agesMs = nodes.map(({ last_seen }) => nowMs - Date.parse(last_seen ?? ""))
    return { up: nodes.filter(({ status }) => status === "up").length, ageSecondsMax: Math.max(...agesMs) / 1_000 }
  })

export const poll1000: Benchmark = {
  name: "poll-1000",
  what:
    `processor cores that the console uses to poll ${load.nodes} nodes of ${load.processes} processes every ` +
    `${load.intervalSeconds} s over real sockets, for ${seconds.measured} s after ${seconds.warmUp} s of warm-up`,
  target: "under 0.5 cores",
  met: ({ value }) => value < 0.5,
  measure: Effect.gen(function* () {
    const { nodes, port, processes } = load
    const settings = `[poll]\ninterval = "${load.intervalSeconds}s"\n`
    const fleet = yield* start({ nodes, port, processes, settings })
    yield* Effect.sleep(seconds.warmUp * 1_000)
    yield* fleet.report
    const { cores } = yield* coresDuring(fleet.console.pid, Effect.sleep(seconds.measured * 1_000))
    const { good, seconds: reported } = yield* fleet.report
    const { ageSecondsMax, up } = yield* Effect.flatMap(fleet.console.request("GET", "/api/nodes"), ({ body }) =>
      shown(body)
    )
    // Whoever falls behind costs less: a result counts only when the nodes were really asked.
    if (up < nodes || good.silent > 0) return yield* Effect.die(`bench: ${up} up, ${good.silent} not polled`)
    console.log(
      `  ${(good.polls / reported).toFixed(1)} polls/s, ${(good.maxMs ?? Number.NaN) / 1_000} s at most between two ` +
        `of a node; oldest state shown: ${ageSecondsMax.toFixed(2)} s`
    )
    return { value: cores, unit: "cores" }
  }).pipe(Effect.scoped, Effect.orDie)
}
