/** A failure as SQLite reports it, and what Effect's SQL clients make of it. */
import { SqlError } from "effect/sql"

/** Names, numbers and messages of the result codes that a fault may ask for, as SQLite has them. */
const results = {
  SQLITE_ERROR: [1, "SQL logic error"],
  SQLITE_PERM: [3, "access permission denied"],
  SQLITE_BUSY: [5, "database is locked"],
  SQLITE_LOCKED: [6, "database table is locked"],
  SQLITE_NOMEM: [7, "out of memory"],
  SQLITE_READONLY: [8, "attempt to write a readonly database"],
  SQLITE_INTERRUPT: [9, "interrupted"],
  SQLITE_IOERR: [10, "disk I/O error"],
  SQLITE_CORRUPT: [11, "database disk image is malformed"],
  SQLITE_FULL: [13, "database or disk is full"],
  SQLITE_CANTOPEN: [14, "unable to open database file"],
  SQLITE_BUSY_SNAPSHOT: [517, "database is locked"]
} as const

export type ResultCode = keyof typeof results

const isResultCode = (code: string): code is ResultCode => code in results

/** Duplicates of a primary key and of a rowid, which the classifier of Effect does not count as unique violations. */
const duplicateErrnos: ReadonlySet<number> = new Set([1555, 2579])

/** What SQLite answered in place of rows. The shape is the one that Effect's classifier of SQLite errors reads. */
export class SqliteFailure extends Error {
  override readonly name = "SqliteFailure"
  /** The extended result code. */
  readonly errno: number
  /** Whether the statement could not even be compiled. */
  readonly isUncompiled: boolean

  constructor(errno: number, message: string, isUncompiled = false) {
    super(message)
    this.errno = errno
    this.isUncompiled = isUncompiled
  }

  /** The failure of this name, as a fault injects it; an unknown name is a plain error with the name as its text. */
  static of(code: string): SqliteFailure {
    const [errno, message] = isResultCode(code) ? results[code] : [1, code]
    return new SqliteFailure(errno, message)
  }

  /** Whether SQLite gives up the transaction with this failure and not only the statement. */
  get endsTransaction(): boolean {
    return [results.SQLITE_FULL[0], results.SQLITE_IOERR[0], results.SQLITE_NOMEM[0]].some(
      (errno) => errno === (this.errno & 0xff)
    )
  }

  /** As a real client reports it. A duplicate of a primary key is a unique violation, as with other databases. */
  toSqlError(operation: string): SqlError.SqlError {
    const fields = { cause: this, message: this.message, operation }
    if (this.isUncompiled && this.errno === results.SQLITE_ERROR[0]) {
      return new SqlError.SqlError({ reason: new SqlError.SqlSyntaxError(fields) })
    }
    if (duplicateErrnos.has(this.errno)) {
      const constraint = this.message.replace(/^UNIQUE constraint failed: */, "")
      return new SqlError.SqlError({ reason: new SqlError.UniqueViolation({ ...fields, constraint }) })
    }
    return new SqlError.SqlError({ reason: SqlError.classifySqliteError(this, fields) })
  }
}
