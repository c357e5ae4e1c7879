/**
 * The activity log (S10): every attempt, also those that were denied or concerned what does not exist.
 *
 * An attempt is on disk before it is answered while the database is well. While it is away, attempts wait in memory, up
 * to a bound, and are written when it is back; what is lost beyond that is counted and told by the component
 * `activity`.
 */
import { Context, Effect, Layer, type Stream } from "effect"
import type { ActivityEntry, ActivityOutcome, Attempt } from "../domain/ActivityEntry.ts"
import type { Components } from "../health/Components.ts"
import { Database } from "../storage/Database.ts"
import type { DatabaseError } from "../storage/DatabaseError.ts"
import * as Reader from "./ActivityReader.ts"
import * as Writer from "./ActivityWriter.ts"
import * as Retention from "./Retention.ts"

/** All that are given have to match. Times in milliseconds since the epoch: from the first on, before the second. */
export interface ActivityFilter {
  readonly actor?: string | undefined
  readonly action?: string | undefined
  readonly node?: string | undefined
  readonly process?: string | undefined
  readonly outcome?: ActivityOutcome | undefined
  readonly requestId?: string | undefined
  /** Somewhere in actor, action, node, process or detail, whatever its case. */
  readonly text?: string | undefined
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export interface ActivityPage {
  /** Newest first. */
  readonly entries: ReadonlyArray<ActivityEntry>
  /** Where the next page begins: ids below this one; undefined on the last page. */
  readonly before: number | undefined
}

export class ActivityLog extends Context.Service<
  ActivityLog,
  {
    /**
     * Takes an attempt in; returns when it is on disk, or waits in memory because the database is away or did not say
     * so within some seconds. Interrupted while it waits, it is recorded all the same.
     */
    readonly record: (attempt: Attempt) => Effect.Effect<void>
    /** A page of what is in the database; what still waits in memory is not among it. The limit is 1,000 at most. */
    readonly page: (
      filter: ActivityFilter,
      options: { readonly before?: number | undefined; readonly limit: number }
    ) => Effect.Effect<ActivityPage, DatabaseError>
    /** All in the database that match, oldest first, read page by page, up to the newest of when the reading begins. */
    readonly all: (filter: ActivityFilter) => Stream.Stream<ActivityEntry, DatabaseError>
    readonly counts: Effect.Effect<Writer.WriterCounts>
  }
>()("core/activity/ActivityLog") {}

export interface ActivityOptions extends Retention.RetentionOptions {
  /** Attempts that wait in memory while the database is away. */
  readonly waitingMax: number
}

export const layer = (options: ActivityOptions): Layer.Layer<ActivityLog, never, Database | Components> =>
  Layer.effect(
    ActivityLog,
    Effect.gen(function* () {
      const database = yield* Database
      yield* Effect.forkScoped(Retention.run(options))
      const { counts, record } = yield* Writer.make(options)
      return ActivityLog.of({
        record,
        counts,
        page: (filter, { before, limit }) => Reader.page(database, filter, { before, limit }),
        all: (filter) => Reader.all(database, filter)
      })
    })
  )
