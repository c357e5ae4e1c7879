/**
 * The few places that may do what a rule forbids, each with its reason. One that excuses nothing any more is itself a
 * finding, so that the list stays short.
 */
import type { Finding } from "./Finding.ts"

export interface Allowance {
  readonly file: string
  readonly rule: string
  /** What it may name; `*` for anything. */
  readonly subjects: ReadonlyArray<string>
  readonly reason: string
}

export const allowances: ReadonlyArray<Allowance> = [
  {
    file: "sim/Escape.ts",
    rule: "determinism",
    subjects: ["Date", "Math.random", "Promise", "crypto", "globalThis", "performance"],
    reason: "it traps these globals while a simulated run is on, so it has to name them"
  },
  {
    file: "sim/Kernel.ts",
    rule: "determinism",
    subjects: ["runForkWith"],
    reason: "the kernel is what runs a program: it starts the root fiber under its own scheduler, once"
  },
  {
    file: "scenarios/stages/AppStage.ts",
    rule: "determinism",
    subjects: ["runSync"],
    reason: "builds the router that all runs share, once: within a run, the first would take steps that others do not"
  }
]

/** The findings that no allowance excuses, and the allowances of known files that excuse nothing. */
export const applyAllowances = (
  findings: ReadonlyArray<Finding>,
  files: ReadonlySet<string>,
  list: ReadonlyArray<Allowance> = allowances
): ReadonlyArray<Finding> => {
  const excuses = (allowance: Allowance, finding: Finding): boolean =>
    allowance.file === finding.file &&
    allowance.rule === finding.rule &&
    (allowance.subjects.includes("*") || allowance.subjects.includes(finding.subject))
  const stale = list.filter(
    (allowance) => files.has(allowance.file) && !findings.some((finding) => excuses(allowance, finding))
  )
  return [
    ...findings.filter((finding) => !list.some((allowance) => excuses(allowance, finding))),
    ...stale.map((allowance): Finding => ({
      file: allowance.file,
      line: 1,
      column: 1,
      rule: "stale-allowance",
      subject: allowance.rule,
      message: `the allowance for ${allowance.subjects.join(", ")} excuses nothing, take it out of Allowances.ts`
    }))
  ]
}
