/** An activity log over a database of a test. */
import { Context, Effect, Layer, type Scope } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as ActivityLog from "../../../core/activity/ActivityLog.ts"
import type { Attempt } from "../../../core/domain/ActivityEntry.ts"
import * as Components from "../../../core/health/Components.ts"
import * as Database from "../../../core/storage/Database.ts"
import { recordingBus } from "../fleet/Fleets.ts"

export const databaseOptions = {
  statementTimeoutMs: 2_000,
  transactionTimeoutMs: 3_000,
  retriesMax: 1,
  retryDelayMs: 50,
  retryDelayMaxMs: 200,
  breakerFailures: 5,
  breakerOpenMs: 500,
  healthIntervalMs: 1_000
}

export const activityOptions = { retentionMs: 90 * 86_400_000, entriesMax: 1_000_000, waitingMax: 1_000 }

export interface Activities {
  readonly log: ActivityLog.ActivityLog["Service"]
  readonly database: Database.Database["Service"]
  readonly components: Components.Components["Service"]
}

/** Lasts as long as the scope. */
export const make = <E, R>(
  sql: Layer.Layer<SqlClient.SqlClient, E, R>,
  options: Partial<ActivityLog.ActivityOptions> = {}
): Effect.Effect<Activities, E | SqlError.SqlError, R | Scope.Scope> =>
  ActivityLog.layer({ ...activityOptions, ...options }).pipe(
    Layer.provideMerge(Layer.orDie(Database.layer(databaseOptions))),
    Layer.provideMerge(Layer.provide(Components.layer(), recordingBus([]))),
    Layer.provide(sql),
    // A second log over the same layers, as after a restart, is another one.
    Layer.fresh,
    Layer.build,
    Effect.map((context) => ({
      log: Context.get(context, ActivityLog.ActivityLog),
      database: Context.get(context, Database.Database),
      components: Context.get(context, Components.Components)
    }))
  )

export const attempt = (changes: Partial<Attempt> = {}): Attempt => ({
  actor: "ann",
  action: "processes.operate",
  outcome: "done",
  ...changes
})
