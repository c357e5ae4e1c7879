/**
 * The statements of the activity log, for SQLite and PostgreSQL alike. What comes from outside is always a parameter.
 *
 * Reads go over the table in windows of ids, so that a search that finds little holds nobody up for long: SQLite works
 * on the console's own thread.
 */
import { DateTime, Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { ActivityEntry, ActivityOutcome, Attempt } from "../domain/ActivityEntry.ts"
import type { ActivityFilter } from "./ActivityLog.ts"
import { charactersMax, clean } from "./ActivityText.ts"

/** An attempt as it waits to be written. The uid is drawn before, so that writing it again writes nothing more. */
export interface NewRow {
  readonly uid: string
  readonly atMs: number
  readonly attempt: Attempt
}

/** Ids that one statement looks at, at most. */
export const windowIds = 20_000

/** Ids from `first` on, up to and without `end`. */
export interface Window {
  readonly first: number
  readonly end: number
}

type Sql = SqlClient.SqlClient

/** What a search for a text looks at. SQLite knows the case of ASCII only, so that both get it ready from here. */
const searchText = ({ action, actor, detail, node, process }: Attempt): string =>
  [actor, action, node, process, detail]
    .map((field) => field ?? "")
    .join("\n")
    .toLowerCase()

const columns = ({ atMs, attempt, uid }: NewRow) => ({
  uid,
  at_ms: atMs,
  actor: attempt.actor,
  address: attempt.address ?? null,
  action: attempt.action,
  node: attempt.node ?? null,
  process: attempt.process ?? null,
  outcome: attempt.outcome,
  code: attempt.code ?? null,
  detail: attempt.detail ?? null,
  request_id: attempt.request_id ?? null,
  search: searchText(attempt)
})

/** Writes them in one statement, all or none; those that are there already stay as they are. */
export const insertRows = (sql: Sql, [first, ...others]: readonly [NewRow, ...ReadonlyArray<NewRow>]) =>
  sql`INSERT INTO activity ${sql.insert([columns(first), ...others.map(columns)])} ON CONFLICT (uid) DO NOTHING`

type Whole = number | bigint

interface Row {
  readonly id: Whole
  readonly at_ms: Whole
  readonly actor: string
  readonly address: string | null
  readonly action: string
  readonly node: string | null
  readonly process: string | null
  readonly outcome: ActivityOutcome
  readonly code: string | null
  readonly detail: string | null
  readonly request_id: string | null
}

const entryOf = (row: Row): ActivityEntry => ({
  id: Number(row.id),
  at: DateTime.formatIso(DateTime.makeUnsafe(Number(row.at_ms))),
  actor: row.actor,
  ...(row.address === null ? {} : { address: row.address }),
  action: row.action,
  ...(row.node === null ? {} : { node: row.node }),
  ...(row.process === null ? {} : { process: row.process }),
  outcome: row.outcome,
  ...(row.code === null ? {} : { code: row.code }),
  ...(row.detail === null ? {} : { detail: row.detail }),
  ...(row.request_id === null ? {} : { request_id: row.request_id })
})

/** `!` before what would be a wildcard, and before itself. */
const literally = (text: string): string => text.replaceAll(/[!%_]/g, "!$&")

/** The log holds cleaned text, so that is what is looked for. */
const clauses = (sql: Sql, filter: ActivityFilter): ReadonlyArray<Statement.Fragment> => {
  const found: Array<Statement.Fragment> = []
  const { action, actor, fromMs, node, outcome, process, requestId, text, toMs } = filter
  if (actor !== undefined) found.push(sql`actor = ${clean(actor, charactersMax.actor)}`)
  if (action !== undefined) found.push(sql`action = ${clean(action, charactersMax.action)}`)
  if (node !== undefined) found.push(sql`node = ${clean(node, charactersMax.node)}`)
  if (process !== undefined) found.push(sql`process = ${clean(process, charactersMax.process)}`)
  if (outcome !== undefined) found.push(sql`outcome = ${outcome}`)
  if (requestId !== undefined) found.push(sql`request_id = ${clean(requestId, charactersMax.request_id)}`)
  if (fromMs !== undefined) found.push(sql`at_ms >= ${fromMs}`)
  if (toMs !== undefined) found.push(sql`at_ms < ${toMs}`)
  if (text !== undefined) {
    const pattern = `%${literally(clean(text, charactersMax.detail).toLowerCase())}%`
    found.push(sql`search LIKE ${pattern} ESCAPE '!'`)
  }
  return found
}

/** Those in the window that match. */
export const selectRows = (
  sql: Sql,
  filter: ActivityFilter,
  { end, first }: Window,
  { limit, order }: { readonly limit: number; readonly order: "oldest first" | "newest first" }
) => {
  const matches = sql.and([sql`id >= ${first}`, sql`id < ${end}`, ...clauses(sql, filter)])
  const direction = sql.literal(order === "oldest first" ? "ASC" : "DESC")
  return Effect.map(
    sql<Row>`SELECT id, at_ms, actor, address, action, node, process, outcome, code, detail, request_id
      FROM activity WHERE ${matches} ORDER BY id ${direction} LIMIT ${limit}`,
    (rows) => rows.map(entryOf)
  )
}

/** All ids that there are; empty when there is none. */
export const extent = (sql: Sql): Effect.Effect<Window, SqlError.SqlError> =>
  Effect.map(
    // Each in a query of its own: SQLite looks both up at the ends of the table only then.
    sql<{ readonly first: Whole | null; readonly last: Whole | null }>`
      SELECT (SELECT MIN(id) FROM activity) AS first, (SELECT MAX(id) FROM activity) AS last`,
    ([row]) => ({ first: Number(row?.first ?? 0), end: Number(row?.last ?? -1) + 1 })
  )

/** Removes entries of before that moment, so many at most; gives how many. */
export const removeOlder = (sql: Sql, beforeMs: number, limit: number) =>
  Effect.map(
    sql`DELETE FROM activity WHERE id IN
      (SELECT id FROM activity WHERE at_ms < ${beforeMs} ORDER BY at_ms LIMIT ${limit}) RETURNING id`,
    (rows) => rows.length
  )

/** Removes entries with ids below that one, so many at most; gives how many. */
export const removeBelow = (sql: Sql, id: number, limit: number) =>
  Effect.map(
    sql`DELETE FROM activity WHERE id IN
      (SELECT id FROM activity WHERE id < ${id} ORDER BY id LIMIT ${limit}) RETURNING id`,
    (rows) => rows.length
  )
