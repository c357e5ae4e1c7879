/**
 * P23, observability (R10.1, R10.3): the metrics equal what happened.
 *
 * Method: people look, operate, log in well and badly, come with wrong tokens and go away before the answer; clients of
 * the hub come and go; nodes and the database are away for a while. Everything is recorded around the parts of the
 * console. Each page that is asked for in between is held to that record: requests by route and class of status,
 * operations and polls by outcome, bucket by bucket, logins, refusals and failures of the database; and no counter is
 * smaller than on the page before. At rest the gauges are the world as it is. After a shutdown, of which an operation
 * and clients were in the way, all of it still adds up.
 */
import { Effect, type Scope } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import * as fc from "fast-check"
import type { NodeView } from "../../core/domain/Node.ts"
import { Health } from "../../core/http/HealthApi.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ObservabilityMutants from "../mutants/ObservabilityMutants.ts"
import * as MetricsHistory from "../oracles/MetricsHistory.ts"
import * as MetricsPages from "../oracles/MetricsPages.ts"
import * as MetricsText from "../oracles/MetricsText.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as World from "../World.ts"
import * as P23Counts from "./P23Counts.ts"

const nodes = ["n0", "n1"] as const

/** Method, path, and the name of the route; undefined where there is none. */
const routes = {
  nodes: ["GET", "/api/nodes", "nodes.list"],
  nowhere: ["GET", "/api/nothing", undefined],
  wrong: ["PUT", "/api/nodes", undefined],
  stop: ["POST", "/api/nodes/n0/processes/app/api/stop", "processes.operate"],
  start: ["POST", "/api/nodes/n0/processes/app/api/start", "processes.operate"],
  restart: ["POST", "/api/nodes/n1/processes/app/api/restart", "processes.operate"],
  unknown: ["POST", "/api/nodes/n0/processes/app/none/start", "processes.operate"],
  login: ["POST", "/api/auth/login", "auth.login"],
  health: ["GET", "/health", "health.detail"],
  live: ["GET", "/health/live", "health.live"],
  hub: ["GET", "/api/ws", "hub.connect"],
  metrics: ["GET", "/metrics", "metrics"]
} as const

const routeOf = (method: string, path: string): string | undefined =>
  Object.values(routes).find((route) => route[0] === method && route[1] === path)?.[2]

const workload = fc.record({
  requests: fc.array(
    fc.record({
      atMs: fc.nat(2_500),
      what: fc.constantFrom("nodes", "nowhere", "wrong", "stop", "start", "restart", "unknown", "login", "live"),
      isTrue: fc.boolean(),
      goesAfterMs: fc.option(fc.nat(400), { freq: 4 })
    }),
    { minLength: 2, maxLength: 4 }
  ),
  clients: fc.array(
    fc.record({ atMs: fc.nat(1_500), stayMs: fc.nat(1_000), leave: fc.constantFrom("stays", "bye", "break") }),
    { maxLength: 2 }
  ),
  trouble: fc.record({
    what: fc.constantFrom("none", "http500", "hang", "slow", "crash", "database"),
    atMs: fc.nat(1_500),
    lastsMs: fc.integer({ min: 200, max: 2_000 })
  }),
  scrapes: fc.array(fc.nat(3_000), { maxLength: 1 }),
  ends: fc.constantFrom("idle", "operation")
} as const)
type Plan = ReturnType<typeof workload.generate>["value"]

/** The console with what watches it. */
interface Watched extends MetricsPages.Pages {
  readonly world: World.World
}

/** Whatever happens at one virtual moment has happened by the next. */
const aMomentMs = 1

/** Asks for the page, and holds it to the record and to the page before. */
const scrape = Effect.fnUntraced(function* (
  watched: Watched
): Effect.fn.Return<MetricsText.MetricsPage, Violation, RunContext> {
  const { history, world } = watched
  yield* Effect.sleep(aMomentMs)
  const from = history.now()
  const text = yield* world.http
    .get("http://console/metrics")
    .pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.flatMap((response) => response.text),
      Effect.scoped
    )
    .pipe(Effect.catch((error) => violated(`no metrics: ${error.message}`)))
  yield* Effect.sleep(aMomentMs)
  return yield* MetricsPages.held(watched, text, from)
})

