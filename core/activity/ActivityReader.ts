/**
 * Reading the activity log: by pages, keyed by the id of the last entry that was seen, so that entries that come or go
 * meanwhile move nothing; and all of it as a stream, which holds one page in memory.
 *
 * Entries that still wait in memory for the database are not among what is read.
 */
import { Effect, Option, Stream } from "effect"
import type { ActivityEntry } from "../domain/ActivityEntry.ts"
import type { Database } from "../storage/Database.ts"
import type { DatabaseError } from "../storage/DatabaseError.ts"
import type { ActivityFilter, ActivityPage } from "./ActivityLog.ts"
import { extent, selectRows, windowIds } from "./ActivityRows.ts"
import type { Window } from "./ActivityRows.ts"

/** Entries of a page, at most. */
export const limitMax = 1000

type DatabaseService = Database["Service"]

/** The newest that match, from below `before` on. */
export const page = Effect.fn("ActivityLog.page")(function* (
  database: DatabaseService,
  filter: ActivityFilter,
  { before, limit: asked }: { readonly before?: number | undefined; readonly limit: number }
): Effect.fn.Return<ActivityPage, DatabaseError> {
  const limit = Math.min(limitMax, Math.max(1, Math.trunc(asked)))
  const all = yield* database.run("ActivityLog.page", extent)
  const entries: Array<ActivityEntry> = []
  let end = Math.min(all.end, before ?? Infinity)
  // One more than asked for tells whether there is a next page.
  while (entries.length <= limit && end > all.first) {
    const window = { first: Math.max(all.first, end - windowIds), end }
    const select = { limit: limit + 1 - entries.length, order: "newest first" } as const
    entries.push(...(yield* database.run("ActivityLog.page", (sql) => selectRows(sql, filter, window, select))))
    end = window.first
  }
  const shown = entries.slice(0, limit)
  return { entries: shown, before: entries.length > limit ? shown.at(-1)?.id : undefined }
})

/** Those of the moment at which the reading begins that match, oldest first. */
export const all = (database: DatabaseService, filter: ActivityFilter): Stream.Stream<ActivityEntry, DatabaseError> =>
  Stream.unwrap(
    Effect.map(database.run("ActivityLog.all", extent), (whole) =>
      Stream.paginate(whole, (rest: Window) => {
        const window = { first: rest.first, end: Math.min(rest.end, rest.first + windowIds) }
        const select = { limit: limitMax, order: "oldest first" } as const
        return Effect.map(
          database.run("ActivityLog.all", (sql) => selectRows(sql, filter, window, select)),
          (entries) => {
            const last = entries.at(-1)
            // A full page may have left some of the window.
            const first = entries.length < limitMax || last === undefined ? window.end : last.id + 1
            const next = first < rest.end ? Option.some({ first, end: rest.end }) : Option.none<Window>()
            return [entries, next] as const
          }
        )
      })
    )
  )
