/**
 * The result of `muster mutants` as data: what its `--json` writes. The same seeds give the same bytes, the seconds
 * aside.
 */
import { Schema } from "effect"

export const MutantResult = Schema.Struct({
  id: Schema.String,
  /** The mistake, in one sentence. */
  what: Schema.String,
  /** Id of the property that has to catch it. */
  property: Schema.String,
  caught: Schema.Boolean,
  /** How many runs it took, or were done in vain. */
  runs: Schema.Int,
  /** Wall time. */
  seconds: Schema.Finite
})
export type MutantResult = typeof MutantResult.Type

export const MutantsReport = Schema.Struct({
  tool: Schema.Literal("muster"),
  /** Version of this format. */
  format: Schema.Literal(1),
  version: Schema.String,
  /** The first seed. */
  seed: Schema.Int,
  /** Runs within which each mutant has to be caught. */
  seeds: Schema.Int,
  /** In the order in which they were tried; those that an interruption left out are not there. */
  mutants: Schema.Array(MutantResult)
})
export type MutantsReport = typeof MutantsReport.Type