const ask = Effect.fnUntraced(function* (
  { http }: World.World,
  { atMs, goesAfterMs, isTrue, what }: Plan["requests"][number]
) {
  yield* Effect.sleep(atMs)
  const [method, path] = routes[what]
  const plain = HttpClientRequest.make(method)(`http://console${path}`)
  const password = isTrue ? World.adminPassword : "not the password"
  const request =
    what === "login"
      ? HttpClientRequest.bodyJsonUnsafe(plain, { username: "admin", password })
      : isTrue
        ? plain
        : HttpClientRequest.bearerToken(plain, "mst_of-nobody")
  const status = yield* http.execute(request).pipe(
    Effect.tap((response) => response.text),
    Effect.map((response) => response.status),
    Effect.scoped,
    Effect.timeout(goesAfterMs ?? 60_000),
    Effect.orElseSucceed(() => "no answer")
  )
  yield* sometimes(`${what}: ${status}`)
})

const visit = Effect.fnUntraced(function* (
  { history, world }: Watched,
  { atMs, leave, stayMs }: Plan["clients"][number],
  name: string
) {
  yield* Effect.sleep(atMs)
  const connected = Effect.gen(function* () {
    const joins = history.begin("muster_hub_joined_total")
    const client = yield* world.connect(name)
    joins.yes()
    yield* Effect.forkScoped(client.read)
    return client
  })
  if (leave === "stays") return yield* Effect.ignore(connected)
  yield* Effect.gen(function* () {
    const client = yield* connected
    yield* Effect.sleep(stayMs)
    if (leave === "bye") yield* client.close
  }).pipe(Effect.scoped, Effect.ignore)
})

const disturb = Effect.fnUntraced(function* (world: World.World, { atMs, lastsMs, what }: Plan["trouble"]) {
  const node = world.supervisords["n1"]
  yield* Effect.sleep(atMs)
  if (what === "none" || node === undefined) return
  if (what === "database") return yield* world.sql.restart({ downMs: lastsMs })
  yield* what === "crash" ? node.crash : node.spoil(what)
  yield* Effect.sleep(lastsMs)
  yield* node.spoil("none")
  yield* node.boot
})

const healthValues: Readonly<Record<string, number>> = { healthy: 0, degraded: 1, failing: 2, failed: 3 }

/** In what the gauges are not the world as it is. */
const wrongGauges = Effect.fnUntraced(function* (
  watched: Watched,
  clients: number
): Effect.fn.Return<string, Violation, RunContext> {
  const { history, world } = watched
  const health = yield* world.http.get("http://console/health").pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Health)),
    Effect.scoped,
    Effect.catch((error) => violated(`no health: ${error.message}`))
  )
  const page = yield* scrape(watched)
  const real = new Map<string, number>()
  for (const name of nodes) {
    const processes = (yield* world.supervisords[name]?.look ?? Effect.succeed([])).map(({ state }) => state)
    for (const state of processes) real.set(state, (real.get(state) ?? 0) + 1)
  }
  const logins = history.times("muster_logins_total")
  const sessions = MetricsText.total(page, "muster_sessions")
  const expected: ReadonlyArray<MetricsPages.Expected> = [
    ["muster_nodes", { status: "up" }, nodes.length],
    ["muster_nodes", {}, nodes.length],
    ["muster_node_up", {}, nodes.length],
    ["muster_nodes_stale", {}, 0],
    ["muster_processes", {}, nodes.length],
    ["muster_node_breaker_state", {}, 0],
    ...Array.from(real, ([state, value]) => ["muster_processes", { state }, value] as const),
    ["muster_hub_clients", {}, clients],
    ["muster_hub_sessions", {}, clients],
    ["muster_hub_left_total", {}, MetricsText.total(page, "muster_hub_joined_total") - clients],
    ["muster_users", {}, 1],
    ["muster_api_tokens", {}, 0],
    ["muster_database_up", {}, 1],
    ["muster_activity_waiting", {}, 0],
    ["muster_activity_lost_total", {}, 0],
    ["muster_budget_in_use", { component: "requests" }, 1],
    ["muster_budget_in_use", { component: "operations" }, 0],
    ["muster_batches", {}, 0],
    ["muster_build_info", { version: "simulated" }, 1],
    ["muster_resident_memory_bytes", {}, residentBytes],
    ...health.components.map(
      ({ name, status }) => ["muster_component_status", { component: name }, healthValues[status] ?? -1] as const
    )
  ]
  const wrong = [...MetricsPages.wrongGauges(page, expected)]
  if (sessions < logins.sure || sessions > logins.perhaps) wrong.push(`${sessions} sessions, ${logins.sure} logins`)
  const alive = MetricsText.total(page, "muster_fibers")
  if (alive < 1 || alive > MetricsText.total(page, "muster_fibers_started_total")) wrong.push(`${alive} fibers`)
  return wrong.join("; ")
})

