/**
 * P23, further, over what measures and what it measures, without network, accounts and database: requests, polls,
 * operations and clients of the hub are counted and timed as they were, and the gauges at rest are the world as it is.
 *
 * Method: requests that are answered or refused or given up, operations, clients that come and go and a node that is
 * away or slow for a while, all at the same time, recorded around the parts. Pages in between and at the end are held
 * to the record.
 */
import { Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import * as fc from "fast-check"
import type { ConsoleParts } from "../../core/Console.ts"
import { Batches } from "../../core/fleet/Batches.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { LogFollow } from "../../core/fleet/LogFollow.ts"
import { Hub } from "../../core/hub/Hub.ts"
import { measuredRequests } from "../../core/metrics/MeasuredRequests.ts"
import * as Measurements from "../../core/metrics/Measurements.ts"
import { MetricsPage } from "../../core/metrics/MetricsPage.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as MetricsHistory from "../oracles/MetricsHistory.ts"
import * as MetricsPages from "../oracles/MetricsPages.ts"
import * as DriverNode from "../peers/DriverNode.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"
import { consoleOptions } from "../World.ts"

/** Method, path, whether the caller says who he is, and the name of the route; undefined where there is none. */
const routes = {
  nodes: ["GET", "/api/nodes", true, "nodes.list"],
  refused: ["GET", "/api/users", false, "users.list"],
  nowhere: ["GET", "/api/nothing", true, undefined],
  live: ["GET", "/health/live", false, "health.live"]
} as const

const routeOf = (method: string, path: string): string | undefined =>
  Object.values(routes).find((route) => route[0] === method && route[1] === path)?.[3]

const workload = fc.record({
  /** Which of the parts is there, beside those that measure. */
  part: fc.constantFrom("hub", "fleet", "hub", "hub"),
  latencyMs: fc.nat(20),
  trouble: fc.constantFrom("none", "away", "away", "slow"),
  troubleAtMs: fc.nat(800),
  requests: fc.array(fc.record({ atMs: fc.nat(1_500), what: fc.constantFrom("nodes", "refused", "nowhere", "live") }), {
    maxLength: 2
  }),
  operations: fc.array(
    fc.record({
      atMs: fc.nat(1_000),
      kind: fc.constantFrom("start", "stop", "restart"),
      goesAfterMs: fc.option(fc.nat(300), { freq: 3 })
    }),
    { maxLength: 2 }
  ),
  clients: fc.array(fc.record({ atMs: fc.nat(1_000), leaves: fc.boolean() }), { maxLength: 2 }),
  scrapeAtMs: fc.option(fc.integer({ min: 100, max: 2_000 }), { freq: 2 })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const { bus, fleet, hub } = consoleOptions

/** Polls that are quick to fail, and seldom. */
const nodeOptions = {
  ...fleet,
  poll: { ...fleet.poll, intervalMs: 1_500 },
  guard: { ...fleet.guard, breakerFailures: 100 },
  operations: { ...fleet.operations, observeIntervalMs: 1_000 }
}

const noFleet = Layer.mock(Fleet, {
  nodes: Effect.succeed([]),
  snapshot: Effect.succeed({ seq: 0, nodes: [] })
})

const nobody = { connected: 0, joined: 0, left: 0, slow: 0, refused: 0, sessions: 0, logs: 0 } as const

const noHub = Layer.mock(Hub, { counts: Effect.succeed({ ...nobody, framesSent: 0, bytesSent: 0, seq: 0 }) })

interface Stage extends MetricsPages.Pages {
  readonly fleet: Fleet["Service"]
  readonly hub: Hub["Service"]
  /** Undefined where nobody asks. */
  readonly app: AppStage.AppStage | undefined
  readonly metrics: MetricsPage["Service"]
  /** Closes the hub with all its clients. */
  readonly scope: Scope.Scope
}

const make = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  { part, requests }: Pick<Plan, "part" | "requests">,
  node: DriverNode.DriverNode
): Effect.fn.Return<Stage, never, RunContext | Scope.Scope> {
  const history = MetricsHistory.watch(parts, routeOf)
  const watched = history.parts
  const nodes =
    part === "fleet"
      ? Layer.provide(watched.fleet(Effect.succeed([node.managed]), nodeOptions), watched.registry)
      : noFleet
  const services = yield* watched
    .metrics("simulated")
    .pipe(
      Layer.provideMerge(part === "hub" ? watched.hub(hub) : noHub),
      Layer.provideMerge(nodes),
      Layer.provideMerge(Layer.merge(Layer.mock(Batches, { all: Effect.succeed([]) }), Layer.mock(LogFollow, {}))),
      Layer.provideMerge(watched.components),
      Layer.provideMerge(watched.bus({ ...bus, workers: 1 })),
      Layer.provideMerge(Measurements.layer),
      Layer.build,
      Effect.provide(Logger.layer([]))
    )
  const measure = measuredRequests(Context.get(services, Measurements.Measurements))
  const app = AppStage.make({
    parts: { ...watched, middleware: (inner, options) => watched.middleware(inner, { ...options, measure }) },
    services: AppModels.services()
  })
  return {
    history,
    page: undefined,
    fleet: Context.get(services, Fleet),
    hub: Context.get(services, Hub),
    metrics: Context.get(services, MetricsPage),
    app: requests.length === 0 ? undefined : yield* app,
    scope: yield* Effect.scope
  }
})

const visit = Effect.fnUntraced(function* (
  { history, hub: to, scope }: Stage,
  { atMs, leaves }: Plan["clients"][number]
) {
  yield* Effect.sleep(atMs)
  const joins = history.begin("muster_hub_joined_total")
  const client = yield* Effect.orDie(to.join())
  joins.yes()
  const leave = client.close({ code: 1000, reason: "" }).pipe(Effect.andThen(client.gone), Effect.andThen(client.leave))
  yield* leaves ? Effect.delay(leave, 300) : Scope.addFinalizer(scope, leave)
})

const ask = ({ app }: Stage, { atMs, what }: Plan["requests"][number]) => {
  if (app === undefined) return Effect.void
  const [method, path, isSomebody] = routes[what]
  const headers = isSomebody ? { authorization: `Bearer ${AppModels.tokenOf("adam")}` } : {}
  return Effect.asVoid(Effect.delay(app.ask({ method, path, headers }), atMs))
}

const operate = (stage: Stage, { atMs, goesAfterMs, kind }: Plan["operations"][number]) =>
  Effect.delay(stage.fleet.operate({ kind }, "n0", { group: "app", name: "api" }), atMs).pipe(
    Effect.timeoutOption(atMs + (goesAfterMs ?? 30_000)),
    Effect.exit,
    Effect.map(Exit.isSuccess)
  )

/** Whatever happens at one virtual moment has happened by the next. */
const momentMs = 1

const scrape = Effect.fnUntraced(function* (stage: Stage) {
  yield* Effect.sleep(momentMs)
  const from = stage.history.now()
  const text = yield* stage.metrics.page
  yield* Effect.sleep(momentMs)
  return yield* MetricsPages.held(stage, text, from)
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const drawn = yield* draw(workload)
  const plan: Plan =
    drawn.part === "fleet" ? { ...drawn, clients: [], requests: [] } : { ...drawn, operations: [], trouble: "none" }
  const node = DriverNode.make("n0", ["api", "job"])
  node.latencyMs = plan.latencyMs
  const stage = yield* make(parts, plan, node)
  const disturb = Effect.gen(function* () {
    yield* Effect.sleep(plan.troubleAtMs)
    node.trouble = plan.trouble
    yield* Effect.sleep(1_550)
    node.trouble = "none"
  })
  const { operated } = yield* Effect.all(
    {
      operated: Effect.forEach(plan.operations, (each) => operate(stage, each), { concurrency: "unbounded" }),
      requests: Effect.forEach(plan.requests, (each) => ask(stage, each), { concurrency: "unbounded" }),
      clients: Effect.forEach(plan.clients, (each) => visit(stage, each), { concurrency: "unbounded" }),
      scraped: plan.scrapeAtMs === null ? Effect.void : Effect.delay(scrape(stage), plan.scrapeAtMs),
      disturbed: plan.trouble === "none" ? Effect.void : disturb
    },
    { concurrency: "unbounded" }
  )
  // The next poll.
  if (plan.part === "fleet") yield* Effect.sleep(1.2 * nodeOptions.poll.intervalMs)
  const page = yield* scrape(stage)
  if (operated.includes(false) && plan.trouble === "away") {
    yield* sometimes("an operation and a poll that failed are counted")
  }
  const clients = plan.clients.filter(({ leaves }) => !leaves).length
  const nodes = plan.part === "fleet" ? 1 : 0
  const processes = plan.part === "fleet" ? node.processes() : []
  const expected: ReadonlyArray<MetricsPages.Expected> = [
    ["muster_nodes", { status: "up" }, nodes],
    ["muster_nodes", {}, nodes],
    ["muster_processes", {}, processes.length],
    ["muster_processes", { state: "RUNNING" }, processes.filter(({ state }) => state === "RUNNING").length],
    ["muster_hub_clients", {}, clients],
    ["muster_hub_sessions", {}, clients],
    ["muster_hub_joined_total", {}, plan.clients.length],
    ["muster_hub_left_total", {}, plan.clients.length - clients],
    ["muster_build_info", { version: "simulated" }, 1]
  ]
  const wrong = MetricsPages.wrongGauges(page, expected)
  yield* holds(wrong.length === 0, () => wrong.join("; "))
}, Effect.scoped)
