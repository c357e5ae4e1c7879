import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Metric, Schema } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import type { Outcome } from "../../../core/domain/Operation.ts"
import { NodeError, TimedOut } from "../../../core/domain/NodeError.ts"
import { Board } from "../../../core/metrics/Board.ts"
import { samplesOf } from "../../../core/metrics/Collection.ts"
import type { Observed } from "../../../core/metrics/Collection.ts"
import { allFamilies, families } from "../../../core/metrics/Families.ts"
import { layer as measurementsLayer, Measurements } from "../../../core/metrics/Measurements.ts"
import * as SyncMetrics from "../../../core/metrics/SyncMetrics.ts"
import * as FakeDriver from "../fleet/FakeDriver.ts"
import { processIn } from "../fleet/Processes.ts"
import { parse } from "./Exposition.ts"
import { node, observed } from "./Observations.ts"

const newBoard = () => new Board(Context.make(Metric.MetricRegistry, new Map()))

const read = (board: Board) => parse(PrometheusMetrics.formatUnsafe(board.context)).series

const none: ReadonlyMap<string, number> = new Map()

/** What a scrape says after each of these. */
const scraped = (...looks: ReadonlyArray<Partial<Observed>>) => {
  const board = newBoard()
  return looks.map((look) => {
    board.collect(samplesOf(observed(look)))
    return read(board)
  })
}

describe("Families", () => {
  it("follow the conventions for names", () => {
    const names = allFamilies.map(({ name }) => name)
    assert.strictEqual(new Set(names).size, names.length)
    for (const { help, labels, name, type } of allFamilies) {
      assert.match(name, /^muster_[a-z]+(_[a-z]+)*$/)
      assert.strictEqual(name.endsWith("_total"), type === "counter", name)
      assert.notMatch(name, /_(count|sum|bucket|ms|millis|mb|gauge|histogram)$/)
      assert.match(help, /^\S[^\n]*$/)
      for (const label of labels) assert.match(label, /^[a-z]+$/)
    }
  })
})

describe("Collection", () => {
  it("says what the parts of the console say", () => {
    const [series = none] = scraped({})
    const expected: Readonly<Record<string, number>> = {
      'muster_build_info{version="1.2.3"}': 1,
      muster_start_time_seconds: 1.5,
      muster_config_version: 3,
      'muster_nodes{status="up"}': 1,
      'muster_nodes{status="down"}': 1,
      'muster_nodes{status="connecting"}': 0,
      muster_nodes_stale: 1,
      'muster_node_up{node="web-1",environment="production"}': 1,
      'muster_node_up{node="db-1",environment="production"}': 0,
      'muster_node_breaker_state{node="db-1"}': 2,
      'muster_node_processes{node="db-1",state="RUNNING"}': 17,
      'muster_processes{state="RUNNING"}': 34,
      'muster_processes{state="BACKOFF"}': 0,
      'muster_batches{status="done"}': 2,
      muster_hub_clients: 2,
      muster_hub_sent_bytes_total: 5_000,
      'muster_bus_waiting{subscriber="hub",priority="normal"}': 2,
      'muster_bus_blocked_total{subscriber="hub"}': 3,
      'muster_component_status{component="database"}': 2,
      'muster_auth_refused_total{reason="wrong password"}': 5,
      'muster_database_failed_total{reason="Unavailable"}': 1,
      muster_database_breaker_state: 1,
      muster_activity_waiting: 1,
      'muster_budget_refused_total{component="requests"}': 2,
      muster_memory_level: 1,
      muster_open_files: 30,
      muster_fibers: 12
    }
    for (const [key, value] of Object.entries(expected)) assert.strictEqual(series.get(key), value, key)
  })

  it("lets go of nodes that are gone, and of states without processes", () => {
    const [first = none, second = none] = scraped({}, { nodes: [node("db-1", { processes: { STOPPED: 1 } })] })
    assert.isTrue(first.has('muster_node_processes{node="db-1",state="FATAL"}'))
    assert.deepStrictEqual(
      Array.from(second.keys()).filter((key) => key.includes("web-1") || key.includes('node="db-1",state="FATAL"')),
      []
    )
    assert.strictEqual(second.get('muster_processes{state="FATAL"}'), 0)
  })

  it("never lets a counter fall, also when its source begins again", () => {
    const hub = (joined: number) => ({ hub: { ...observed().hub, joined } })
    const totals = scraped(hub(5), hub(5), hub(9), hub(2), hub(4)).map((series) =>
      series.get("muster_hub_joined_total")
    )
    assert.deepStrictEqual(totals, [5, 5, 9, 11, 13])
  })

  it("keeps the format under names of any characters", () => {
    const name = 'a"b\\c\nd{e}#,="'
    const [series = none] = scraped({ nodes: [node(name, { environment: name })] })
    assert.strictEqual(series.get('muster_node_breaker_state{node="a\\"b\\\\c\\nd{e}#,=\\""}'), 0)
  })

  it("keeps boards apart", () => {
    const one = newBoard()
    const other = newBoard()
    one.record(families.access.request, 0.1, "nodes.list", "2xx")
    assert.strictEqual(read(one).get('muster_http_request_seconds_count{route="nodes.list",status="2xx"}'), 1)
    assert.strictEqual(read(other).size, 0)
  })
})

