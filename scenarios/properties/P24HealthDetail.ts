/**
 * P24, health detail (R10.4): `/health` and `/health/ready` show each component's true state, with the right status of
 * HTTP, and `/health/live` is always 200.
 *
 * Method: a node goes away, the database is away, memory becomes short, the configuration cannot be loaded, a handler
 * of the bus dies, one after the other or at the same time. Somebody with a login and somebody without ask all the
 * while. An ailment must show within: a node 10 s (a pause between polls and their deadline), the database 9 s (its
 * probe and the retries of it), memory and the bus 6 s (a look at them), the configuration 1 s. When it is over, the
 * component is healthy again within: a node 20 s (the longest opening of its circuit, and a poll), the database 10 s,
 * memory 6 s, the configuration 1 s, the bus 25 s; and what needs the database within 75 s. What nothing ails is
 * healthy.
 */
import { Clock, Effect, Redacted, type Scope } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import * as fc from "fast-check"
import { Health } from "../../core/http/HealthApi.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as HealthMutants from "../mutants/HealthMutants.ts"
import * as HealthTruth from "../oracles/HealthTruth.ts"
import type { Ailment } from "../oracles/HealthTruth.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as World from "../World.ts"
import * as P24Reports from "./P24Reports.ts"

const kinds = ["bus", "crash", "database", "hang", "warning", "critical", "configuration", "http500"] as const

const ailing = fc.record({
  what: fc.constantFrom(...kinds),
  atMs: fc.nat(2_000),
  lastsMs: fc.oneof(fc.integer({ min: 50, max: 3_000 }), fc.integer({ min: 10_500, max: 12_500 }))
})
type Planned = ReturnType<typeof ailing.generate>["value"]

const workload = fc.record({
  ailments: fc.oneof(
    { weight: 2, arbitrary: fc.tuple(ailing) },
    {
      weight: 1,
      // Two of the same would end each other.
      arbitrary: fc.uniqueArray(ailing, { minLength: 2, maxLength: 2, selector: ({ what }) => groupOf[what] })
    }
  ),
  /** Who asks waits so long in between. */
  everyMs: fc.integer({ min: 2_400, max: 3_400 })
})

const groupOf: Readonly<Record<(typeof kinds)[number], string>> = {
  crash: "node",
  hang: "node",
  http500: "node",
  database: "database",
  warning: "memory",
  critical: "memory",
  configuration: "configuration",
  bus: "bus"
}

const mib = 1024 * 1024
const settings =
  '[poll]\ninterval = "3s"\nbreaker_open_max = "8s"\n[limits]\nmemory_warning = "500MiB"\n' +
  'memory_critical = "800MiB"\n[bus]\nhandler_timeout = "1s"'
const brokenSettings = "[limits]\nmemory_warning = 7.5"

const databaseMs = 75_000

/** What is known of each kind before it happens. */
const knowledge: Readonly<Record<string, Pick<Ailment, "component" | "least" | "showsWithinMs" | "clearsWithinMs">>> = {
  node: { component: undefined, least: "degraded", showsWithinMs: 10_000, clearsWithinMs: 20_000 },
  database: { component: "database", least: "failing", showsWithinMs: 9_000, clearsWithinMs: 10_000 },
  memory: { component: "memory", least: "degraded", showsWithinMs: 6_000, clearsWithinMs: 6_000 },
  configuration: { component: "configuration", least: "degraded", showsWithinMs: 1_000, clearsWithinMs: 1_000 },
  bus: { component: "event bus", least: "degraded", showsWithinMs: 7_000, clearsWithinMs: 25_000 }
}

/** A handler that fails once is shown for so long at least: three looks without a failure make it good. */
const shownMs = 10_000

interface Watched {
  readonly world: World.World
  /** Of its nodes; none where no node is to ail, as polls cost most. */
  readonly hosts: ReadonlyArray<string>
  readonly token: string
  readonly ailments: Array<Ailment>
}

/** Makes something go wrong, and well again. */
const suffer = Effect.fnUntraced(function* (
  { ailments, hosts, world }: Watched,
  { atMs, lastsMs, what }: Planned
): Effect.fn.Return<void, never, RunContext | Scope.Scope> {
  yield* Effect.sleep(atMs)
  const known = knowledge[groupOf[what]]
  if (known === undefined) return
  const ailment: Ailment = {
    ...known,
    ...(what === "critical" ? { least: "failing" } : {}),
    what,
    fromMs: yield* Clock.currentTimeMillis,
    untilMs: Infinity,
    touches: what === "database" ? { accounts: databaseMs, activity: databaseMs, "fleet memory": databaseMs } : {}
  }
  ailments.push(ailment)
  yield* begin({ hosts, world }, what, lastsMs)
  yield* Effect.sleep(what === "bus" ? shownMs : lastsMs)
  ailment.untilMs = yield* Clock.currentTimeMillis
  yield* end({ hosts, world }, what)
  yield* sometimes(`${what} for ${lastsMs < known.showsWithinMs ? "a moment" : "long"}`)
})

