/** An entry of the activity log: who attempted what on what, and what came of it. */
import { Schema } from "effect"

/**
 * - `done`: it was done, or there was nothing left to do. `failed`: it was attempted and did not work.
 * - `denied`: whoever asked may not, or was not who they said. `unknown`: there is no such thing.
 * - `invalid`: the request was not understood. `timeout`: it is not known how it ended.
 */
export const ActivityOutcome = Schema.Literals(["done", "failed", "denied", "unknown", "invalid", "timeout"])
export type ActivityOutcome = typeof ActivityOutcome.Type

const text = (charactersMax: number) => Schema.String.check(Schema.isMaxLength(charactersMax))

export const ActivityEntry = Schema.Struct({
  id: Schema.Int,
  /** ISO 8601. */
  at: Schema.String,
  /** As in `Principal.actor`; of a refused login the name that was tried; `console` for its own work. */
  actor: text(256),
  address: Schema.optionalKey(text(64)),
  /** `group.endpoint` of the API, such as `processes.operate`, or `batch.item`, `config.reload`, `hub.subscribe`. */
  action: text(64),
  node: Schema.optionalKey(text(200)),
  /** `group:name`. */
  process: Schema.optionalKey(text(401)),
  outcome: ActivityOutcome,
  /** Code of the error that was answered. */
  code: Schema.optionalKey(text(64)),
  /** In words, sanitised: `start`, `batch 3`, `role: operator`. */
  detail: Schema.optionalKey(text(1000)),
  request_id: Schema.optionalKey(text(64))
})
export type ActivityEntry = typeof ActivityEntry.Type

/** An attempt on its way into the log. */
export type Attempt = Omit<ActivityEntry, "id" | "at">
