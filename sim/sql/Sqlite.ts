/**
 * One SQLite database in memory with connections of their own transactions. Everything here happens at once, in one
 * step of the run; waiting is the business of `Database`.
 *
 * What is committed is an image, as bytes, that outlives all connections: the disk. A connection is a SQLite of its own
 * that takes over the image when it begins, and puts back a new one when it commits. That is what a file in WAL mode
 * gives its readers and writers: a transaction reads the state committed when it first read, and its own changes; one
 * transaction writes at a time; one that has read and then wants to write after others have committed fails at once
 * with SQLITE_BUSY_SNAPSHOT, or with SQLITE_BUSY while another writes.
 *
 * Not modelled: files and their lengths, checkpoints, torn writes, a cursor that stays open (rows are read at once).
 */
import { Result } from "effect"
import { constants, DatabaseSync, type StatementSync } from "node:sqlite"
import { SqliteFailure } from "./SqliteFailure.ts"
import type { SqliteValue } from "./SqliteValue.ts"
import { replacements, type Sources } from "./Unpredictable.ts"

/** What a statement gave. */
export interface Table {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<SqliteValue>>
  /** Rows that an INSERT, UPDATE or DELETE without RETURNING touched. */
  readonly changes: number
}

/** A statement was done or failed; or it would have to wait until the transaction that writes has ended. */
export type Attempt = Result.Result<Table, SqliteFailure> | "busy"

/** What a statement is about, as far as its transaction is concerned. */
interface Statement {
  readonly prepared: StatementSync
  readonly writes: boolean
  readonly control: "begin" | "begin immediate" | "commit" | "rollback" | "savepoint" | undefined
}

/** Prepared statements that a connection keeps. */
const statementsMax = 100

/** Pages of a database without a limit: the largest that SQLite knows. */
const pagesUnlimited = 4_294_967_294

const empty: Table = { columns: [], rows: [], changes: 0 }

const {
  SQLITE_ATTACH,
  SQLITE_DENY,
  SQLITE_DETACH,
  SQLITE_OK,
  SQLITE_PRAGMA,
  SQLITE_READ,
  SQLITE_SAVEPOINT,
  SQLITE_SELECT,
  SQLITE_TRANSACTION
} = constants

/** Actions of a statement that only reads. */
const reading: ReadonlySet<number> = new Set([
  SQLITE_READ,
  SQLITE_SELECT,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE
])

/**
 * Settings of the connection, and things to look up. The others are denied: they change how SQLite keeps its files, or
 * how it waits.
 */
const pragmas: ReadonlySet<string> = new Set(
  (
    "foreign_keys defer_foreign_keys recursive_triggers case_sensitive_like encoding page_size page_count " +
    "freelist_count schema_version table_info table_xinfo table_list index_list index_info index_xinfo " +
    "foreign_key_list foreign_key_check integrity_check quick_check database_list function_list collation_list"
  ).split(" ")
)

/** Numbers that a program keeps in the file. */
const writtenPragmas: ReadonlySet<string> = new Set(["user_version", "application_id"])

export class Sqlite {
  /** What is committed; undefined before the first commit. */
  private image: Uint8Array | undefined
  /** Counts the images. */
  private version = 0
  private writer: SqliteConnection | undefined
  private readonly sources: Sources
  /** A SQLite whose functions are its own. */
  private readonly plain = new DatabaseSync(":memory:", { readBigInts: true, returnArrays: true })
  private pagesMax = pagesUnlimited
  /** Whether writes fail with SQLITE_READONLY. */
  isReadOnly = false

  /** Begins with what these statements make. */
  constructor(sources: Sources, prepared: ReadonlyArray<string>) {
    this.sources = sources
    if (prepared.length > 0) this.shared.publish(imageOf(prepared))
  }

  /** Pages that the database may have; undefined for no limit. SQLite itself answers SQLITE_FULL beyond. */
  limitPages(pages: number | undefined): void {
    this.pagesMax = pages ?? pagesUnlimited
  }

  /** How many states were committed. */
  get commits(): number {
    return this.version
  }

  open(): SqliteConnection {
    return new SqliteConnection(this.shared, this.sources)
  }

  close(): void {
    this.plain.close()
  }

