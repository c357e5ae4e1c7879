/** The result of `muster check` as data: what `--json` writes. The same seed gives the same bytes, wall times aside. */
import { Schema } from "effect"
import type { CheckResult, Subject } from "../scenarios/Sweep.ts"
import { Picture } from "../sim/Picture.ts"
import type { FailureReport as FailedRun } from "../sim/Workers.ts"

export const FailureReport = Schema.Struct({
  /** Replays the run as it was found: `muster replay TOKEN`; "" in the real world, where no run comes back. */
  token: Schema.String,
  message: Schema.String,
  /** How many runs it took. */
  run: Schema.Int,
  seed: Schema.Int,
  strategy: Schema.String,
  steps: Schema.Int,
  /** Choices of the run that were not the dullest. */
  deviations: Schema.Int,
  traceHash: Schema.String,
  /** A run that fails in the same way with fewer deviations; absent when the sweep was stopped before there was one. */
  shrunkToken: Schema.optionalKey(Schema.String),
  shrunkSteps: Schema.optionalKey(Schema.Int),
  shrunkDeviations: Schema.optionalKey(Schema.Int),
  /** No deviation of the shrunk run can be left out. */
  minimal: Schema.optionalKey(Schema.Boolean),
  /** Numbered steps, of the shrunk run if there is one. */
  story: Schema.String,
  /** The same run to be drawn. */
  picture: Schema.optionalKey(Picture)
})
export type FailureReport = typeof FailureReport.Type

/**
 * What PCT says of a depth: any bug that needs so many ordering constraints was missed by all of these runs with at
 * most this chance, if it shows at all under the values and faults that were drawn: (1 - 1 / (n k^(d-1)))^runs.
 */
export const DepthBound = Schema.Struct({
  /** d, from 1. */
  depth: Schema.Int,
  /** Runs of PCT of this depth. */
  runs: Schema.Int,
  /** Which program of the property it is about, where it has two. */
  program: Schema.optionalKey(Schema.Literals(["focus", "whole"])),
  /** n: fibers of a run at most. */
  fibers: Schema.Int,
  /** k: decision points of a run at most. */
  points: Schema.Int,
  /** 0 to 1. */
  missedAtMost: Schema.Finite
})
export type DepthBound = typeof DepthBound.Type

export const PropertyReport = Schema.Struct({
  /** `P1`, or `P1+mutant`. */
  id: Schema.String,
  title: Schema.String,
  requirements: Schema.Array(Schema.String),
  /**
   * `interrupted`: it held in the runs so far; `skipped`: it was not run, for the reason given. One that holds has a
   * reason where a part of it was not run, which happens in the real world only.
   */
  status: Schema.Literals(["holds", "failed", "interrupted", "skipped"]),
  reason: Schema.optionalKey(Schema.String),
  runs: Schema.Int,
  /** Runs by program, where the property has two: over the part that keeps it, and over the whole console. */
  programs: Schema.optionalKey(
    Schema.Struct({ focus: Schema.optionalKey(Schema.Int), whole: Schema.optionalKey(Schema.Int) })
  ),
  steps: Schema.Int,
  /** Virtual time of all runs together, milliseconds. */
  virtualMs: Schema.Int,
  /** From its first run to its last, others beside it. Of shards that were merged: of the slowest. */
  wallMs: Schema.Int,
  /** Of shards that were merged: of the one that saw most, as two shards may have seen the same. */
  distinctTraces: Schema.Int,
  /** Digest of the traces of all runs; of shards that were merged, of their digests. */
  traceHash: Schema.String,
  /** How often each kind of fault was injected in all runs. */
  faults: Schema.Record(Schema.String, Schema.Int),
  /** How often each mark was reached in all runs. */
  sometimes: Schema.Record(Schema.String, Schema.Int),
  /** Marks that a sweep of the default size has to reach, and this one did not. */
  unreached: Schema.Array(Schema.String),
  /** Of depths 1, 2 and 3; absent where no run was by PCT. */
  bounds: Schema.optionalKey(Schema.Array(DepthBound)),
  failure: Schema.optionalKey(FailureReport)
})
export type PropertyReport = typeof PropertyReport.Type

