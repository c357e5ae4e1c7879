/** The sweeps of the programs of one property as one. */
import type { DepthBound } from "../sim/PctBounds.ts"
import type { SweepCounts } from "../sim/Sweep.ts"
import { TraceHash } from "../sim/TraceHash.ts"
import type { Scope } from "./Property.ts"

/** What PCT says of one program: how large one is says nothing of the other. */
export interface ProgramBound extends DepthBound {
  /** Absent where the property has one program. */
  readonly program?: Scope
}

/** What came of the programs of a property. */
export interface ProgramCounts extends Omit<SweepCounts, "bounds"> {
  readonly bounds: ReadonlyArray<ProgramBound>
  /** Runs of each program; absent where the property has one. */
  readonly programs?: Readonly<Partial<Record<Scope, number>>>
}

/** The counts of a sweep of one of two programs, as far as it alone was done. */
export const alone = <Counts extends SweepCounts>(program: Scope, counts: Counts) => ({
  ...counts,
  bounds: counts.bounds.map((bound) => ({ ...bound, program })),
  programs: { [program]: counts.runs }
})

/** The counts of both. */
export const together = (focus: SweepCounts, whole: SweepCounts): ProgramCounts => {
  const hash = new TraceHash()
  for (const { traceHash } of [focus, whole]) {
    hash.fold(parseInt(traceHash.slice(0, 8), 16), parseInt(traceHash.slice(8), 16))
  }
  return {
    runs: focus.runs + whole.runs,
    steps: focus.steps + whole.steps,
    virtualMs: focus.virtualMs + whole.virtualMs,
    distinctTraces: focus.distinctTraces + whole.distinctTraces,
    traceHash: hash.digest,
    sometimes: sums(focus.sometimes, whole.sometimes),
    faults: sums(focus.faults, whole.faults),
    bounds: [...alone("focus", focus).bounds, ...alone("whole", whole).bounds],
    programs: { focus: focus.runs, whole: whole.runs }
  }
}

const sums = (one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
  const counts = new Map(one)
  for (const [name, count] of other) counts.set(name, (counts.get(name) ?? 0) + count)
  return counts
}
