/** Names as they stand in the paths of the API. */
import { Schema } from "effect"

/** UTF-16 units of a name in a path. */
export const nameCharactersMax = 200

/** A name in a path: of a node, a group or a process. supervisord forbids `:` and `/` in names; so does Muster. */
export const PathName = Schema.String.check(
  Schema.isMinLength(1, { message: "expected a name, got nothing" }),
  Schema.isMaxLength(nameCharactersMax, { message: `expected a name of at most ${nameCharactersMax} characters` }),
  Schema.isPattern(/^[^\p{Cc}:/]*$/u, {
    description: "a name without control characters, : and /",
    message: "expected a name without control characters, : and /"
  })
)
