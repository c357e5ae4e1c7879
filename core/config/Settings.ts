/**
 * The configuration in use (S4): one value with a version, read whole and swapped whole.
 *
 * A reload reads, decodes, validates and prepares everything that can fail; only then it applies the nodes and swaps the
 * value, in one step. A reload that fails changes nothing. Reloads run one after another.
 */
import { Context, type Effect, Schema } from "effect"
import type { ConfigErrors } from "./ConfigErrors.ts"
import type { Config } from "./ConfigSchema.ts"

/** What one reload did. */
export const ReloadReport = Schema.Struct({
  /** Of the configuration in use after it. */
  version: Schema.Int,
  /** Whether anything is different. Without a change the version stays. */
  changed: Schema.Boolean,
  nodes: Schema.Struct({
    added: Schema.Array(Schema.String),
    changed: Schema.Array(Schema.String),
    removed: Schema.Array(Schema.String)
  }),
  /** Programs of the local node, as the diff of its own reload names them. */
  programs: Schema.Struct({
    added: Schema.Array(Schema.String),
    changed: Schema.Array(Schema.String),
    removed: Schema.Array(Schema.String)
  }),
  /** Settings that are in use now, such as `log.level`. */
  applied: Schema.Array(Schema.String),
  /** Settings that differ from what is in use and take effect at the next start. */
  needs_restart: Schema.Array(Schema.String)
})
export type ReloadReport = typeof ReloadReport.Type

/** A configuration in use. */
export interface Versioned {
  /** 1 at the start, one more with each reload that changed something. */
  readonly version: number
  readonly config: Config
}

/** Something outside of the file keeps the new configuration from being used, such as a certificate that is no PEM. */
export class ReloadFailed extends Schema.TaggedError<ReloadFailed>()("ReloadFailed", {
  field: Schema.String,
  detail: Schema.String
}) {}

export class Settings extends Context.Service<
  Settings,
  {
    readonly current: Effect.Effect<Versioned>
    /** For hot paths. Synchronous. */
    readonly currentUnsafe: () => Versioned
    /** Loads it again; waits for reloads that were asked for before. */
    readonly reload: Effect.Effect<ReloadReport, ConfigErrors | ReloadFailed>
  }
>()("core/config/Settings") {}
