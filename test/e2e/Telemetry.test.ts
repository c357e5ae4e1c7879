/** What a collector gets, from a console that has one, and what a console does whose collector is away. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Logger, Metric, Redacted, References, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Board } from "../../core/metrics/Board.ts"
import { samplesOf } from "../../core/metrics/Collection.ts"
import { families } from "../../core/metrics/Families.ts"
import * as Telemetry from "../../runtime/Telemetry.ts"
import { observed } from "../core/metrics/Observations.ts"

interface Delivery {
  readonly path: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

interface Collector {
  readonly url: string
  readonly deliveries: ReadonlyArray<Delivery>
}

/** A collector that answers as it is told. */
const collector = (
  answer: (response: ServerResponse) => void = (response) => response.end("{}")
): Effect.Effect<Collector, never, Scope.Scope> =>
  Effect.gen(function* () {
    const deliveries: Array<Delivery> = []
    const server = createServer((request: IncomingMessage, response) => {
      let text = ""
      request.setEncoding("utf8").on("data", (piece: string) => (text += piece))
      request.on("end", () => {
        deliveries.push({ path: request.url ?? "", headers: request.headers, text })
        answer(response)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, deliveries }
  })

const options = (url: string, intervalMs = 50): Telemetry.TelemetryOptions => ({
  url,
  headers: Redacted.make("X-Api-Key=key-1, x-tenant = a=b"),
  intervalMs,
  serviceName: "console-1",
  version: "1.2.3",
  instance: "here:1",
  level: () => "Info",
  shutdownMs
})

const shutdownMs = 300

/** What everything else may take on a machine that is busy. */
const slackMs = 1_500

/** Runs something of a console with telemetry, to the end of both. */
const observedBy = <A, E>(
  of: Telemetry.TelemetryOptions,
  use: (telemetry: Telemetry.Telemetry["Service"]) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const telemetry = yield* Telemetry.Telemetry
      return yield* Effect.scoped(use(telemetry)).pipe(
        Effect.provide(Logger.layer([telemetry.logger])),
        Effect.provideService(References.MinimumLogLevel, "All")
      )
    }).pipe(Effect.provide(Telemetry.layer(of)))
  )

const secret = "hunter2-very-secret"

/** What a console does: spans within spans, entries of the log, metrics. */
const work = Effect.fnUntraced(function* (telemetry: Telemetry.Telemetry["Service"]) {
  const board = new Board(Context.make(Metric.MetricRegistry, new Map()))
  yield* telemetry.sendMetrics(
    board.context,
    Effect.sync(() => board.collect(samplesOf(observed())))
  )
  board.record(families.access.request, 0.02, "nodes.list", "2xx")
  yield* Effect.logInfo("it happened", { password: secret }).pipe(
    Effect.annotateLogs({ request_id: "r-1", authorization: secret }),
    Effect.withSpan("Fleet.operate", { attributes: { node: "web-1", token: secret, url: `http://u:${secret}@h/` } }),
    Effect.withSpan("request")
  )
  yield* Effect.logDebug("not for the collector")
})

const bodies = ({ deliveries }: Collector, path: string) =>
  deliveries
    .filter((delivery) => delivery.path === path)
    .map(({ text }) => text)
    .join("\n")

describe("Telemetry", () => {
  it.live("delivers traces, metrics and log entries with their resource, and no secret", () =>
    Effect.gen(function* () {
      const to = yield* collector()
      yield* observedBy(options(to.url), (telemetry) => Effect.andThen(work(telemetry), Effect.sleep(200)))
      const [traces, metrics, logs] = [bodies(to, "/v1/traces"), bodies(to, "/v1/metrics"), bodies(to, "/v1/logs")]
      for (const text of [traces, metrics, logs]) {
        for (const part of ["service.name", "console-1", "service.version", "1.2.3", "service.instance.id", "here:1"]) {
          assert.include(text, part)
        }
        assert.notInclude(text, secret)
      }
      for (const part of ["Fleet.operate", '"request"', "web-1"]) assert.include(traces, part)
      for (const part of ["muster_http_request_seconds", "nodes.list", "muster_node_up"]) assert.include(metrics, part)
      for (const part of ["it happened", "request_id", "r-1", "traceId"]) assert.include(logs, part)
      assert.notInclude(logs, "not for the collector")
      for (const { headers } of to.deliveries) {
        assert.deepInclude(headers, { "x-api-key": "key-1", "x-tenant": "a=b", "content-type": "application/json" })
      }
    })
  )

  it.live("delivers what is left at the end", () =>
    Effect.gen(function* () {
      const to = yield* collector()
      yield* observedBy(options(to.url, 3_600_000), work)
      assert.include(bodies(to, "/v1/traces"), "Fleet.operate")
      assert.include(bodies(to, "/v1/logs"), "it happened")
      assert.include(bodies(to, "/v1/metrics"), "nodes.list")
    })
  )

  const spans = 30_000
  const bad: ReadonlyArray<readonly [string, (response: ServerResponse) => void]> = [
    ["never answers", () => {}],
    ["answers 500", (response) => response.writeHead(500).end("no")],
    ["asks to wait for a day", (response) => response.writeHead(429, { "retry-after": "86400" }).end()],
    ["never ends its answer", (response) => response.writeHead(200).write("x".repeat(100_000))],
    ["breaks off", (response) => response.destroy()]
  ]

  it.live.each(bad)("costs the console nothing when the collector %s", ([, answer]) =>
    Effect.gen(function* () {
      const to = yield* collector(answer)
      const startMs = performance.now()
      let workedMs = 0
      const dropped = yield* observedBy(options(to.url, 20), (telemetry) =>
        Effect.gen(function* () {
          for (let i = 0; i < spans; i++) {
            yield* Effect.withSpan(Effect.void, "work")
            if (i % 1_000 === 0) yield* Effect.sleep(1)
          }
          workedMs = performance.now() - startMs
          return telemetry.droppedUnsafe()
        })
      )
      assert.isBelow(workedMs, 3_000)
      assert.isAbove(dropped, spans - 20_000)
      assert.isBelow(performance.now() - startMs - workedMs, shutdownMs + slackMs)
    })
  )

  it.live("costs the console nothing when nobody is there", () =>
    Effect.gen(function* () {
      const startMs = performance.now()
      yield* observedBy(options("http://127.0.0.1:1", 20), (telemetry) =>
        Effect.andThen(work(telemetry), Effect.sleep(100))
      )
      assert.isBelow(performance.now() - startMs, 100 + shutdownMs + slackMs)
    })
  )

  it.live("begins a new trace in what lasts", () =>
    observedBy(options("http://127.0.0.1:1"), () =>
      Effect.gen(function* () {
        const loop = yield* Effect.makeSpan("loop", { root: true })
        const soon = yield* Effect.makeSpan("soon", { parent: loop })
        yield* TestClock.adjust("61 seconds")
        const later = yield* Effect.makeSpan("later", { parent: loop })
        assert.strictEqual(soon.traceId, loop.traceId)
        assert.notStrictEqual(later.traceId, loop.traceId)
      }).pipe(Effect.provide(TestClock.layer()))
    )
  )
})
