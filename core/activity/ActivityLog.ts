/**
 * The activity log (S10): every attempt, also those that were denied or concerned what does not exist.
 *
 * An attempt is on disk before it is answered while the database is well. While it is away, attempts wait in memory, up
 * to a bound, and are written when it is back; what is lost beyond that is counted and told by the component `activity`.
 */
import { Context, type Effect, type Stream } from "effect"
import type { ActivityEntry, ActivityOutcome, Attempt } from "../domain/ActivityEntry.ts"
import type { DatabaseError } from "../storage/DatabaseError.ts"

/** All that are given have to match. Times in milliseconds since the epoch. */
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
    /** Takes an attempt in; returns when it is on disk, or waits in memory because the database is away. */
    readonly record: (attempt: Attempt) => Effect.Effect<void>
    readonly page: (
      filter: ActivityFilter,
      options: { readonly before?: number | undefined; readonly limit: number }
    ) => Effect.Effect<ActivityPage, DatabaseError>
    /** All that match, oldest first, read page by page; entries that come meanwhile may be among them. */
    readonly all: (filter: ActivityFilter) => Stream.Stream<ActivityEntry, DatabaseError>
  }
>()("core/activity/ActivityLog") {}
