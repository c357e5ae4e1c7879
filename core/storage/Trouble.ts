/** A failed attempt at the database: what callers are told, and what the retries and the breaker make of it. */
import { Data, Predicate } from "effect"
import type { SqlError } from "effect/sql"
import type { Verdict } from "../fleet/Breaker.ts"
import * as Marks from "../Marks.ts"
import { DatabaseError, type DatabaseReason } from "./DatabaseError.ts"

export class Trouble extends Data.TaggedError("Trouble")<{
  readonly reason: DatabaseReason
  readonly detail: string
  /** Nothing was done, and the same may go well in a moment. */
  readonly isTransient: boolean
  /** What it says of the database: `bad`, it cannot be reached. */
  readonly verdict: Verdict
  readonly retryAfterMs?: number
  readonly constraint?: string
  readonly cause?: SqlError.SqlError
}> {
  toError(operation: string): DatabaseError {
    const { cause, constraint, detail, reason, retryAfterMs } = this
    return new DatabaseError({
      operation,
      reason,
      detail,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(constraint === undefined ? {} : { constraint }),
      ...(cause === undefined ? {} : { cause })
    })
  }
}

/** `during` a COMMIT, a connection that breaks leaves open whether it was done. */
export const troubleOf = (cause: SqlError.SqlError, during: "statement" | "commit"): Trouble => {
  const { reason } = cause
  const about = { detail: cause.message, cause }
  switch (reason._tag) {
    case "ConnectionError":
      if (reason.operation === "acquire") {
        Marks.reached("no connection was free in time")
        return permanent({ ...about, reason: "Exhausted", verdict: "nothing" })
      }
      if (during === "commit") {
        Marks.reached("a commit had no answer")
        return permanent({ ...about, reason: "Unacknowledged", verdict: "bad" })
      }
      return new Trouble({ ...about, reason: "Unavailable", isTransient: true, verdict: "bad" })
    case "DeadlockError":
    case "SerializationError":
      return new Trouble({ ...about, reason: "Unavailable", isTransient: true, verdict: "well" })
    case "LockTimeoutError":
      return new Trouble({ ...about, reason: "TimedOut", isTransient: true, verdict: "well" })
    // It had all the time that a statement gets: again would be too long for whoever waits.
    case "StatementTimeoutError":
      return permanent({ ...about, reason: "TimedOut", verdict: "well" })
    case "UniqueViolation":
      return permanent({ ...about, reason: "Conflict", verdict: "well", constraint: reason.constraint })
    case "ConstraintError":
      return permanent({ ...about, reason: "Conflict", verdict: "well" })
    case "AuthenticationError":
      return permanent({ ...about, reason: "Failed", verdict: "nothing" })
    default:
      return permanent({ ...about, reason: isUnwritable(reason.cause) ? "Unwritable" : "Failed", verdict: "well" })
  }
}

/** Primary result codes of SQLite: READONLY, IOERR and FULL. */
const sqliteUnwritable: ReadonlySet<number> = new Set([8, 10, 13])

/** SQLSTATE of PostgreSQL: read_only_sql_transaction, disk_full, io_error. */
const postgresUnwritable: ReadonlySet<string> = new Set(["25006", "53100", "58030"])

const isUnwritable = (cause: unknown): boolean => {
  if (Predicate.hasProperty(cause, "errno") && typeof cause.errno === "number") {
    return sqliteUnwritable.has(cause.errno & 0xff)
  }
  return Predicate.hasProperty(cause, "code") && typeof cause.code === "string" && postgresUnwritable.has(cause.code)
}

/** Its time has run out. */
export const late = (timeoutMs: number, { isTransient }: { readonly isTransient: boolean }): Trouble =>
  new Trouble({ reason: "TimedOut", detail: `not done within ${timeoutMs} ms`, verdict: "bad", isTransient })

const permanent = (fields: Omit<ConstructorParameters<typeof Trouble>[0], "isTransient">): Trouble =>
  new Trouble({ ...fields, isTransient: false })
