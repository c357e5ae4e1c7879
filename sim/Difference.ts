/** Where two recorded runs of the same seed and schedule part, step by step. */
import type { RunResult } from "./Run.ts"
import { describeSite } from "./Sites.ts"
import type { StepRecord } from "./Trace.ts"

/** One line or more: the first stretch that differs, with what the fibers were doing in either run. */
export const firstDifference = (a: RunResult<unknown, unknown>, b: RunResult<unknown, unknown>): string => {
  const length = Math.max(a.trace.length, b.trace.length)
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.trace[i], b.trace[i]]
    if (left !== undefined && right !== undefined && isAlike(left, right)) continue
    const before = a.trace[i - 1]
    return [
      `they part at step ${left?.step ?? right?.step ?? 0}` +
        (before === undefined ? "" : `, after ${describe(before)}`),
      `  once: ${describe(left)}`,
      `  then: ${describe(right)}`
    ].join("\n")
  }
  return a.traceHash === b.traceHash
    ? "done once more, both runs were equal: what it depends on does not change every time"
    : `their steps are equal, but not what they drew or how they ended (${a.outcome}, then ${b.outcome})`
}

const isAlike = (a: StepRecord, b: StepRecord): boolean =>
  a.step === b.step && a.steps === b.steps && a.fiber === b.fiber && a.atMs === b.atMs

const describe = (stretch: StepRecord | undefined): string => {
  if (stretch === undefined) return "the run has ended"
  const { atMs, fiber, name, operations, step, steps } = stretch
  const last = operations.at(-1)
  return (
    `fiber ${fiber}${name === "" ? "" : ` in ${name}`}, steps ${step} to ${step + steps} at ${Math.round(atMs)} ms` +
    (last === undefined ? "" : `, last in ${describeSite(last)}`)
  )
}
