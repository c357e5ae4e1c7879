/** Why there is no backup, or nothing was restored: one line for whoever asked. */
import { Schema } from "effect"

/**
 * - `Refused`: it is not to be done like this, and the message says what is in the way. Nothing was changed.
 * - `Failed`: it was attempted and did not work. What was there before is there.
 */
export class BackupError extends Schema.TaggedError<BackupError>()("BackupError", {
  reason: Schema.Literals(["Refused", "Failed"]),
  message: Schema.String
}) {}

export const refused = (message: string): BackupError => new BackupError({ reason: "Refused", message })

/** Of whatever kind: the messages of files, SQL and locks are made for people. */
export const failed =
  (what: string) =>
  (error: { readonly message: string }): BackupError =>
    error instanceof BackupError ? error : new BackupError({ reason: "Failed", message: `${what}: ${error.message}` })
