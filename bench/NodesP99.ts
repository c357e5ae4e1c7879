/** How soon the list of the nodes is answered while many ask for it. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect, Schema } from "effect"
import type { Benchmark } from "./Benchmark.ts"
import { coresDuring, start } from "./FakeFleet.ts"

const load = { nodes: 200, processes: 20, port: 24_000, perSecond: 500 } as const
const seconds = { warmUp: 5, measured: 20 } as const

const Answers = Schema.fromJsonString(
  Schema.Struct({
    answered: Schema.Int,
    failed: Schema.Int,
    unanswered: Schema.Int,
    bytes: Schema.Int,
    lateMsMax: Schema.Number,
    p50Ms: Schema.NullOr(Schema.Number),
    p99Ms: Schema.NullOr(Schema.Number),
    maxMs: Schema.NullOr(Schema.Number)
  })
)

const program = fileURLToPath(new URL("HttpLoad.ts", import.meta.url))
const run = promisify(execFile)

const password = "as long as it has to be"

const Granted = Schema.Struct({ token: Schema.String })

/** Every request is checked like any other: it carries the token of a session. */
const login = (url: string) =>
  Effect.tryPromise(async (): Promise<unknown> => {
    const body = JSON.stringify({ username: "admin", password })
    const headers = { "content-type": "application/json" }
    return (await fetch(`${url}/api/auth/login`, { method: "POST", headers, body })).json()
  }).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Granted)),
    Effect.map(({ token }) => token)
  )

/** Asks in a process of its own, and gives what it says. */
const ask = (url: string, token: string, forSeconds: number) =>
  Effect.tryPromise((signal) =>
    run(process.execPath, [program, url, String(load.perSecond), String(forSeconds), token], { signal })
  ).pipe(Effect.flatMap(({ stdout }) => Schema.decodeUnknownEffect(Answers)(stdout)))

export const nodesP99: Benchmark = {
  name: "nodes-p99",
  what:
    `GET /api/nodes of ${load.nodes} nodes, ${load.perSecond} times a second for ${seconds.measured} s by another ` +
    `process, from the moment each was due to the end of the answer`,
  target: "p99 under 10 ms",
  met: ({ value }) => value < 10,
  measure: Effect.gen(function* () {
    const { nodes, port, processes } = load
    const settings = '[poll]\ninterval = "5s"\n'
    const env = { MUSTER_AUTH_ANONYMOUS_ROLE: "none", MUSTER_ADMIN_PASSWORD: password }
    const { console: muster } = yield* start({ nodes, port, processes, settings, env })
    const url = `${muster.url}/api/nodes`
    const token = yield* login(muster.url)
    yield* ask(url, token, seconds.warmUp)
    const { cores, value } = yield* coresDuring(muster.pid, ask(url, token, seconds.measured))
    const { answered, bytes, failed, lateMsMax, maxMs, p50Ms, p99Ms, unanswered } = value
    console.log(
      `  ${answered} answers of ${Math.round(bytes / answered / 1_000)} kB, p50 ${p50Ms?.toFixed(2)} ms, longest ` +
        `${maxMs?.toFixed(0)} ms; the console used ${cores.toFixed(2)} cores; the load was late by ` +
        `${lateMsMax.toFixed(0)} ms at most`
    )
    if (failed + unanswered > 0 || p99Ms === null) {
      return yield* Effect.die(`bench: ${failed} requests failed, ${unanswered} had no answer`)
    }
    return { value: p99Ms, unit: "ms" }
  }).pipe(Effect.scoped, Effect.orDie)
}