  private readonly shared: Shared = {
    version: () => this.version,
    image: () => this.image,
    pagesMax: () => this.pagesMax,
    isReadOnly: () => this.isReadOnly,
    writer: () => this.writer,
    setWriter: (connection) => void (this.writer = connection),
    publish: (image) => {
      if (this.image !== undefined && isSame(this.image, image)) return
      this.image = image
      this.version++
    },
    original: (name, args) => {
      const marks = args.map(() => "?").join(", ")
      const [row] = this.plain.prepare(`SELECT ${name}(${marks})`).all(...args)
      return Object.values(row ?? {})[0] ?? null
    }
  }
}

/** Images by the statements that made them. */
const images = new WeakMap<ReadonlyArray<string>, Uint8Array>()

/** The same for the same statements: they are done by a SQLite without clock or chance of a run. */
const imageOf = (statements: ReadonlyArray<string>): Uint8Array => {
  const known = images.get(statements)
  if (known !== undefined) return known
  const db = new DatabaseSync(":memory:", { enableForeignKeyConstraints: true })
  db.exec(`BEGIN; ${statements.join("; ")}; COMMIT`)
  const image = db.serialize()
  db.close()
  images.set(statements, image)
  return image
}

/** Written as a loop: images are large, and each commit compares two of them. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** What connections have in common. */
interface Shared {
  readonly version: () => number
  readonly image: () => Uint8Array | undefined
  readonly pagesMax: () => number
  readonly isReadOnly: () => boolean
  readonly writer: () => SqliteConnection | undefined
  readonly setWriter: (connection: SqliteConnection | undefined) => void
  readonly publish: (image: Uint8Array) => void
  readonly original: (name: string, args: ReadonlyArray<SqliteValue>) => SqliteValue
}

export class SqliteConnection {
  private readonly shared: Shared
  private readonly db = new DatabaseSync(":memory:", {
    readBigInts: true,
    returnArrays: true,
    enableForeignKeyConstraints: true
  })
  private readonly statements = new Map<string, Statement>()
  /** Version of the image that `db` started from. */
  private loaded = 0
  /** A plain BEGIN was acknowledged, but nothing was read yet: the state to see is not settled. */
  private isPending = false
  /** The transaction has written. */
  private isDirty = false
  private configured = ""
  private isInternal = false
  /** What the authorizer saw since the last look. */
  private seen: { writes: boolean; control: string | undefined } = { writes: false, control: undefined }

  constructor(shared: Shared, sources: Sources) {
    this.shared = shared
    for (const { call, deterministic, name } of replacements(sources)) {
      const options = { deterministic, varargs: true, useBigIntArguments: true }
      this.db.function(name, options, (...args) => call(args, shared.original))
    }
    this.db.setAuthorizer((action, first, second, database) => this.authorize(action, first, second, database))
  }

  get isInTransaction(): boolean {
    return this.isPending || this.db.isTransaction
  }

  get isWriter(): boolean {
    return this.shared.writer() === this
  }

  /** Does a statement now, if it need not wait for another transaction. */
  attempt(sql: string, params: ReadonlyArray<SqliteValue>): Attempt {
    if (!this.db.isTransaction) this.load()
    this.configure()
    const statement = this.prepare(sql)
    if (Result.isFailure(statement)) return Result.fail(statement.failure)
    const { control, writes } = statement.success
    if (control === "begin" && !this.isInTransaction) {
      this.isPending = true
      return Result.succeed(empty)
    }
    if (writes || (control === "begin immediate" && !this.isInTransaction)) {
      const refusal = this.takeLock()
      if (refusal !== undefined) return refusal
    }
    if (this.isPending) {
      this.isPending = false
      this.db.exec("BEGIN")
    }
    this.isDirty ||= writes
    const result = this.run(statement.success.prepared, params)
    if (!this.db.isTransaction) this.settle(Result.isSuccess(result) && control !== "rollback")
    return result
  }

  /** Gives up the transaction, if there is one. */
  rollback(): void {
    this.isPending = false
    if (this.db.isTransaction) this.db.exec("ROLLBACK")
    this.settle(false)
  }

  /** Ends the connection; what it has not committed is gone. */
  close(): void {
    if (!this.db.isOpen) return
    this.rollback()
    this.db.close()
  }

  /** The transaction is over: what it wrote becomes the committed state, and others may write. */
  private settle(isCommitted: boolean): void {
    if (!this.isWriter) return
    if (this.isDirty && isCommitted) {
      this.shared.publish(this.db.serialize())
      this.loaded = this.shared.version()
    }
    this.isDirty = false
    this.shared.setWriter(undefined)
  }

