/** An end of the command with a message for its user and an exit status, and without a stack. */
import { Schema } from "effect"

export class ExitStatus extends Schema.TaggedError<ExitStatus>()("ExitStatus", {
  /** 1: what was asked for failed; 2: wrong usage or configuration; 130 and 143: ended by SIGINT or SIGTERM. */
  status: Schema.Literals([1, 2, 130, 143]),
  message: Schema.String
}) {}
