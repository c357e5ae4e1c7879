/**
 * The tables of a version of the schema, as its migrations make them: read from an empty database that nobody else has
 * had, never from a file that somebody brings. A backup holds these tables and no others.
 */
import { Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { migrate, type MigrationSet } from "../../core/storage/Migrate.ts"
import { migrations } from "../../core/storage/Migrations.ts"
import * as NodeSqlite from "../NodeSqlite.ts"
import { type BackupError, failed, refused } from "./BackupError.ts"

export interface Table {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  /** Columns of the primary key, in its order. */
  readonly key: ReadonlyArray<string>
  /** The column that the database numbers by itself, if there is one. */
  readonly numbered: string | undefined
  /** As SQLite has it, for a comparison. */
  readonly definition: string
}

export interface Tables {
  readonly version: number
  /** Each after those that it refers to. */
  readonly tables: ReadonlyArray<Table>
}

const versionOf = (name: string): number => Number(name.slice(0, name.indexOf("_")))

/** The last version of the schema that this program knows. */
export const versionKnown = Math.max(...Object.keys(migrations).map(versionOf))

/** The migrations up to a version. */
export const migrationsTo = (version: number): MigrationSet =>
  Object.fromEntries(Object.entries(migrations).filter(([name]) => versionOf(name) <= version))

const Version = Schema.Array(Schema.Struct({ version: Schema.NullOr(Schema.Union([Schema.Number, Schema.BigInt])) }))

/** The version of the tables of a database. Refused when it is none of Muster, or of a newer one. */
export const versionIn = (what: string): Effect.Effect<number, BackupError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const found = yield* sql.onDialectOrElse({
      pg: () => sql`SELECT 1 FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = 'schema_versions'`,
      orElse: () => sql`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'`
    })
    if (found.length === 0) return yield* refused(`${what} holds no tables of Muster`)
    const rows = yield* sql`SELECT MAX(version) AS version FROM schema_versions`
    const [row] = yield* Schema.decodeUnknownEffect(Version)(rows)
    const version = Number(row?.version ?? 0)
    if (version < 1) return yield* refused(`${what} holds no tables of Muster`)
    if (version > versionKnown) {
      return yield* refused(
        `${what} has tables of version ${version}, and this program knows them up to ${versionKnown}: use a newer one`
      )
    }
    return version
  }).pipe(Effect.mapError(failed(`cannot read ${what}`)))

const Names = Schema.Array(Schema.Struct({ name: Schema.String, sql: Schema.String }))
const Columns = Schema.Array(Schema.Struct({ name: Schema.String, pk: Schema.Number }))
const References = Schema.Array(Schema.Struct({ table: Schema.String }))

interface Found extends Table {
  readonly refersTo: ReadonlyArray<string>
}

const tableNamed = Effect.fnUntraced(function* (name: string, definition: string) {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* Schema.decodeUnknownEffect(Columns)(
    yield* sql`SELECT name, pk FROM pragma_table_info(${name})`
  )
  const references = yield* Schema.decodeUnknownEffect(References)(
    yield* sql`SELECT "table" FROM pragma_foreign_key_list(${name})`
  )
  const key = columns
    .filter(({ pk }) => pk > 0)
    .toSorted((one, other) => one.pk - other.pk)
    .map((column) => column.name)
  const found: Found = {
    name,
    columns: columns.map((column) => column.name),
    key,
    numbered: /\bAUTOINCREMENT\b/i.test(definition) ? key[0] : undefined,
    definition,
    refersTo: references.map(({ table }) => table)
  }
  return found
})

/** All tables of Muster in a SQLite file, in the order of their names. */
export const tablesIn = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`SELECT name, sql FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_versions' ORDER BY name`
  const names = yield* Schema.decodeUnknownEffect(Names)(rows)
  return yield* Effect.forEach(names, (each) => tableNamed(each.name, each.sql))
})

/** What refers to others comes after them; the schema has no circles. */
const inOrder = (tables: ReadonlyArray<Found>): ReadonlyArray<Table> => {
  const placed: Array<Found> = []
  while (placed.length < tables.length) {
    const next = tables.filter(
      (table) =>
        !placed.includes(table) &&
        table.refersTo.every((name) => name === table.name || placed.some((each) => each.name === name))
    )
    if (next.length === 0) throw new Error("tables refer to each other in a circle")
    placed.push(...next)
  }
  return placed
}

/** The tables of a version. */
export const tablesOf = (version: number): Effect.Effect<Tables, BackupError> =>
  Effect.andThen(migrate(migrationsTo(version)), tablesIn).pipe(
    Effect.map((found) => ({ version, tables: inOrder(found) })),
    Effect.provide(Layer.fresh(NodeSqlite.layer({ filename: ":memory:" }))),
    Effect.mapError(failed("cannot make the tables"))
  )
