/**
 * `muster backup`: the whole database as one SQLite file, whatever it is kept in, while the console goes on.
 *
 * All tables are read in one transaction that sees one moment. The file is made under another name, in a private
 * folder, looked at by SQLite's own check, and only then gets its name: there is a whole backup, or none.
 */
import { resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Layer, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { SecureFiles } from "../../core/files/SecureFiles.ts"
import { migrate } from "../../core/storage/Migrate.ts"
import * as NodeSqlite from "../NodeSqlite.ts"
import { BackupError, failed, refused } from "./BackupError.ts"
import { copyRows, type Counts, countRows } from "./CopyRows.ts"
import { isPartOf, nameOf, openToRead } from "./DatabaseAt.ts"
import { migrationsTo, tablesOf, type Tables, versionIn } from "./Tables.ts"

export interface BackupOptions {
  readonly url: Redacted.Redacted
  readonly file: string
  /** Replaces a file of that name. */
  readonly force: boolean
}

export interface BackupReport {
  readonly version: number
  readonly counts: Counts
}

/** Readable by its owner alone: it holds password hashes and the keys that sign tokens. */
const backupMode = 0o600

export const backup = Effect.fn("backup")(
  function* ({ file, force, url }: BackupOptions) {
    const files = yield* SecureFiles
    const from = yield* openToRead(url)
    const target = resolve(file)
    if (isPartOf(url, target)) return yield* refused(`${target} is of the database itself: name another file`)
    return yield* inOneMoment(
      from,
      Effect.gen(function* () {
        const version = yield* Effect.provideService(versionIn(nameOf(url)), SqlClient.SqlClient, from)
        const tables = yield* tablesOf(version)
        return yield* files.fill(target, { mode: backupMode, overwrite: force }, (path) => make(from, path, tables))
      })
    )
  },
  Effect.scoped,
  Effect.mapError((error) =>
    error._tag === "SecureFileError" && error.reason === "Exists"
      ? new BackupError({ reason: "Refused", message: `${error.path} exists already; --force replaces it` })
      : failed("no backup was made")(error)
  )
)

/** A transaction of PostgreSQL sees the moment of its first statement only at that level; one of SQLite always. */
const inOneMoment = <A, E, R>(from: SqlClient.SqlClient, read: Effect.Effect<A, E, R>) =>
  from.withTransaction(
    Effect.andThen(
      from.onDialectOrElse({
        pg: () => Effect.asVoid(from.unsafe("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")),
        orElse: () => Effect.void
      }),
      read
    )
  )

const make = Effect.fnUntraced(function* (from: SqlClient.SqlClient, path: string, { tables, version }: Tables) {
  const counts = yield* Effect.gen(function* () {
    const to = yield* SqlClient.SqlClient
    // One file, which can be read where nothing can be written.
    yield* to.unsafe("PRAGMA journal_mode = DELETE")
    return yield* to.withTransaction(
      Effect.gen(function* () {
        yield* migrate(migrationsTo(version))
        const copied = yield* copyRows(from, to, tables)
        const counted = yield* countRows(to, tables)
        if (JSON.stringify(copied) !== JSON.stringify(counted)) {
          return yield* new BackupError({ reason: "Failed", message: "the backup does not hold what was read" })
        }
        return copied
      })
    )
  }).pipe(Effect.provide(Layer.fresh(NodeSqlite.layer({ filename: path }))), Effect.mapError(failed("cannot write")))
  yield* intact(path)
  const report: BackupReport = { version, counts }
  return report
})

/** What SQLite says of the file. */
export const intact = (path: string): Effect.Effect<void, BackupError> =>
  Effect.try({
    try: () => {
      const db = new DatabaseSync(path, { readOnly: true })
      try {
        const wrong = [
          ...db
            .prepare("PRAGMA integrity_check(1)")
            .all()
            .map((row) => String(row["integrity_check"])),
          ...db
            .prepare("PRAGMA foreign_key_check")
            .all()
            .map((row) => `${String(row["table"])}: a reference to nothing`)
        ].filter((line) => line !== "ok")
        return wrong
      } finally {
        db.close()
      }
    },
    catch: (cause) =>
      new BackupError({ reason: "Refused", message: `it is no whole SQLite database: ${messageOf(cause)}` })
  }).pipe(
    Effect.flatMap(([wrong]) =>
      wrong === undefined
        ? Effect.void
        : Effect.fail(new BackupError({ reason: "Refused", message: `it is damaged: ${wrong}` }))
    )
  )

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
