/**
 * `muster restore`: the content of a backup in place of that of the database, in one transaction: a failure at any step
 * leaves what was there. A backup of an older version is brought to this one in a copy first.
 *
 * Sessions are not restored: those that were ended since the backup would be open again.
 */
import { resolve } from "node:path"
import { Effect, Layer, type Redacted, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { SecureFiles } from "../../core/files/SecureFiles.ts"
import { migrate } from "../../core/storage/Migrate.ts"
import { migrations } from "../../core/storage/Migrations.ts"
import * as NodeSqlite from "../NodeSqlite.ts"
import { intact } from "./Backup.ts"
import { BackupError, failed, refused } from "./BackupError.ts"
import { copyRows, type Counts, countRows } from "./CopyRows.ts"
import { nameOf, open, openAlone, refuseWhenUsed } from "./DatabaseAt.ts"
import { tablesIn, tablesOf, versionIn, versionKnown } from "./Tables.ts"

export interface RestoreOptions {
  readonly url: Redacted.Redacted
  readonly file: string
  /** Also when there are users, or an activity log, which it replaces. */
  readonly force: boolean
}

export interface RestoreReport {
  /** Of the backup. */
  readonly version: number
  readonly counts: Counts
}

export const restore = Effect.fn("restore")(
  function* ({ file, force, url }: RestoreOptions) {
    const { from, version } = yield* openBackup(resolve(file))
    const { tables } = yield* tablesOf(versionKnown)
    const to = yield* openAlone(url, { create: true })
    const counts = yield* to.withTransaction(
      Effect.gen(function* () {
        yield* Effect.provideService(migrate(migrations), SqlClient.SqlClient, to)
        yield* refuseWhenUsed(
          to,
          tables.map(({ name }) => name)
        )
        if (!force) yield* refuseWhenFilled(to, nameOf(url))
        yield* copyRows(from, to, tables)
        yield* to`DELETE FROM sessions`
        return yield* countRows(to, tables)
      })
    )
    const report: RestoreReport = { version, counts }
    return report
  },
  Effect.scoped,
  Effect.mapError(failed("nothing was restored"))
)

/** The tables that people fill; of the others some have a row from the start. */
const refuseWhenFilled = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, what: string) {
  const [users] = yield* sql`SELECT 1 FROM users LIMIT 1`
  const [entries] = yield* sql`SELECT 1 FROM activity LIMIT 1`
  if (users !== undefined || entries !== undefined) {
    return yield* refused(`${what} is not empty; --force replaces what is in it`)
  }
})

/** The backup, whole and of this version, for reading. */
const openBackup = Effect.fnUntraced(function* (
  file: string
): Effect.fn.Return<
  { readonly from: SqlClient.SqlClient; readonly version: number },
  BackupError,
  SecureFiles | Scope.Scope
> {
  yield* intact(file).pipe(
    Effect.mapError(({ message, reason }) => new BackupError({ reason, message: `${file}: ${message}` }))
  )
  const original = yield* open(NodeSqlite.layer({ filename: file, readOnly: true }), file)
  const version = yield* Effect.provideService(versionIn(file), SqlClient.SqlClient, original)
  yield* sameTables(original, file, version)
  if (version === versionKnown) return { from: original, version }
  return { from: yield* migratedCopy(original, file), version }
})

/** Whoever made the file, its tables are those that this program would make: nothing else in it is ever run. */
const sameTables = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, file: string, version: number) {
  const found = yield* Effect.provideService(tablesIn, SqlClient.SqlClient, sql).pipe(
    Effect.mapError(failed(`cannot read ${file}`))
  )
  const acting = yield* Effect.mapError(
    sql`SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1`,
    failed(`cannot read ${file}`)
  )
  if (acting.length > 0) return yield* refused(`${file}: it holds a trigger or a view, and no backup does`)
  const expected = (yield* tablesOf(version)).tables
  for (const { definition, name } of expected) {
    if (found.find((table) => table.name === name)?.definition !== definition) {
      return yield* refused(`${file}: its table ${name} is not that of version ${version}`)
    }
  }
})

const migratedCopy = (original: SqlClient.SqlClient, file: string) =>
  Effect.gen(function* () {
    const path = yield* (yield* SecureFiles).temporary(new Uint8Array())
    yield* original.unsafe("VACUUM INTO ?", [path])
    const copy = yield* open(Layer.fresh(NodeSqlite.layer({ filename: path })), file)
    yield* Effect.provideService(migrate(migrations), SqlClient.SqlClient, copy)
    return copy
  }).pipe(Effect.mapError(failed(`cannot bring a copy of ${file} to version ${versionKnown}`)))
