/** Results for tests of what is made of results. */
import type { CheckReport, FailureReport, PropertyReport } from "../../reports/CheckReport.ts"
import type { MutantsReport } from "../../reports/MutantsReport.ts"

export const property = (id: string, changes: Partial<PropertyReport> = {}): PropertyReport => ({
  id,
  title: `title of ${id}`,
  requirements: ["R1.1", "R2.3"],
  status: "holds",
  runs: 10,
  steps: 1_000,
  virtualMs: 60_000,
  wallMs: 20,
  distinctTraces: 9,
  traceHash: "00112233aabbccdd",
  faults: { "packet lost": 3 },
  sometimes: { "gap told": 2 },
  unreached: [],
  ...changes
})

export const failure = (changes: Partial<FailureReport> = {}): FailureReport => ({
  token: "m2.P2.as-found",
  message: "the count is 2, expected 1",
  run: 3,
  seed: 2,
  strategy: "pct-3-100",
  steps: 500,
  deviations: 12,
  traceHash: "0123456789abcdef",
  shrunkToken: "m2.P2.shrunk",
  shrunkSteps: 100,
  shrunkDeviations: 1,
  minimal: true,
  story: " 1. client 1 connects\n 2. client 1 is lost",
  ...changes
})

export const failed = (id: string, changes: Partial<FailureReport> = {}): PropertyReport =>
  property(id, { status: "failed", failure: failure(changes) })

export const report = (properties: ReadonlyArray<PropertyReport>, changes: Partial<CheckReport> = {}): CheckReport => ({
  tool: "muster",
  format: 4,
  version: "0.1.0",
  world: "sim",
  uncontrolled: [],
  wallMs: 50,
  seed: 0,
  seeds: 20,
  strategy: "portfolio",
  properties,
  ...changes
})

export const mutantsReport: MutantsReport = {
  tool: "muster",
  format: 1,
  version: "0.1.0",
  seed: 0,
  seeds: 1_000,
  mutants: [
    { id: "racy-count", what: "counts without a lock", property: "P1", caught: true, runs: 4, seconds: 0.5 },
    { id: "late-cleanup", what: "cleans up <late>", property: "P1", caught: false, runs: 1_000, seconds: 9 },
    { id: "no-order", what: "sends in any order", property: "P2", caught: true, runs: 7, seconds: 0.1 }
  ]
}

/** Whatever could break out of a table, an element or a block. */
export const hostile =
  "a|b `c` <img onerror=x> ]]> & \"q\" 'p' \u0000\u001b[31m\ud800 \ufffe \u{1f600} </details> ``` \r\n| * _x_"