const withMeasurements = <A, E>(use: (measurements: Measurements["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(Measurements, use).pipe(Effect.provide(measurementsLayer))

const operation = (kind: string, outcome: string, part: string) =>
  `muster_operation_seconds_${part}{kind="${kind}",outcome="${outcome}"${part === "bucket" ? ',le="1"' : ""}}`

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

describe("Measurements", () => {
  it.effect("measure operations however they end", () =>
    withMeasurements(
      Effect.fnUntraced(function* ({ board, operation: measured }) {
        const lasting = <A, E>(ms: number, end: Effect.Effect<A, E>) => Effect.andThen(Effect.sleep(ms), end)
        const ended = (outcome: Outcome) => Effect.succeed({ outcome })
        const fibers = yield* Effect.forEach(
          [
            measured("start")(lasting(600, ended("done"))),
            measured("start")(lasting(3_000, ended("done"))),
            measured("start")(lasting(10, ended("timeout"))),
            measured("stop")(lasting(10, Effect.fail(new Refused()))),
            measured("stop")(Effect.never)
          ],
          (effect: Effect.Effect<unknown, unknown>) => Effect.forkChild(Effect.exit(effect), { startImmediately: true })
        )
        yield* TestClock.adjust(5_000)
        yield* Effect.forEach(fibers, Fiber.interrupt)
        const series = read(board)
        assert.strictEqual(series.get(operation("start", "done", "count")), 2)
        assert.strictEqual(series.get(operation("start", "done", "bucket")), 1)
        assert.approximately(series.get(operation("start", "done", "sum")) ?? 0, 3.6, 0.001)
        assert.strictEqual(series.get(operation("start", "timeout", "count")), 1)
        assert.strictEqual(series.get(operation("stop", "error", "count")), 1)
        assert.strictEqual(series.get(operation("stop", "interrupted", "count")), 1)
      })
    )
  )

  it.effect("measure the calls that reach a node, polls apart", () =>
    withMeasurements(
      Effect.fnUntraced(function* ({ board, driver }) {
        const failure = new NodeError({ operation: "processes", reason: new TimedOut({ afterMs: 1 }) })
        const { driver: fake } = FakeDriver.make({ process: processIn("RUNNING") })
        yield* driver(fake).processes
        yield* driver(fake).identify
        yield* Effect.exit(driver({ ...fake, processes: Effect.fail(failure) }).processes)
        const series = read(board)
        assert.strictEqual(series.get('muster_poll_seconds_count{outcome="ok"}'), 1)
        assert.strictEqual(series.get('muster_poll_seconds_count{outcome="TimedOut"}'), 1)
        assert.strictEqual(series.get('muster_node_call_seconds_count{call="identify",outcome="ok"}'), 1)
        assert.isUndefined(series.get('muster_node_call_seconds_count{call="processes",outcome="ok"}'))
      })
    )
  )

  it.effect("count requests by route and class, those without a route too", () =>
    withMeasurements(({ board, requestUnsafe }) =>
      Effect.sync(() => {
        for (const status of [200, 204, 404]) requestUnsafe({ route: "nodes.get", status, tookMs: 30 })
        requestUnsafe({ route: undefined, status: 404, tookMs: 1 })
        const series = read(board)
        assert.strictEqual(series.get('muster_http_request_seconds_count{route="nodes.get",status="2xx"}'), 2)
        assert.strictEqual(
          series.get('muster_http_request_seconds_bucket{route="nodes.get",status="2xx",le="0.025"}'),
          0
        )
        assert.strictEqual(
          series.get('muster_http_request_seconds_bucket{route="nodes.get",status="2xx",le="0.05"}'),
          2
        )
        assert.strictEqual(series.get('muster_http_request_seconds_count{route="none",status="4xx"}'), 1)
      })
    )
  )

  it.effect("count the fibers above them, however they end", () =>
    withMeasurements(
      Effect.fnUntraced(function* ({ fibersUnsafe }) {
        const before = fibersUnsafe()
        const fibers = yield* Effect.forEach([Effect.never, Effect.fail("x"), Effect.die("x"), Effect.void], (effect) =>
          Effect.forkChild(effect, { startImmediately: true })
        )
        const deferred = yield* Effect.forkChild(Effect.never)
        assert.strictEqual(fibersUnsafe().started - before.started, 5)
        assert.strictEqual(fibersUnsafe().alive - before.alive, 2)
        yield* Effect.forEach([...fibers, deferred], Fiber.interrupt)
        assert.strictEqual(fibersUnsafe().alive, before.alive)
      })
    )
  )

  it.effect("hold what other metrics of the same console record", () =>
    Effect.gen(function* () {
      const { board } = yield* Measurements
      yield* Effect.flatMap(SyncMetrics.SyncMetrics, ({ handled }) => handled("bus.hub", 20)).pipe(
        Effect.provide(SyncMetrics.layer())
      )
      assert.strictEqual(read(board).get('muster_handler_seconds_count{handler="bus.hub"}'), 1)
    }).pipe(Effect.provide(measurementsLayer))
  )
})
