/**
 * All metrics of the console as they are now, in the text format of Prometheus (S9). What the parts count themselves is
 * asked for at each look and taken in at once; so several that look at the same time see whole pictures.
 */
import { Clock, Context, Effect, Layer, Option } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { ActivityLog } from "../activity/ActivityLog.ts"
import { Accounts } from "../auth/Accounts.ts"
import { EventBus } from "../bus/EventBus.ts"
import { Settings } from "../config/Settings.ts"
import { Batches } from "../fleet/Batches.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Components } from "../health/Components.ts"
import { Hub } from "../hub/Hub.ts"
import { ProcessStats } from "../ProcessStats.ts"
import { FiberBudget } from "../resources/FiberBudget.ts"
import { MemoryMonitor } from "../resources/MemoryMonitor.ts"
import { Database } from "../storage/Database.ts"
import { samplesOf } from "./Collection.ts"
import type { Observed } from "./Collection.ts"
import { Measurements } from "./Measurements.ts"

export class MetricsPage extends Context.Service<
  MetricsPage,
  {
    /** The text. */
    readonly page: Effect.Effect<string>
    /** Brings the registry up to date, for an exporter that reads it. */
    readonly collect: Effect.Effect<void>
  }
>()("core/metrics/MetricsPage") {}

/** Asks a part that a console may do without. */
const askOf = <I, S, A>(
  service: Context.Service<I, S>,
  ask: (part: S) => Effect.Effect<A>
): Effect.Effect<Effect.Effect<A | undefined>> =>
  Effect.map(Effect.serviceOption(service), (part) =>
    Option.match(part, { onNone: () => Effect.succeed(undefined), onSome: ask })
  )

/** Each part of the console that is there is asked; the version is shown as it is. */
export const layer = (
  version: string
): Layer.Layer<MetricsPage, never, Batches | Components | EventBus | Fleet | Hub | Measurements> =>
  Layer.effect(
    MetricsPage,
    Effect.gen(function* () {
      const { board, fibersUnsafe } = yield* Measurements
      const bus = yield* EventBus
      const fleet = yield* Fleet
      const batches = yield* Batches
      const hub = yield* Hub
      const components = yield* Components
      const startedMs = yield* Clock.currentTimeMillis
      const accounts = yield* askOf(Accounts, ({ counts }) => counts)
      const activity = yield* askOf(ActivityLog, ({ counts }) => counts)
      const usage = yield* askOf(ProcessStats, (stats) => stats.usage)
      const budget = yield* askOf(FiberBudget, ({ counts }) => counts)
      const memory = yield* askOf(MemoryMonitor, ({ counts }) => counts)
      const settings = yield* askOf(Settings, ({ current }) => current)
      const database = yield* askOf(Database, ({ counts, status }) =>
        Effect.zipWith(counts, status, (counted, now) => ({ ...counted, status: now }))
      )

      const observe = Effect.gen(function* (): Effect.fn.Return<Observed> {
        // Components first: they may take a while to say something of themselves.
        const health = yield* components.all
        return {
          version,
          startedMs,
          components: health,
          configVersion: (yield* settings)?.version,
          usage: yield* usage,
          accounts: yield* accounts,
          activity: yield* activity,
          database: yield* database,
          budget: (yield* budget) ?? [],
          memory: yield* memory,
          bus: yield* bus.stats,
          batches: yield* batches.all,
          hub: yield* hub.counts,
          nodes: yield* fleet.nodes,
          fibers: fibersUnsafe()
        }
      })
      const collect = Effect.map(observe, (observed) => board.collect(samplesOf(observed)))

      return MetricsPage.of({
        collect: Effect.withSpan(collect, "MetricsPage.collect"),
        page: Effect.map(collect, () => PrometheusMetrics.formatUnsafe(board.context)).pipe(
          Effect.withSpan("MetricsPage.page")
        )
      })
    })
  )
