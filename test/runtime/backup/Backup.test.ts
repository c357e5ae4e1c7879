/** Backups of both kinds of database into both, and what must never happen to either. Uses the real clock and disk. */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Redacted, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { migrate } from "../../../core/storage/Migrate.ts"
import { migrations } from "../../../core/storage/Migrations.ts"
import { backup, type BackupOptions } from "../../../runtime/backup/Backup.ts"
import { open } from "../../../runtime/backup/DatabaseAt.ts"
import { restore, type RestoreOptions } from "../../../runtime/backup/Restore.ts"
import { migrationsTo, tablesOf, versionKnown } from "../../../runtime/backup/Tables.ts"
import * as NodeDatabase from "../../../runtime/NodeDatabase.ts"
import * as NodeSecureFiles from "../../../runtime/NodeSecureFiles.ts"
import { database, itPostgres } from "../../support/RealPostgres.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"

const sqliteIn = (folder: string, name = "muster.db") => Redacted.make(`sqlite:${join(folder, name)}`)

const connect = (url: Redacted.Redacted) => Effect.orDie(open(NodeDatabase.layer({ url }), "the database"))

const files = (folder: string) => NodeSecureFiles.layer({ instance: "test", folder: join(folder, "private") })

const backUp = (folder: string, options: Omit<BackupOptions, "force"> & { readonly force?: boolean }) =>
  backup({ force: false, ...options }).pipe(Effect.provide(files(folder)))

const bringBack = (folder: string, options: Omit<RestoreOptions, "force"> & { readonly force?: boolean }) =>
  restore({ force: false, ...options }).pipe(Effect.provide(files(folder)))

type Row = Record<string, string | number | null>

const users = (count: number, prefix = "user"): Arr.NonEmptyReadonlyArray<Row> =>
  Arr.makeBy(count, (index) => ({
    id: `${prefix}-${String(index).padStart(5, "0")}`,
    username: `${prefix}${index}`,
    password_hash: "$scrypt$ln=1,r=1,p=1$salt$hash",
    role: index === 0 ? "admin" : "viewer",
    limits: '{"nodes":["wéb-*"]}',
    disabled: index % 2,
    created_ms: 1_763_740_800_000 + index,
    last_login_ms: index % 3 === 0 ? null : 4_000_000_000_000
  }))

const session = (user: string, id: string): Row => ({
  id,
  user_id: user,
  family_digest: `family ${id}`,
  refresh_digest: `digest ${id}`,
  salt: "",
  csrf_token: "",
  rotated_ms: 1,
  created_ms: 1,
  expires_ms: 2
})

const entry = (index: number): Row => ({
  uid: `uid ${index}`,
  at_ms: 1_763_740_800_000 + index,
  actor: "console",
  action: "batch.item",
  outcome: "done",
  detail: index % 2 === 0 ? null : `line \u2028 ${index} 'quoted' "double" 日本`,
  search: "x"
})

/** More rows than are read at once, and numbers that were given and taken away. */
const fill = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  yield* migrate(migrations)
  yield* sql`INSERT INTO users ${sql.insert(users(450))}`
  yield* sql`INSERT INTO sessions ${sql.insert([session("user-00001", "s1"), session("user-00002", "s2")])}`
  yield* sql`INSERT INTO activity ${sql.insert(Arr.makeBy(410, entry))}`
  yield* sql`DELETE FROM activity WHERE id IN (3, 409, 410)`
  yield* sql`UPDATE accounts_version SET version = 7, change_id = 'c'`
})

const filled = (url: Redacted.Redacted) =>
  Effect.scoped(Effect.flatMap(connect(url), (sql) => Effect.provideService(fill(sql), SqlClient.SqlClient, sql)))

const told = (row: object): string =>
  Object.entries(row)
    .map(([column, value]: [string, unknown]) =>
      JSON.stringify([column, typeof value === "bigint" ? Number(value) : value])
    )
    .toSorted()
    .join()

