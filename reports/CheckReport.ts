/** The result of `muster check` as data: what `--json` writes. The same seed gives the same bytes, wall times aside. */
import { Schema } from "effect"

export const PropertyReport = Schema.Struct({
  /** `P1`, or `P1+mutant`. */
  id: Schema.String,
  title: Schema.String,
  requirements: Schema.Array(Schema.String),
  status: Schema.Literals(["holds", "failed"]),
  runs: Schema.Int,
  steps: Schema.Int,
  /** Virtual time of all runs together, milliseconds. */
  virtualMs: Schema.Int,
  wallMs: Schema.Int,
  distinctTraces: Schema.Int,
  /** Digest of the traces of all runs. */
  traceHash: Schema.String,
  /** How often each kind of fault was injected in all runs. */
  faults: Schema.Record(Schema.String, Schema.Int),
  /** How often each mark was reached in all runs. */
  sometimes: Schema.Record(Schema.String, Schema.Int),
  failure: Schema.optionalKey(
    Schema.Struct({
      /** Replays the run: `muster replay TOKEN`. */
      token: Schema.String,
      message: Schema.String,
      /** How many runs it took. */
      run: Schema.Int,
      seed: Schema.Int,
      steps: Schema.Int,
      /** Choices of the run that were not the dullest. */
      deviations: Schema.Int,
      traceHash: Schema.String
    })
  )
})
export type PropertyReport = typeof PropertyReport.Type

export const CheckReport = Schema.Struct({
  tool: Schema.Literal("muster"),
  /** Version of this format. */
  format: Schema.Literal(1),
  version: Schema.String,
  seed: Schema.Int,
  seeds: Schema.Int,
  properties: Schema.Array(PropertyReport)
})
export type CheckReport = typeof CheckReport.Type
