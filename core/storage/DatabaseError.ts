/** What goes wrong with the database, as what the caller can do about it. */
import { Schema } from "effect"

/**
 * - `Unavailable`: it cannot be reached, and retries within the bound did not help, or its circuit is open and it was
 *   not asked. Nothing was committed, unless `Unacknowledged` says so.
 * - `Exhausted`: no connection was free in time. Nothing was done.
 * - `TimedOut`: it took too long and was rolled back.
 * - `Unacknowledged`: the connection broke while a COMMIT was under way: it may have been done or not.
 * - `Conflict`: a unique or other constraint does not allow it; `constraint` as the database names it.
 * - `Unwritable`: its disk is full, broken or read-only. Nothing was done.
 * - `Failed`: anything else, such as a bug in a statement. Never retried.
 */
export const DatabaseReason = Schema.Literals([
  "Unavailable",
  "Exhausted",
  "TimedOut",
  "Unacknowledged",
  "Conflict",
  "Unwritable",
  "Failed"
])
export type DatabaseReason = typeof DatabaseReason.Type

/** `operation` is what the console was doing, such as `Accounts.create`. `detail` is for the log, not for answers. */
export class DatabaseError extends Schema.TaggedError<DatabaseError>()("DatabaseError", {
  operation: Schema.String,
  reason: DatabaseReason,
  detail: Schema.String,
  /** When it makes sense to ask again, for an open circuit. */
  retryAfterMs: Schema.optionalKey(Schema.Number),
  constraint: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `${this.operation}: the database ${words[this.reason]}: ${this.detail}`
  }
}

const words: Readonly<Record<DatabaseReason, string>> = {
  Unavailable: "cannot be reached",
  Exhausted: "has no free connection",
  TimedOut: "took too long",
  Unacknowledged: "did not say whether it was done",
  Conflict: "refused it",
  Unwritable: "cannot be written",
  Failed: "failed"
}
