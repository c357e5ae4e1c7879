/**
 * The SQLite behind a connection: one of node:sqlite in memory, whose functions ask the clock and the seed of the run.
 *
 * Making one costs more than most statements, so those of prepared databases are used again: one that is given back
 * waits for the next connection of this thread, with the image that it holds and the statements that it has compiled.
 * One that could tell of the connection before, by temporary tables or settings, is closed instead; what cannot be set
 * back, the counts of changes, is refused there.
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

/** What a statement is about, as far as its transaction is concerned. */
export interface Statement {
  readonly prepared: StatementSync
  readonly writes: boolean
  readonly control: "begin" | "begin immediate" | "commit" | "rollback" | "savepoint" | undefined
}

/** Prepared statements that an engine keeps. */
const statementsMax = 200

/** Engines that wait to be used again. */
const idleMax = 16

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

/** Functions that tell what a connection did before. */
const remembering = /\b(?:last_insert_rowid|total_changes|changes)\s*\(/i

const forgotten =
  "a prepared database does not know what its connections did before: use RETURNING in place of last_insert_rowid(), " +
  "changes() and total_changes()"

/** Of nobody: an engine that waits asks nothing. */
const noSources: Sources = {
  nowMs: () => {
    throw new Error("Engine: a function of SQLite was called outside of a run")
  },
  below: () => {
    throw new Error("Engine: a function of SQLite was called outside of a run")
  }
}

const idle: Array<Engine> = []

export class Engine {
  private sources = noSources
  private readonly db = new DatabaseSync(":memory:", {
    readBigInts: true,
    returnArrays: true,
    enableForeignKeyConstraints: true
  })
  private readonly statements = new Map<string, Statement>()
  /** The image that it holds, when it holds just that. */
  private holds: Uint8Array | undefined
  private configured = ""
  private isInternal = false
  private readonly isShared: boolean
  private isReusable = true
  /** What the authorizer saw since the last look. */
  private seen: { writes: boolean; control: string | undefined } = { writes: false, control: undefined }

  /**
   * One for a connection; `release` it when that ends. One that is shared with other runs may hold anything until an
   * image is loaded; else it is empty.
   */
  static take(sources: Sources, isShared: boolean): Engine {
    const engine = (isShared ? idle.pop() : undefined) ?? new Engine(isShared)
    engine.sources = sources
    return engine
  }

  private constructor(isShared: boolean) {
    this.isShared = isShared
    const sources: Sources = { nowMs: () => this.sources.nowMs(), below: (n) => this.sources.below(n) }
    for (const { call, deterministic, name } of replacements(sources)) {
      const options = { deterministic, varargs: true, useBigIntArguments: true }
      this.db.function(name, options, (...args) => call(args, original))
    }
    this.db.setAuthorizer((action, first, second, database) => this.authorize(action, first, second, database))
  }

  /** Gives it back, without a transaction; more often does nothing. */
  release(): void {
    if (this.sources === noSources) return
    if (this.db.isTransaction) this.db.exec("ROLLBACK")
    this.sources = noSources
    // A limit of pages that was set within a transaction is one of the pages that there were then.
    this.configured = ""
    if (this.isShared && this.isReusable && this.holds !== undefined && idle.length < idleMax)
      return void idle.push(this)
    this.statements.clear()
    this.db.close()
  }

  get isTransaction(): boolean {
    return this.db.isTransaction
  }

  /** BEGIN, ROLLBACK. */
  exec(sql: string): void {
    this.db.exec(sql)
  }

  /** Makes this the content; nothing is under way. */
  load(image: Uint8Array): void {
    if (image === this.holds) return
    this.holds = image
    this.statements.clear()
    this.configured = ""
    // SQLite does it with an ATTACH of its own.
    this.internally(() => this.db.deserialize(image))
  }

  /** The content as bytes. */
  image(): Uint8Array {
    return this.db.serialize()
  }

  /** What it wrote was committed, and this is the image of it. */
  committed(image: Uint8Array | undefined): void {
    this.holds = image
  }

  /** Limits that the whole database has; SQLite keeps them for each connection. */
  configure(pagesMax: number, isReadOnly: boolean): void {
    const wanted = `PRAGMA max_page_count = ${pagesMax}; PRAGMA query_only = ${isReadOnly ? 1 : 0}`
    if (wanted === this.configured) return
    this.internally(() => this.db.exec(wanted))
    this.configured = wanted
  }

  prepare(sql: string): Result.Result<Statement, SqliteFailure> {
    const known = this.statements.get(sql)
    if (known !== undefined) return Result.succeed(known)
    this.seen = { writes: false, control: undefined }
    if (this.isShared && remembering.test(sql)) return Result.fail(new SqliteFailure(1, forgotten, true))
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

  run({ prepared }: Statement, params: ReadonlyArray<SqliteValue>): Result.Result<Table, SqliteFailure> {
    return Result.try({
      try: () => {
        const columns = prepared.columns().map(({ name }) => name)
        if (columns.length === 0) return { ...empty, changes: Number(prepared.run(...params).changes) }
        return { columns, rows: prepared.all(...params).map((row) => Object.values(row)), changes: 0 }
      },
      catch: (cause) => failure(cause, false)
    })
  }

  /** Does what programs may not. */
  private internally(body: () => void): void {
    this.isInternal = true
    body()
    this.isInternal = false
  }

  private authorize(action: number, first: string | null, second: string | null, database: string | null): number {
    if (this.isInternal) return SQLITE_OK
    if (action === SQLITE_ATTACH || action === SQLITE_DETACH) return SQLITE_DENY
    if (database === "temp") this.isReusable = false
    if (action === SQLITE_PRAGMA) {
      const name = (first ?? "").toLowerCase()
      if (second !== null) this.isReusable = false
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

/** A SQLite whose functions are its own. */
let plain: DatabaseSync | undefined

const original = (name: string, args: ReadonlyArray<SqliteValue>): SqliteValue => {
  plain ??= new DatabaseSync(":memory:", { readBigInts: true, returnArrays: true })
  const marks = args.map(() => "?").join(", ")
  const [row] = plain.prepare(`SELECT ${name}(${marks})`).all(...args)
  return Object.values(row ?? {})[0] ?? null
}

/** Images by the statements that made them. */
const images = new WeakMap<ReadonlyArray<string>, Uint8Array>()

/** What these statements make; the same for the same: they are done by a SQLite without clock or chance of a run. */
export const imageOf = (statements: ReadonlyArray<string>): Uint8Array => {
  const known = images.get(statements)
  if (known !== undefined) return known
  const db = new DatabaseSync(":memory:", { enableForeignKeyConstraints: true })
  db.exec(`BEGIN; ${statements.join("; ")}; COMMIT`)
  const image = db.serialize()
  db.close()
  images.set(statements, image)
  return image
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
