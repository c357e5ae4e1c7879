/**
 * Removes what the activity log keeps no longer, in steps that are short and leave the database to others in between.
 *
 * How many there are is told by the distance of the ids, which costs nothing. Where ids were skipped, a little fewer
 * are kept.
 */
import { Clock, Effect } from "effect"
import { Database } from "../storage/Database.ts"
import { extent, removeBelow, removeOlder } from "./ActivityRows.ts"

export interface RetentionOptions {
  readonly retentionMs: number
  readonly entriesMax: number
}

/** Rows of one step. */
const stepRows = 500

const betweenStepsMs = 20

const intervalMs = 60_000

/**
 * Removes now and then, for ever. A sweep that fails is done by the next. The first is no part of the start, where
 * others need the database.
 */
export const run = Effect.fn("ActivityLog.retention")(function* (options: RetentionOptions) {
  yield* (yield* Database).ready
  for (;;) {
    yield* Effect.sleep(intervalMs)
    yield* Effect.catchTag(sweep(options), "DatabaseError", (error) =>
      Effect.logWarning("old entries of the activity log could not be removed", error)
    )
  }
})

/** Removes all that is too old or too much. */
const sweep = Effect.fnUntraced(function* ({ entriesMax, retentionMs }: RetentionOptions) {
  const database = yield* Database
  const beforeMs = (yield* Clock.currentTimeMillis) - retentionMs
  const { end } = yield* database.run("ActivityLog.extent", extent)
  yield* inSteps(database.run("ActivityLog.removeOlder", (sql) => removeOlder(sql, beforeMs, stepRows)))
  yield* inSteps(database.run("ActivityLog.removeBelow", (sql) => removeBelow(sql, end - entriesMax, stepRows)))
})

const inSteps = <E>(step: Effect.Effect<number, E>): Effect.Effect<void, E> =>
  Effect.flatMap(step, (removed) =>
    removed < stepRows ? Effect.void : Effect.andThen(Effect.sleep(betweenStepsMs), inSteps(step))
  )