const begin = Effect.fnUntraced(function* (
  { hosts, world }: Pick<Watched, "hosts" | "world">,
  what: Planned["what"],
  lastsMs: number
): Effect.fn.Return<void, never, RunContext | Scope.Scope> {
  const node = world.supervisords["n0"]
  switch (what) {
    case "crash":
      return yield* node?.crash ?? Effect.void
    case "hang":
    case "http500":
      return yield* node?.spoil(what) ?? Effect.void
    case "database":
      return yield* world.sql.restart({ downMs: lastsMs })
    case "warning":
      return yield* world.stats.use({ residentBytes: 600 * mib })
    case "critical":
      return yield* world.stats.use({ residentBytes: 900 * mib })
    case "configuration":
      return yield* load(world, World.configText(hosts, brokenSettings))
    case "bus":
      yield* world.bus.subscribe({
        name: "mortal",
        // Not those that tell of its own end.
        wants: (event) => event.type === "component.status" && event.component === "x",
        handle: () => (lastsMs % 2 === 0 ? Effect.never : Effect.die(new Error("the handler has a bug")))
      })
      return yield* world.bus.publish([
        { type: "component.status", component: "x", from: "healthy", to: "degraded", at: "", detail: "" }
      ])
  }
})

const end = Effect.fnUntraced(function* (
  { hosts, world }: Pick<Watched, "hosts" | "world">,
  what: Planned["what"]
): Effect.fn.Return<void> {
  const node = world.supervisords["n0"]
  if (node !== undefined && groupOf[what] === "node") yield* node.spoil("none")
  if (node !== undefined && what === "crash") yield* node.boot
  if (groupOf[what] === "memory") yield* world.stats.use({ residentBytes: 100 * mib })
  if (what === "configuration") yield* load(world, World.configText(hosts, settings))
})

const load = (world: World.World, text: string) =>
  Effect.andThen(Effect.orDie(world.files.writeFileString(World.configFile, text)), world.signal("SIGHUP"))

/** Asks once, and holds the answer to what ails the console. */
const look = Effect.fnUntraced(function* (
  { ailments, token, world }: Watched,
  path: HealthTruth.Sample["path"],
  isAnonymous: boolean
): Effect.fn.Return<Health, Violation, RunContext> {
  const request = HttpClientRequest.get(`http://console${path}`)
  const sentMs = yield* Clock.currentTimeMillis
  const answer = yield* world.http.execute(isAnonymous ? request : HttpClientRequest.bearerToken(request, token)).pipe(
    Effect.flatMap((response) =>
      Effect.map(HttpClientResponse.schemaBodyJson(Health)(response), (health) => ({ status: response.status, health }))
    ),
    Effect.scoped,
    Effect.timeout(2_000),
    Effect.catch((error) => violated(`${path} has no answer: ${error.message}`))
  )
  const gotMs = yield* Clock.currentTimeMillis
  const wrong = HealthTruth.wrongSample({ ...answer, path, isAnonymous, sentMs, gotMs }, ailments)
  if (wrong !== undefined) return yield* violated(`${path}: ${wrong}`)
  return answer.health
})

const looks = [
  ["/health", false],
  ["/health/ready", true],
  ["/health", true],
  ["/health/ready", false]
] as const

const lookOn = (watched: Watched, everyMs: number) =>
  Effect.gen(function* () {
    for (;;) {
      for (const [path, isAnonymous] of looks) {
        yield* look(watched, path, isAnonymous)
        yield* Effect.sleep(everyMs)
      }
      const { status } = yield* Effect.orDie(Effect.scoped(watched.world.http.get("http://console/health/live")))
      yield* holds(status === 200, () => `/health/live answers ${status}`)
    }
  })

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const hosts = plan.ailments.some(({ what }) => groupOf[what] === "node") ? ["n0"] : []
  const world = yield* World.make({
    nodes: Object.fromEntries(hosts.map((host) => [host, [World.steady("app", "api")]])),
    network: { latencyMsMax: 4 },
    config: World.configText(hosts, settings),
    parts
  })
  const grant = yield* Effect.orDie(world.accounts.login("admin", Redacted.make(World.adminPassword), {}))
  const watched: Watched = { world, hosts, token: Redacted.value(grant.accessToken), ailments: [] }
  yield* eventually({
    what: "it is ready",
    withinMs: 10_000,
    look: Effect.andThen(Effect.sleep(200), look(watched, "/health/ready", false)),
    until: ({ fleet, status }: Health) => fleet.up === fleet.nodes && status === "healthy"
  })
  yield* Effect.raceFirst(
    lookOn(watched, plan.everyMs),
    Effect.forEach(plan.ailments, (planned) => suffer(watched, planned), { concurrency: "unbounded", discard: true })
  )
  // The last look is later than any bound but that of what needs the database.
  const clearedMs = Math.max(...watched.ailments.map(({ clearsWithinMs }) => clearsWithinMs))
  yield* Effect.raceFirst(lookOn(watched, clearedMs / 3), Effect.sleep(clearedMs + 1_000))
  yield* eventually({
    what: "everything is healthy",
    withinMs: databaseMs,
    look: Effect.andThen(Effect.sleep(1_000), look(watched, "/health", false)),
    until: ({ status }: Health) => status === "healthy"
  })
}, Effect.scoped)

export const P24: Property = {
  id: "P24",
  title: "health detail",
  requirements: ["R10.4"],
  marks: [
    "worker: failing",
    "memory: failing",
    "a handler of the bus failed",
    "a handler of the bus took too long",
    "memory is short",
    "memory is enough again",
    "a reload was refused",
    "the circuit of the database opened",
    "the retries of a statement were used up"
  ],
  program,
  focus: P24Reports.program,
  mutants: [
    HealthMutants.neverForgiven,
    HealthMutants.reportIsKept,
    HealthMutants.assessmentsForgotten,
    HealthMutants.lastAnswerCounts,
    HealthMutants.repairGoesUnnoticed
  ]
}
