/**
 * The configuration in use (S4): one value with a version, read whole and swapped whole.
 *
 * A reload reads, decodes, validates and prepares everything that can fail; only then it applies the nodes and swaps
 * the value, in one step. A reload that fails changes nothing. Reloads run one after another.
 */
import { Context, type Effect, Schema } from "effect"
import { EffectiveSetting } from "./EffectiveSettings.ts"
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

/** The configuration in use as people see it, all of one version. */
export const ConfigOverview = Schema.Struct({
  version: Schema.Int,
  /** Every setting with the value in use and where that came from; secrets are hidden. */
  settings: Schema.Array(EffectiveSetting),
  /** Settings that differ in what was loaded last and take effect at the next start. */
  needs_restart: Schema.Array(Schema.String)
})
export type ConfigOverview = typeof ConfigOverview.Type

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
}) {
  override get message(): string {
    return `${this.field}: ${this.detail}`
  }
}

/** Who asks for a reload, where it is not whoever makes the current request. For the log. */
export const ReloadAskedBy = Context.Reference<string | undefined>("core/config/ReloadAskedBy", {
  defaultValue: () => undefined
})

export class Settings extends Context.Service<
  Settings,
  {
    readonly current: Effect.Effect<Versioned>
    /** For hot paths. Synchronous. */
    readonly currentUnsafe: () => Versioned
    readonly overview: Effect.Effect<ConfigOverview>
    /** Loads it again; waits for reloads that were asked for before. */
    readonly reload: Effect.Effect<ReloadReport, ConfigErrors | ReloadFailed>
  }
>()("core/config/Settings") {}