  private takeLock(): Attempt | undefined {
    if (this.isWriter) return undefined
    if (this.shared.writer() !== undefined) {
      // As in SQLite: one that has read does not wait, since the one it waits for makes its reading out of date.
      return this.db.isTransaction ? Result.fail(SqliteFailure.of("SQLITE_BUSY")) : "busy"
    }
    if (this.loaded !== this.shared.version()) return Result.fail(SqliteFailure.of("SQLITE_BUSY_SNAPSHOT"))
    this.shared.setWriter(this)
    return undefined
  }

  /** Brings the connection to the committed state. */
  private load(): void {
    const image = this.shared.image()
    if (image === undefined || this.loaded === this.shared.version()) return
    this.statements.clear()
    // SQLite does it with an ATTACH of its own.
    this.internally(() => this.db.deserialize(image))
    this.loaded = this.shared.version()
    this.configured = ""
  }

  /** Limits that the whole database has; SQLite keeps them for each connection. */
  private configure(): void {
    const readOnly = this.shared.isReadOnly() ? 1 : 0
    const wanted = `PRAGMA max_page_count = ${this.shared.pagesMax()}; PRAGMA query_only = ${readOnly}`
    if (wanted === this.configured) return
    this.internally(() => this.db.exec(wanted))
    this.configured = wanted
  }

  /** Does what programs may not. */
  private internally(body: () => void): void {
    this.isInternal = true
    body()
    this.isInternal = false
  }

  private prepare(sql: string): Result.Result<Statement, SqliteFailure> {
    const known = this.statements.get(sql)
    if (known !== undefined) return Result.succeed(known)
    this.seen = { writes: false, control: undefined }
    return Result.try({
      try: () => this.db.prepare(sql),
      catch: (cause) => failure(cause, true)
    }).pipe(
      Result.flatMap((prepared) => {
        const rest = sql.slice(prepared.sourceSQL.length)
        if (withoutComments(rest) !== "") {
          return Result.fail(new SqliteFailure(1, "one statement at a time, and this is more than one", true))
        }
        const statement = { prepared, writes: this.seen.writes, control: controlOf(sql, this.seen.control) }
        if (this.statements.size >= statementsMax) this.statements.clear()
        this.statements.set(sql, statement)
        return Result.succeed(statement)
      })
    )
  }

  private run(prepared: StatementSync, params: ReadonlyArray<SqliteValue>): Result.Result<Table, SqliteFailure> {
    return Result.try({
      try: () => {
        const columns = prepared.columns().map(({ name }) => name)
        if (columns.length === 0) return { ...empty, changes: Number(prepared.run(...params).changes) }
        return { columns, rows: prepared.all(...params).map((row) => Object.values(row)), changes: 0 }
      },
      catch: (cause) => failure(cause, false)
    })
  }

  private authorize(action: number, first: string | null, second: string | null, database: string | null): number {
    if (this.isInternal) return SQLITE_OK
    if (action === SQLITE_ATTACH || action === SQLITE_DETACH) return SQLITE_DENY
    if (action === SQLITE_PRAGMA) {
      const name = (first ?? "").toLowerCase()
      if (writtenPragmas.has(name)) this.seen.writes ||= second !== null
      else if (!pragmas.has(name)) return SQLITE_DENY
    } else if (action === SQLITE_TRANSACTION || action === SQLITE_SAVEPOINT) {
      this.seen.control = action === SQLITE_SAVEPOINT ? "SAVEPOINT" : (first ?? "")
    } else if (!reading.has(action) && database !== "temp") {
      this.seen.writes = true
    }
    return SQLITE_OK
  }
}

const controlOf = (sql: string, seen: string | undefined): Statement["control"] => {
  if (seen === undefined) return undefined
  if (seen === "SAVEPOINT") return "savepoint"
  if (seen !== "BEGIN") return seen === "COMMIT" ? "commit" : "rollback"
  return /^begin\s+(?:immediate|exclusive)\b/i.test(withoutComments(sql)) ? "begin immediate" : "begin"
}

const withoutComments = (sql: string): string => sql.replace(/--[^\n]*|\/\*[^]*?(?:\*\/|$)/g, " ").trim()

/** node:sqlite throws errors with `errcode`; what a replaced function throws comes through as it is. */
const failure = (cause: unknown, isUncompiled: boolean): SqliteFailure => {
  if (!(cause instanceof Error)) return new SqliteFailure(1, String(cause), isUncompiled)
  const errno = "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode : 1
  return new SqliteFailure(errno, cause.message, isUncompiled)
}
