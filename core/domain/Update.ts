/** What a node's configuration files say beyond what it runs: the preview and the result of an update. */
import { Schema } from "effect"

/** Groups that an update would add, stop and start again with another configuration, or stop and remove. */
export const ConfigDiff = Schema.Struct({
  added: Schema.Array(Schema.String),
  changed: Schema.Array(Schema.String),
  removed: Schema.Array(Schema.String)
})
export type ConfigDiff = typeof ConfigDiff.Type

/** What became of each group; `detail` in words. */
export const UpdateResult = Schema.Struct({
  diff: ConfigDiff,
  groups: Schema.Array(
    Schema.Struct({
      group: Schema.String,
      change: Schema.Literals(["added", "changed", "removed"]),
      outcome: Schema.Literals(["done", "failed", "timeout", "skipped"]),
      detail: Schema.String
    })
  ),
  took_ms: Schema.Int
})
export type UpdateResult = typeof UpdateResult.Type
