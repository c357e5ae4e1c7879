/**
 * P24, further, over the parts that know how the console is, and the endpoints that say so: what a component reported
 * is shown at once, what is looked at is shown within its bound, and both are gone as soon as they are made good.
 *
 * Method: a worker reports failures and successes of its work, the configuration says itself how it is, memory becomes
 * short, and in some runs a node is away or hangs; one after the other or at the same time. Somebody with a login and
 * somebody without ask all the while, without a network between them and the endpoints.
 */
import { Clock, Context, Effect, Layer, Logger, Schema, type Scope } from "effect"
import * as fc from "fast-check"
import { componentName as configuration } from "../../core/config/LiveSettings.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { Components } from "../../core/health/Components.ts"
import { Health } from "../../core/http/HealthApi.ts"
import * as MemoryMonitor from "../../core/resources/MemoryMonitor.ts"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as HealthTruth from "../oracles/HealthTruth.ts"
import type { Ailment } from "../oracles/HealthTruth.ts"
import * as DriverNode from "../peers/DriverNode.ts"
import * as SimProcessStats from "../ports/SimProcessStats.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"
import { consoleOptions } from "../World.ts"

const ailing = fc.record({
  what: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("worker", "configuration", "memory") },
    // Polls cost most.
    { weight: 1, arbitrary: fc.constantFrom("away", "hang") }
  ),
  atMs: fc.nat(2_000),
  lastsMs: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 50, max: 3_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 9_000, max: 10_000 }) }
  ),
  isBad: fc.boolean(),
  failures: fc.integer({ min: 1, max: 6 })
})
type Ailing = ReturnType<typeof ailing.generate>["value"]

const groupOf = ({ what }: Ailing): string => (what === "hang" || what === "away" ? "node" : what)

const workload = fc.record({
  ailments: fc.oneof(
    { weight: 2, arbitrary: fc.tuple(ailing) },
    // Two of the same would end each other.
    { weight: 1, arbitrary: fc.uniqueArray(ailing, { minLength: 2, maxLength: 2, selector: groupOf }) }
  ),
  everyMs: fc.integer({ min: 1_500, max: 4_500 })
})

/** Errors in a row from which a component is failing, and successes in a row that make them good. */
const failingAfter = 5
const healthyAfter = 3

const mib = 1024 * 1024
const memoryEveryMs = 2_000
const pollEveryMs = 5_000

/** What happens at the same moment as a look may be in it or not. */
const momentMs = 1

/** What is known of each kind before it happens. */
const knowledge = {
  worker: { component: "worker", showsWithinMs: momentMs, clearsWithinMs: momentMs },
  configuration: { component: configuration, showsWithinMs: momentMs, clearsWithinMs: momentMs },
  memory: { component: "memory", showsWithinMs: memoryEveryMs, clearsWithinMs: memoryEveryMs + momentMs },
  away: { component: undefined, showsWithinMs: 8_000, clearsWithinMs: 20_000 },
  hang: { component: undefined, showsWithinMs: 15_000, clearsWithinMs: 20_000 }
} as const satisfies Readonly<Record<Ailing["what"], Pick<Ailment, "component" | "showsWithinMs" | "clearsWithinMs">>>

interface Stage {
  readonly components: Components["Service"]
  readonly stats: SimProcessStats.SimProcessStats["Service"]
  readonly node: DriverNode.DriverNode
  readonly app: AppStage.AppStage
  readonly ailments: Array<Ailment>
}

const { bus, fleet, hub: _, ...live } = consoleOptions

const make = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  hasNode: boolean
): Effect.fn.Return<Stage, never, RunContext | Scope.Scope> {
  const node = DriverNode.make("n0", ["api"])
  const limits = () => ({ warningBytes: 500 * mib, criticalBytes: 800 * mib })
  const poll = { ...fleet.poll, intervalMs: pollEveryMs, jitter: 0 }
  const stage = MemoryMonitor.layer({ limits, intervalMs: () => memoryEveryMs }).pipe(
    Layer.provideMerge(parts.components),
    Layer.provideMerge(SimProcessStats.layer),
    Layer.provideMerge(parts.bus({ ...bus, workers: 1 }))
  )
  const services = yield* Effect.provide(Layer.build(stage), Logger.layer([]))
  const nodes = parts
    .fleet(Effect.succeed([node.managed]), { ...fleet, poll })
    .pipe(Layer.provide(parts.registry), Layer.provide(Layer.succeedContext(services)))
  const views = hasNode ? Context.get(yield* Layer.build(nodes), Fleet).nodes : Effect.succeed([])
  const components = Context.get(services, Components)
  const modelled = AppModels.services()
  const app = yield* AppStage.make({
    parts,
    services: { ...modelled, components, fleet: { ...modelled.fleet, nodes: views } },
    http: { publicHealth: live.live().http.publicHealth }
  })
  yield* components.register("worker")
  yield* components.register(configuration)
  return { components, stats: Context.get(services, SimProcessStats.SimProcessStats), node, app, ailments: [] }
})

