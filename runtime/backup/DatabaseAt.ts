/** The database of a configuration, opened for one command: for reading, or for nobody else. */
import { existsSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { Context, Effect, Layer, Redacted, Result, type Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { parseDatabaseUrl } from "../../core/storage/DatabaseUrl.ts"
import * as NodeDatabase from "../NodeDatabase.ts"
import * as NodeSqlite from "../NodeSqlite.ts"
import * as Postgres from "../Postgres.ts"
import { type BackupError, failed, refused } from "./BackupError.ts"

/** For statements that go through a whole table. */
const statementMsMax = 600_000

/** How long it waits for whoever has the lock. */
const lockMsMax = 5_000

type Opened = Effect.Effect<SqlClient.SqlClient, BackupError, Scope.Scope>

export const open = (
  layer: Layer.Layer<SqlClient.SqlClient, SqlError.SqlError | NodeDatabase.DatabaseUnusable>,
  what: string
): Opened =>
  Layer.build(Layer.fresh(layer)).pipe(
    Effect.map((context) => Context.get(context, SqlClient.SqlClient)),
    Effect.mapError(failed(`cannot open ${what}`))
  )

const postgres = (url: Redacted.Redacted) =>
  Postgres.layer({
    url,
    connectionsMax: 1,
    acquireTimeoutMs: 10_000,
    lockTimeoutMs: lockMsMax,
    statementTimeoutMs: statementMsMax,
    idleInTransactionTimeoutMs: statementMsMax
  })

/** What the messages call it: never by its URL, which may hold a password. */
export const nameOf = (url: Redacted.Redacted): string => {
  const parsed = Result.getOrThrow(parseDatabaseUrl(Redacted.value(url)))
  return parsed._tag === "File" ? resolve(parsed.path) : "the PostgreSQL database"
}

/** Whether the file, under whatever name, is one of those that make up this database. */
export const isPartOf = (url: Redacted.Redacted, file: string): boolean => {
  const given = statSync(file, { bigint: true, throwIfNoEntry: false })
  return ["", "-wal", "-shm", "-journal"].some((ending) => {
    const own = statSync(nameOf(url) + ending, { bigint: true, throwIfNoEntry: false })
    return own !== undefined && own.dev === given?.dev && own.ino === given.ino
  })
}

const usable = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const parsed = parseDatabaseUrl(Redacted.value(url))
    if (Result.isFailure(parsed)) return yield* refused(`database.url: expected ${parsed.failure}`)
    if (parsed.success._tag === "Memory") return yield* refused("the database is in the memory of the console only")
    return parsed.success
  })

/** For reading; it must be there. */
export const openToRead = (url: Redacted.Redacted): Opened =>
  Effect.flatMap(usable(url), (place) =>
    place._tag === "File"
      ? open(NodeSqlite.layer({ filename: resolve(place.path), readOnly: true }), nameOf(url))
      : open(postgres(url), nameOf(url))
  )

/**
 * For this command alone, made if it is missing and `create` says so: refused while a console, or anybody else, has it
 * open. Of a PostgreSQL that is seen in a transaction only, by `refuseWhenUsed`.
 */
export const openAlone = (url: Redacted.Redacted, { create }: { readonly create: boolean }): Opened =>
  Effect.flatMap(usable(url), (place) => {
    if (place._tag !== "File") return open(postgres(url), nameOf(url))
    const filename = resolve(place.path)
    if (!create && !existsSync(filename)) return refused(`there is no ${filename}`)
    return Effect.andThen(
      Effect.mapError(NodeDatabase.makeFile(filename), failed("database.url")),
      Effect.mapError(
        open(NodeSqlite.layer({ filename, exclusive: true, busyTimeoutMs: lockMsMax }), filename),
        (error) => (/ locked/.test(error.message) ? refused(`${filename} is in use: stop the console first`) : error)
      )
    )
  })

/**
 * Waits for the tables, so that a console that comes from now on finds them as they are after the transaction; then
 * looks whether one is there already. SQLite needs neither: it was opened for nobody else.
 */
export const refuseWhenUsed = (sql: SqlClient.SqlClient, tables: ReadonlyArray<string>) =>
  sql.onDialectOrElse({
    pg: () =>
      Effect.gen(function* () {
        const names = tables.map((name) => `"${name}"`).join(", ")
        yield* sql.unsafe(`LOCK TABLE ${names} IN ACCESS EXCLUSIVE MODE`)
        const others = yield* sql`SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'muster' AND pid <> pg_backend_pid()`
        if (others.length > 0) return yield* refused("a console uses the database: stop it first")
      }),
    orElse: () => Effect.void
  })
