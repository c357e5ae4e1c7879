/**
 * All rows of one database into another, whatever their kinds are: piece by piece in the order of the keys, so that no
 * table has to fit into memory. Both sides are in a transaction of the caller.
 */
import { Effect, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Table } from "./Tables.ts"

/** Rows that are read and written at once. */
const rowsMax = 200

type Row = Readonly<Record<string, unknown>>

const isPostgres = (sql: SqlClient.SqlClient): boolean => sql.onDialectOrElse({ pg: () => true, orElse: () => false })

/** Names come from the program's own schema; quoted all the same. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
const list = (names: ReadonlyArray<string>): string => names.map(quoted).join(", ")

const placeholders = (sql: SqlClient.SqlClient, count: number, from = 0): string =>
  Array.from({ length: count }, (_, index) => (isPostgres(sql) ? `$${from + index + 1}` : "?")).join(", ")

/** The rows whose key comes after this one. */
const read = (
  sql: SqlClient.SqlClient,
  { columns, key, name }: Table,
  after: ReadonlyArray<unknown> | undefined
): Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError> => {
  const where = after === undefined ? "" : `WHERE (${list(key)}) > (${placeholders(sql, after.length)})`
  const text = `SELECT ${list(columns)} FROM ${quoted(name)} ${where} ORDER BY ${list(key)} LIMIT ${rowsMax}`
  return sql.unsafe<Row>(text, after ?? [])
}

/** Whole numbers as PostgreSQL wants them for its BIGINT. */
const parameter = (value: unknown): unknown =>
  typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value

const write = (sql: SqlClient.SqlClient, { columns, name, numbered }: Table, rows: ReadonlyArray<Row>) => {
  const own = numbered !== undefined && isPostgres(sql) ? "OVERRIDING SYSTEM VALUE" : ""
  const values = rows.map((_, index) => `(${placeholders(sql, columns.length, index * columns.length)})`).join(", ")
  return sql.unsafe(
    `INSERT INTO ${quoted(name)} (${list(columns)}) ${own} VALUES ${values}`,
    rows.flatMap((row) => columns.map((column) => parameter(row[column])))
  )
}

const copyTable = Effect.fnUntraced(function* (from: SqlClient.SqlClient, to: SqlClient.SqlClient, table: Table) {
  let count = 0
  for (let after: ReadonlyArray<unknown> | undefined; ;) {
    const rows = yield* read(from, table, after)
    if (rows.length > 0) yield* write(to, table, rows)
    count += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsMax) return count
    after = table.key.map((column) => last[column])
  }
})

const Numbers = Schema.Array(Schema.Struct({ last: Schema.NullOr(Schema.Union([Schema.Number, Schema.BigInt])) }))

/** The last number that the database has given by itself, also when its row is gone. */
const lastNumber = (sql: SqlClient.SqlClient, name: string, column: string) =>
  sql
    .onDialectOrElse({
      pg: () =>
        sql.unsafe(`SELECT COALESCE(pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass), 0) AS last`, [
          quoted(name),
          column
        ]),
      orElse: () => sql.unsafe("SELECT MAX(seq) AS last FROM sqlite_sequence WHERE name = ?", [name])
    })
    .pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(Numbers)),
      Effect.map(([row]) => BigInt(row?.last ?? 0))
    )

/** A number that was given is never given again, by neither of the two. */
const continueNumbers = Effect.fnUntraced(function* (
  from: SqlClient.SqlClient,
  to: SqlClient.SqlClient,
  name: string,
  column: string
) {
  const [one, other] = [yield* lastNumber(from, name, column), yield* lastNumber(to, name, column)]
  const last = one > other ? one : other
  if (last === 0n) return
  yield* to.onDialectOrElse({
    // Not undone by a rollback, which does no harm: some numbers are left out then.
    pg: () => to.unsafe("SELECT setval(pg_get_serial_sequence($1, $2)::regclass, $3)", [quoted(name), column, last]),
    orElse: () =>
      Effect.andThen(
        to.unsafe("DELETE FROM sqlite_sequence WHERE name = ?", [name]),
        to.unsafe("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [name, last])
      )
  })
})

/** Rows by table. */
export type Counts = Readonly<Record<string, number>>

/** Replaces all rows of the one by those of the other; gives how many there were. */
export const copyRows = Effect.fnUntraced(function* (
  from: SqlClient.SqlClient,
  to: SqlClient.SqlClient,
  tables: ReadonlyArray<Table>
) {
  for (const { name } of tables.toReversed()) yield* to.unsafe(`DELETE FROM ${quoted(name)}`)
  const counts: Record<string, number> = {}
  for (const table of tables) {
    counts[table.name] = yield* copyTable(from, to, table)
    if (table.numbered !== undefined) yield* continueNumbers(from, to, table.name, table.numbered)
  }
  const all: Counts = counts
  return all
})

/** Rows of each table as they are counted by the database. */
export const countRows = (sql: SqlClient.SqlClient, tables: ReadonlyArray<Table>) =>
  Effect.map(
    Effect.forEach(tables, ({ name }) =>
      Effect.map(
        Effect.flatMap(sql.unsafe(`SELECT COUNT(*) AS last FROM ${quoted(name)}`), Schema.decodeUnknownEffect(Numbers)),
        ([row]) => [name, Number(row?.last ?? 0)] as const
      )
    ),
    (entries): Counts => Object.fromEntries(entries)
  )
