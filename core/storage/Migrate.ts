/**
 * Brings the tables to the version of this console, or refuses those of a newer one. All of it is one transaction that
 * nobody else can have at the same time: of several consoles that start together one migrates, the others wait for it
 * and find it done; one that fails leaves nothing.
 */
import { Clock, Effect, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

/** The database was used by a newer console. Nothing was changed; this console must not use it. */
export class SchemaTooNew extends Schema.TaggedError<SchemaTooNew>()("SchemaTooNew", {
  /** Version of the tables. */
  found: Schema.Number,
  /** The last that this console knows. */
  known: Schema.Number
}) {
  override get message(): string {
    const { found, known } = this
    return `the database has tables of version ${found}, and this console knows up to ${known}: use a newer one`
  }
}

/** By number and name, such as `0001_accounts`. */
export type MigrationSet = Readonly<Record<string, Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient>>>

/** Of all consoles on one PostgreSQL database: the letters of "Muster" in hexadecimal. */
const advisoryLock = "85166843520370"

/** How long one migration may take at the server: a large table takes its time. */
const migrationMsMax = 600_000

/** Gives the version that the tables have then. */
export const migrate = (
  set: MigrationSet
): Effect.Effect<number, SchemaTooNew | SqlError.SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(steps(sql, set))).pipe(
    Effect.withSpan("Database.migrate")
  )

const steps = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, set: MigrationSet) {
  yield* lock(sql)
  yield* sql`CREATE TABLE IF NOT EXISTS schema_versions (
    version BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    applied_ms BIGINT NOT NULL
  )`
  const [row] = yield* sql<{ readonly version: unknown }>`SELECT MAX(version) AS version FROM schema_versions`
  const found = Number(row?.version ?? 0)
  const known = ordered(set)
  const last = known.at(-1)?.version ?? 0
  if (found > last) return yield* new SchemaTooNew({ found, known: last })
  for (const { apply, name, version } of known.filter((each) => each.version > found)) {
    yield* Effect.provideService(apply, SqlClient.SqlClient, sql)
    const applied_ms = yield* Clock.currentTimeMillis
    yield* sql`INSERT INTO schema_versions ${sql.insert({ version, name, applied_ms })}`
  }
  return last
})

/** SQLite needs none: its transactions begin as the only one that writes. */
const lock = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () =>
      Effect.andThen(
        sql`SELECT set_config('statement_timeout', ${String(migrationMsMax)}, true)`,
        sql`SELECT pg_advisory_xact_lock(${sql.literal(advisoryLock)})::text`
      ),
    orElse: () => Effect.void
  })

const ordered = (set: MigrationSet) =>
  Object.entries(set)
    .map(([key, apply]) => {
      const [number = "", ...words] = key.split("_")
      return { version: Number(number), name: words.join("_"), apply }
    })
    .toSorted((a, b) => a.version - b.version)
