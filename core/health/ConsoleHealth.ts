/**
 * The components that do not report themselves: the bus, the fleet, batches and followed logs. Their counts are looked
 * at now and then: what failed since the last look is an error of the component, a look without failures a success. The
 * hub and the activity log tell of their errors themselves, and are looked at for their recovery.
 */
import { Effect, Layer } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import { Batches } from "../fleet/Batches.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { LogFollow } from "../fleet/LogFollow.ts"
import { SyncMetrics } from "../metrics/SyncMetrics.ts"
import { Components } from "./Components.ts"
import type { ComponentHealth } from "./Components.ts"

/** Between two looks. */
const lookEveryMs = 5_000

/** What a node has for a reason when the console failed to poll it, and not the node to answer. */
const ownFault = "Internal"

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, number) => all + number, 0)

export const layer: Layer.Layer<never, never, Batches | Components | EventBus | Fleet | LogFollow | SyncMetrics> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const components = yield* Components
      const bus = yield* EventBus
      const fleet = yield* Fleet
      const batches = yield* Batches
      const logFollow = yield* LogFollow
      const sync = yield* SyncMetrics

      const busCounts = Effect.map(bus.stats, (subscribers) => ({
        waiting: sum(subscribers.flatMap(({ waiting }) => Object.values(waiting))),
        handled: sum(subscribers.map(({ handled }) => handled)),
        failed: sum(subscribers.map(({ failed }) => failed)),
        dropped: sum(subscribers.map(({ dropped }) => dropped)),
        blocked: sum(subscribers.map(({ blocked }) => blocked))
      }))
      yield* components.register(
        "event bus",
        Effect.zipWith(busCounts, sync.report, (counts, { handlers }) => ({
          ...counts,
          handler_ms_max: Math.max(0, ...handlers.map(({ maxMs }) => maxMs))
        }))
      )
      yield* components.register(
        "fleet",
        Effect.zipWith(fleet.nodes, sync.report, (nodes, { permits }) => ({
          nodes: nodes.length,
          stale: nodes.filter(({ stale }) => stale).length,
          circuits_open: nodes.filter(({ breaker }) => breaker?.state === "open").length,
          permit_wait_ms_max: Math.max(0, ...permits.map(({ maxMs }) => maxMs))
        }))
      )
      yield* components.register(
        "batches",
        Effect.map(batches.all, (all) => ({ running: all.filter(({ status }) => status === "running").length }))
      )
      yield* components.register(
        "followed logs",
        Effect.map(logFollow.following, (logs) => ({
          logs: logs.length,
          followers: sum(logs.map(({ followers }) => followers))
        }))
      )

      let before = { failed: 0, dropped: 0 }
      const lookAtBus = Effect.flatMap(busCounts, ({ dropped, failed }) => {
        const news = { failed: failed - before.failed, dropped: dropped - before.dropped }
        before = { failed, dropped }
        return news.failed + news.dropped === 0
          ? components.succeeded("event bus")
          : components.errored("event bus", `${news.failed} handlers failed, ${news.dropped} events were dropped`)
      })
      const lookAtFleet = Effect.flatMap(fleet.nodes, (nodes) => {
        const failed = nodes.filter(({ reason }) => reason?.code === ownFault).map(({ name }) => name)
        return failed.length === 0
          ? components.succeeded("fleet")
          : components.errored("fleet", `the console failed to poll ${failed.join(", ")}; its log tells more`)
      })
      const lookAtHub = recovery(components, "hub")
      const lookAtActivity = recovery(components, "activity", ({ detail }) => detail["waiting"] === 0)
      yield* Effect.sleep(lookEveryMs).pipe(
        Effect.andThen(lookAtBus),
        Effect.andThen(lookAtFleet),
        Effect.andThen(lookAtHub),
        Effect.andThen(lookAtActivity),
        Effect.forever,
        Effect.withSpan("ConsoleHealth.look"),
        Effect.forkScoped
      )
    })
  )

/**
 * On a fleet where nothing happens a component has nothing to succeed at: that nothing fails any more since the last
 * look must do, unless it has work that it cannot get done.
 */
const recovery = (
  components: Components["Service"],
  component: string,
  isIdle: (health: ComponentHealth) => boolean = () => true
): Effect.Effect<void> => {
  let before = 0
  return Effect.flatMap(components.errorsOf(component), (errors) => {
    const isQuiet = errors === before
    before = errors
    if (!isQuiet || errors === 0) return Effect.void
    return Effect.flatMap(components.all, (all) => {
      const health = all.find(({ name }) => name === component)
      return health !== undefined && isIdle(health) ? components.succeeded(component) : Effect.void
    })
  })
}