export const CheckReport = Schema.Struct({
  tool: Schema.Literal("muster"),
  /** Version of this format. */
  format: Schema.Literal(4),
  version: Schema.String,
  /** `real`: against a running console, where a seed gives the workload and nothing else. */
  world: Schema.Literals(["sim", "real"]),
  /** What this world does not control; empty in the simulator. */
  uncontrolled: Schema.Array(Schema.String),
  /** The first seed. */
  seed: Schema.Int,
  /** Runs of each property at most, all shards together; absent when only the time was limited. */
  seeds: Schema.optionalKey(Schema.Int),
  /** How the schedules were chosen. */
  strategy: Schema.String,
  /** Which part of the seeds this was: the first of four is `1/4`. */
  shard: Schema.optionalKey(Schema.String),
  /** How many shards were merged into this; absent when none were. */
  shards: Schema.optionalKey(Schema.Int),
  /** Of the whole sweep: several properties run at the same time. Of shards that were merged: of the slowest. */
  wallMs: Schema.Int,
  /** In the order in which they were checked; those that an interruption left out are not there. */
  properties: Schema.Array(PropertyReport)
})
export type CheckReport = typeof CheckReport.Type

/** The sweep of a property as it is reported. */
export const propertyReport = (subject: Subject, result: CheckResult, wallMs: number): PropertyReport => ({
  id: subject.name,
  title: subject.property.title,
  requirements: subject.property.requirements,
  status: result.failure !== undefined ? "failed" : result.ended === "stopped" ? "interrupted" : "holds",
  runs: result.runs,
  ...(result.programs === undefined ? {} : { programs: result.programs }),
  steps: result.steps,
  virtualMs: Math.round(result.virtualMs),
  wallMs: Math.round(wallMs),
  distinctTraces: result.distinctTraces,
  traceHash: result.traceHash,
  faults: Object.fromEntries(result.faults),
  sometimes: Object.fromEntries(result.sometimes),
  unreached: unreachedOf(subject, result),
  ...(result.bounds.length === 0 ? {} : { bounds: result.bounds }),
  ...(result.failure === undefined ? {} : { failure: failureReport(result.failure) })
})

/** Marks are for both programs of a property together: either by itself need not come to all of them. */
const unreachedOf = ({ property: { marks }, scope }: Subject, { sometimes }: CheckResult): ReadonlyArray<string> =>
  scope === undefined ? marks.filter((mark) => !sometimes.has(mark)) : []

const failureReport = (failed: FailedRun): FailureReport => {
  const { deviations, message, picture, run, seed, shrunk, steps, story, strategy, token, traceHash } = failed
  const less =
    shrunk === undefined
      ? {}
      : {
          shrunkToken: shrunk.token,
          shrunkSteps: shrunk.steps,
          shrunkDeviations: shrunk.deviations,
          minimal: shrunk.minimal
        }
  return { token, message, run, seed, strategy, steps, deviations, traceHash, ...less, story, picture }
}

/** Longer lines are broken when they are pasted into some terminals and chats. */
const lineMax = 200

/**
 * The line that replays a failure: the shrunk run if its token fits, else the run as found, to be shrunk again.
 * Undefined when there is no token.
 */
export const replayLine = ({ shrunkToken, token }: FailureReport): string | undefined => {
  if (token === "") return undefined
  const asFound = `replay: npx muster replay ${token}`
  if (shrunkToken === undefined) return asFound
  const lines = [`replay: npx muster replay ${shrunkToken}`, `${asFound} --shrink`]
  return lines.find((line) => line.length <= lineMax) ?? asFound
}

/** What is told about a failure: what went wrong, how it came about, and how to see it again. */
export const failureLines = (failure: FailureReport): string => {
  const { message, story } = failure
  // A story of nothing but its end says the same again.
  return [message, story === `=> ${message}` ? "" : story, replayLine(failure) ?? ""]
    .filter((part) => part !== "")
    .join("\n")
}