/** All rows of all tables, told alike by both kinds of database. */
const dump = (url: Redacted.Redacted) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* connect(url)
      const { tables } = yield* tablesOf(versionKnown)
      const rows = yield* Effect.forEach(tables, (table) =>
        Effect.map(
          sql.unsafe<object>(`SELECT * FROM "${table.name}"`),
          (found) => [table.name, found.map(told).toSorted()] as const
        )
      )
      return Object.fromEntries(rows)
    })
  )

const withoutSessions = (tables: Record<string, unknown>) => ({ ...tables, sessions: [] })

/** The number that the next entry of the log gets. */
const nextNumber = (url: Redacted.Redacted) =>
  Effect.scoped(
    Effect.flatMap(connect(url), (sql) =>
      Effect.map(
        sql<{ readonly id: unknown }>`INSERT INTO activity ${sql.insert(entry(9_999))} RETURNING id`,
        ([row]) => Number(row?.id)
      )
    )
  )

const roundTrip = (from: Redacted.Redacted, to: Redacted.Redacted) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const file = join(folder, "backup")
    yield* filled(from)
    const before = yield* dump(from)
    const made = yield* backUp(folder, { url: from, file })
    assert.deepInclude(made.counts, { users: 450, activity: 407, sessions: 2, accounts_version: 1 })
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(yield* dump(from), before, "the backup changes nothing")
    const restored = yield* bringBack(folder, { url: to, file })
    assert.strictEqual(restored.counts["users"], 450)
    assert.deepEqual(yield* dump(to), withoutSessions(before))
    assert.strictEqual(yield* nextNumber(to), 411, "a number that was given is given again")
    assert.deepEqual(readdirSync(join(folder, "private")), [])
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(".") || /backup./.test(name)),
      []
    )
  })

const reasonOf = <A, R>(effect: Effect.Effect<A, { readonly reason: string; readonly message: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ message, reason }) => `${reason}: ${message}`)

describe("a backup", () => {
  it.live("of SQLite comes back into SQLite", () =>
    Effect.flatMap(temporaryFolder, (folder) => roundTrip(sqliteIn(folder), sqliteIn(folder, "new/other.db")))
  )

  itPostgres("of SQLite comes back into PostgreSQL", (url) =>
    Effect.flatMap(temporaryFolder, (folder) => roundTrip(sqliteIn(folder), url))
  )

  itPostgres("of PostgreSQL comes back into SQLite", (url) =>
    Effect.flatMap(temporaryFolder, (folder) => roundTrip(url, sqliteIn(folder)))
  )

  itPostgres("of PostgreSQL comes back into PostgreSQL", (url) =>
    Effect.flatMap(database, (other) => roundTrip(url, other))
  )

  const seesOneMoment = (url: Redacted.Redacted) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* filled(url)
      const sql = yield* connect(url)
      // Each adds a user and an entry of the log in one transaction: a backup has as many of the one as of the other.
      let number = 1_000
      const change = sql.withTransaction(
        Effect.suspend(() => {
          const [user] = users(1, `late-${number}-`)
          return Effect.andThen(
            sql`INSERT INTO users ${sql.insert({ ...user })}`,
            sql`INSERT INTO activity ${sql.insert(entry(number++))}`
          )
        })
      )
      yield* Effect.forkChild(Effect.forever(Effect.andThen(change, Effect.yieldNow)))
      for (const turn of [1, 2, 3]) {
        const { counts } = yield* backUp(folder, { url, file: join(folder, `backup-${turn}`) })
        assert.strictEqual((counts["users"] ?? 0) - 450, (counts["activity"] ?? 0) - 407)
      }
      assert.isAbove(number, 1_000)
    })

  it.live("is of one moment while a console writes", () =>
    Effect.flatMap(temporaryFolder, (folder) => seesOneMoment(sqliteIn(folder)))
  )

  itPostgres("is of one moment while a console writes to PostgreSQL", seesOneMoment)

  it.live("never replaces a file unless it is told to", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const url = sqliteIn(folder)
      const file = join(folder, "backup")
      yield* filled(url)
      writeFileSync(file, "precious")
      assert.match(yield* reasonOf(backUp(folder, { url, file })), /^Refused: .*exists already; --force replaces it$/)
      assert.strictEqual(readFileSync(file, "utf8"), "precious")
      yield* backUp(folder, { url, file, force: true })
      assert.strictEqual(readFileSync(file).subarray(0, 15).toString(), "SQLite format 3")
    })
  )

  it.effect("never replaces the database itself, by whatever name", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const url = sqliteIn(folder)
      yield* filled(url)
      const before = readFileSync(join(folder, "muster.db"))
      symlinkSync(join(folder, "muster.db"), join(folder, "link"))
      for (const name of ["muster.db", "link", "../" + basename(folder) + "/muster.db"]) {
        const reason = yield* reasonOf(backUp(folder, { url, file: `${folder}/${name}`, force: true }))
        assert.match(reason, /^Refused: .* is of the database itself: name another file$/)
      }
      assert.deepStrictEqual(readFileSync(join(folder, "muster.db")), before)
    })
  )

  it.live("is not there when there is nothing to back up", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "backup")
      const nothing = yield* reasonOf(backUp(folder, { url: sqliteIn(folder), file }))
      assert.match(nothing, /^Failed: .*cannot open .*muster\.db/)
      new DatabaseSync(join(folder, "strange.db")).exec("CREATE TABLE t (x)")
      const strange = yield* reasonOf(backUp(folder, { url: sqliteIn(folder, "strange.db"), file }))
      assert.match(strange, /^Refused: .*strange\.db holds no tables of Muster/)
      const memory = yield* reasonOf(backUp(folder, { url: Redacted.make("sqlite::memory:"), file }))
      assert.match(memory, /^Refused: .*memory of the console/)
      const secret = Redacted.make("postgres://user:secret@127.0.0.1:1/muster")
      assert.notInclude(yield* reasonOf(backUp(folder, { url: secret, file })), "secret")
      assert.isFalse(existsSync(file))
    })
  )
})