const times = (count: number, effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.forEach(Array.from({ length: count }), () => effect, { discard: true })

const leastOf = ({ failures, isBad, what }: Ailing): Ailment["least"] =>
  (what === "worker" && failures >= failingAfter) || (what === "memory" && isBad) ? "failing" : "degraded"

const begin = ({ components, node, stats }: Stage, { failures, isBad, what }: Ailing): Effect.Effect<void> => {
  switch (what) {
    case "worker":
      return times(failures, components.errored("worker", "it failed at its work"))
    case "configuration":
      return components.assessed(configuration, "degraded", "it cannot be read")
    case "memory":
      return stats.use({ residentBytes: (isBad ? 900 : 600) * mib })
    case "away":
    case "hang":
      return Effect.sync(() => void (node.trouble = what))
  }
}

const end = ({ components, node, stats }: Stage, { what }: Ailing): Effect.Effect<void> => {
  switch (what) {
    case "worker":
      return times(healthyAfter, components.succeeded("worker"))
    case "configuration":
      return components.assessed(configuration, "healthy", "it is read again")
    case "memory":
      return stats.use({ residentBytes: 100 * mib })
    case "away":
    case "hang":
      return Effect.sync(() => void (node.trouble = "none"))
  }
}

/** Makes something go wrong, and well again. */
const suffer = Effect.fnUntraced(function* (stage: Stage, planned: Ailing): Effect.fn.Return<void, never, RunContext> {
  yield* Effect.sleep(planned.atMs)
  const ailment: Ailment = {
    ...knowledge[planned.what],
    what: planned.what,
    least: leastOf(planned),
    touches: {},
    fromMs: yield* Clock.currentTimeMillis,
    untilMs: Infinity
  }
  stage.ailments.push(ailment)
  yield* begin(stage, planned)
  yield* Effect.sleep(planned.lastsMs)
  ailment.untilMs = (yield* Clock.currentTimeMillis) - momentMs
  yield* end(stage, planned)
  yield* sometimes(`${groupOf(planned)}: ${ailment.least}`)
})

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Health))

/** Asks once, and holds the answer to what ails the console. */
const look = Effect.fnUntraced(function* (
  { ailments, app }: Stage,
  path: HealthTruth.Sample["path"],
  isAnonymous: boolean
): Effect.fn.Return<Health, Violation> {
  const headers = isAnonymous ? {} : { authorization: `Bearer ${AppModels.tokenOf("vera")}` }
  const sentMs = yield* Clock.currentTimeMillis
  const { body, status } = yield* app.ask({ method: "GET", path, headers })
  const health = yield* Effect.catch(decode(body), () => violated(`${path} answers ${body}`))
  const gotMs = yield* Clock.currentTimeMillis
  const wrong = HealthTruth.wrongSample({ status, health, path, isAnonymous, sentMs, gotMs }, ailments)
  if (wrong !== undefined) return yield* violated(`${path}: ${wrong}`)
  return health
})

const lookOn = (stage: Stage, everyMs: number): Effect.Effect<never, Violation> =>
  Effect.gen(function* () {
    for (let i = 0; ; i++) {
      yield* Effect.sleep(everyMs)
      yield* look(stage, i % 2 === 0 ? "/health" : "/health/ready", i % 3 === 0)
      if (i % 4 === 0) {
        const { status } = yield* stage.app.ask({ method: "GET", path: "/health/live", headers: {} })
        yield* holds(status === 200, () => `/health/live answers ${status}`)
      }
    }
  })

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { ailments, everyMs } = yield* draw(workload)
  const stage = yield* make(
    parts,
    ailments.some((each) => groupOf(each) === "node")
  )
  // The first poll.
  yield* Effect.sleep(50)
  yield* Effect.raceFirst(
    lookOn(stage, everyMs),
    Effect.forEach(ailments, (each) => suffer(stage, each), { concurrency: "unbounded", discard: true })
  )
  yield* eventually({
    what: "everything is healthy",
    withinMs: Math.max(...stage.ailments.map(({ clearsWithinMs }) => clearsWithinMs)) + everyMs,
    look: Effect.andThen(Effect.sleep(everyMs / 2), look(stage, "/health", false)),
    until: ({ status }: Health) => status === "healthy"
  })
}, Effect.scoped)
