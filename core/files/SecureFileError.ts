/** What goes wrong with files that hold secrets, as what the caller can do about it. */
import { Schema } from "effect"
import type { PlatformError } from "effect"

/**
 * - `NotPrivate`: the folder belongs to somebody else, others may use it, or it is none: nothing was written.
 * - `Exists`: there is something of that name, and it was not to be replaced.
 * - `Failed`: the file system refused: no space, no right, no such folder, no answer in time.
 */
export class SecureFileError extends Schema.TaggedError<SecureFileError>()("SecureFileError", {
  reason: Schema.Literals(["NotPrivate", "Exists", "Failed"]),
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.path}: ${this.detail}`
  }
}

const words: Partial<Record<PlatformError.PlatformError["reason"]["_tag"], string>> = {
  NotFound: "no such file or folder",
  PermissionDenied: "permission denied",
  AlreadyExists: "exists already"
}

/** The refusal of a file system. */
export const failedAt =
  (path: string) =>
  ({ reason }: PlatformError.PlatformError): SecureFileError =>
    new SecureFileError({
      reason: reason._tag === "AlreadyExists" ? "Exists" : "Failed",
      path,
      detail: words[reason._tag] ?? reason.description ?? reason._tag
    })