/** A target with something in it, which has to survive. */
const precious = (url: Redacted.Redacted) =>
  Effect.scoped(
    Effect.flatMap(connect(url), (sql) =>
      Effect.gen(function* () {
        yield* Effect.provideService(migrate(migrations), SqlClient.SqlClient, sql)
        yield* sql`INSERT INTO users ${sql.insert(users(2, "precious"))}`
      })
    )
  )

const withBackup = <E>(
  body: (place: { readonly folder: string; readonly file: string }) => Effect.Effect<void, E, Scope.Scope>
) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const file = join(folder, "backup")
    yield* filled(sqliteIn(folder, "source.db"))
    yield* backUp(folder, { url: sqliteIn(folder, "source.db"), file })
    yield* body({ folder, file })
  })

describe("a restore", () => {
  const spares = (url: Redacted.Redacted) =>
    withBackup(({ file, folder }) =>
      Effect.gen(function* () {
        yield* precious(url)
        const before = yield* dump(url)
        assert.match(yield* reasonOf(bringBack(folder, { url, file })), /^Refused: .*is not empty; --force replaces/)
        const running = Effect.scoped(
          Effect.gen(function* () {
            // As a console has it, which has read its accounts and does nothing now.
            yield* (yield* connect(url))`SELECT 1 FROM users`
            return yield* reasonOf(bringBack(folder, { url, file, force: true }))
          })
        )
        assert.match(yield* running, /^Refused: .*(?:in use: stop the console first|a console uses the database)/)
        assert.deepEqual(yield* dump(url), before)
        yield* bringBack(folder, { url, file, force: true })
        assert.lengthOf(Object.values((yield* dump(url))["users"] ?? []), 450)
      })
    )

  it.live("spares a database that is in use or not empty", () =>
    Effect.flatMap(temporaryFolder, (folder) => spares(sqliteIn(folder)))
  )

  itPostgres("spares a PostgreSQL that is in use or not empty", spares)

  const leavesOld = (url: Redacted.Redacted) =>
    withBackup(({ file, folder }) =>
      Effect.gen(function* () {
        yield* precious(url)
        const before = yield* dump(url)
        // The log comes before the users in the order of the tables, so that some of it is there when this fails.
        const broken = new DatabaseSync(file)
        broken.exec("PRAGMA ignore_check_constraints = ON")
        broken.exec("UPDATE users SET created_ms = 'no number' WHERE id = 'user-00449'")
        broken.exec("UPDATE users SET created_ms = x'00ff' WHERE id = 'user-00448'")
        broken.close()
        const scope = Effect.scoped(
          Effect.gen(function* () {
            const sql = yield* connect(url)
            yield* sql.onDialectOrElse({
              pg: () => Effect.void,
              orElse: () =>
                Effect.asVoid(
                  sql`CREATE TRIGGER fails BEFORE INSERT ON users WHEN NEW.created_ms = 'no number'
                    BEGIN SELECT RAISE(ABORT, 'no number'); END`
                )
            })
          })
        )
        yield* scope
        assert.match(yield* reasonOf(bringBack(folder, { url, file, force: true })), /^Failed: nothing was restored/)
        assert.deepEqual(yield* dump(url), before)
      })
    )

  it.live("that fails on the way leaves what was there", () =>
    Effect.flatMap(temporaryFolder, (folder) => leavesOld(sqliteIn(folder)))
  )

  itPostgres("that fails on the way leaves what was in a PostgreSQL", leavesOld)

  it.live("takes no file that is damaged, strange, newer, or has something that acts", () =>
    withBackup(({ file, folder }) =>
      Effect.gen(function* () {
        const spoil = (name: string, act: (path: string) => void) => {
          const path = join(folder, name)
          copyFileSync(file, path)
          act(path)
          return path
        }
        const change = (sql: string) => (path: string) => {
          const db = new DatabaseSync(path)
          db.exec(sql)
          db.close()
        }
        const cut = (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 20_000))
        const flip = (path: string) => {
          const bytes = readFileSync(path)
          bytes.fill(0xff, 8_192, 8_400)
          writeFileSync(path, bytes)
        }
        const newer = `INSERT INTO schema_versions VALUES (${versionKnown + 1}, 'later', 1)`
        const cases = [
          [spoil("cut", cut), /damaged|whole SQLite|malformed/],
          [spoil("flip", flip), /damaged|whole SQLite|malformed/],
          [spoil("text", (path) => writeFileSync(path, "no database at all".repeat(100))), /no whole SQLite database/],
          [spoil("empty", (path) => writeFileSync(path, "")), /no tables of Muster/],
          [spoil("newer", change(newer)), /version \d+, and this program knows them up to \d+/],
          [spoil("other", change("ALTER TABLE users ADD COLUMN more TEXT")), /table users is not that of version/],
          [spoil("acts", change("CREATE TRIGGER t AFTER UPDATE ON users BEGIN SELECT 1; END")), /a trigger or a view/],
          [join(folder, "missing"), /unable to open/],
          [folder, /no whole SQLite database/]
        ] as const
        for (const [path, expected] of cases) {
          const url = sqliteIn(folder, "target.db")
          assert.match(yield* reasonOf(bringBack(folder, { url, file: path })), expected, path)
          assert.isFalse(existsSync(join(folder, "target.db")), path)
        }
      })
    )
  )

  it.live("brings a backup of an older version to this one, in a copy", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const old = sqliteIn(folder, "old.db")
      yield* Effect.scoped(
        Effect.flatMap(connect(old), (sql) =>
          Effect.gen(function* () {
            yield* Effect.provideService(migrate(migrationsTo(1)), SqlClient.SqlClient, sql)
            yield* sql`INSERT INTO users ${sql.insert(users(3))}`
          })
        )
      )
      const file = join(folder, "backup")
      const made = yield* backUp(folder, { url: old, file })
      assert.strictEqual(made.version, 1)
      const before = readFileSync(file)
      const { counts, version } = yield* bringBack(folder, { url: sqliteIn(folder, "new.db"), file })
      assert.strictEqual(version, 1)
      assert.deepInclude(counts, { users: 3, activity: 0 })
      assert.isTrue(readFileSync(file).equals(before))
      assert.deepEqual(readdirSync(join(folder, "private")), [])
    })
  )
})