/** What a console uses that is watched. */
const residentBytes = 123_456_789

/** The longest until everything is at rest: the circuits of what was away are closed again, and it was asked. */
const restMs = 60_000

const { fleet } = World.consoleOptions

/** Ends the console in the middle of things, and looks at what it counted. */
const endsWell = Effect.fnUntraced(function* (
  watched: Watched,
  ends: Plan["ends"]
): Effect.fn.Return<void, Violation, RunContext | Scope.Scope> {
  const { history, world } = watched
  if (ends === "operation") {
    const restart = HttpClientRequest.post("http://console/api/nodes/n1/processes/app/api/restart")
    yield* Effect.forkChild(Effect.ignore(Effect.scoped(world.http.execute(restart))))
    yield* Effect.sleep(50)
  }
  yield* world.signal("SIGTERM")
  yield* Effect.ignore(world.ended)
  yield* Effect.sleep(aMomentMs)
  const page = yield* MetricsPages.held(watched, yield* history.page(), history.now())
  const rest = {
    clients: MetricsText.total(page, "muster_hub_clients"),
    "requests under way": MetricsText.total(page, "muster_budget_in_use"),
    "clients that joined and did not leave":
      MetricsText.total(page, "muster_hub_joined_total") - MetricsText.total(page, "muster_hub_left_total")
  }
  for (const [what, count] of Object.entries(rest)) yield* holds(count === 0, () => `at the end, ${count} ${what}`)
})

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const history = MetricsHistory.watch(parts, routeOf)
  const world = yield* World.make({
    nodes: { n0: [World.steady("app", "api")], n1: [World.steady("app", "api")] },
    network: { latencyMsMax: 4 },
    options: {
      ...World.consoleOptions,
      fleet: {
        ...fleet,
        poll: { ...fleet.poll, intervalMs: 3_000 },
        operations: { ...fleet.operations, observeIntervalMs: 500 }
      }
    },
    parts: history.parts
  })
  const watched: Watched = { world, history, page: undefined }
  yield* world.stats.use({ residentBytes })
  yield* Effect.all(
    [
      ...plan.requests.map((request) => ask(world, request)),
      ...plan.clients.map((client, i) => visit(watched, client, `client-${i}`)),
      ...plan.scrapes.map((atMs) => Effect.andThen(Effect.sleep(atMs), scrape({ ...watched }))),
      disturb(world, plan.trouble)
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* sometimes(`trouble: ${plan.trouble.what}`)
  // Asked of the service, which costs less than pages that come too early.
  yield* eventually({
    what: "the nodes are up",
    withinMs: restMs,
    look: Effect.andThen(Effect.sleep(250), world.fleet.nodes),
    until: (views: ReadonlyArray<NodeView>) =>
      views.every(({ breaker, status }) => status === "up" && breaker?.state === "closed")
  })
  yield* scrape(watched)
  yield* eventually({
    what: "the gauges are the world as it is",
    withinMs: restMs,
    look: Effect.andThen(
      Effect.sleep(1_500),
      wrongGauges(watched, plan.clients.filter(({ leave }) => leave === "stays").length)
    ),
    until: (wrong) => wrong === ""
  })
  yield* endsWell(watched, plan.ends)
}, Effect.scoped)

export const P23: Property = {
  id: "P23",
  title: "observability",
  requirements: ["R10.1", "R10.3"],
  marks: [
    "an operation and a poll that failed are counted",
    "trouble: crash",
    "trouble: database",
    "trouble: hang",
    "trouble: http500",
    "trouble: slow",
    "a request was cut off by the end of the console"
  ],
  program,
  focus: P23Counts.program,
  mutants: [
    ObservabilityMutants.measuredBehindAuthentication,
    ObservabilityMutants.failedPollsUnmeasured,
    ObservabilityMutants.operationsTimedAtTheirEnd,
    ObservabilityMutants.pageIsKept,
    ObservabilityMutants.leftWhenClosed
  ]
}
