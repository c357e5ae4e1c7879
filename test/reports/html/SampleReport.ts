/** A result with one property of each status, and everything that a page can show. */
import type { CheckReport, FailureReport, PropertyReport } from "../../../reports/CheckReport.ts"
import { samplePicture } from "./SamplePicture.ts"

const property = (id: string, title: string, more: Partial<PropertyReport> = {}): PropertyReport => ({
  id,
  title,
  requirements: ["R1.1"],
  status: "holds",
  runs: 50,
  steps: 1_234_567,
  virtualMs: 185_000,
  wallMs: 2_340,
  distinctTraces: 50,
  traceHash: "b5a2aaea4c1a37ba",
  faults: { "network reset": 16, "wall clock jump": 4 },
  sometimes: { "a client left by stall": 9 },
  unreached: [],
  ...more
})

export const sampleFailure: FailureReport = {
  token: "m2.P2.pct-3-400.0.1gob.b715",
  message: "client 3 was sent 44 after 41, and nothing told it of the gap",
  run: 7,
  seed: 6,
  strategy: "pct-3-400",
  steps: 62_482,
  deviations: 1_242,
  traceHash: "b5a2aaea4c1a37ba",
  shrunkToken: "m2.P2.pct-3-400.0.1c7m.13da",
  shrunkSteps: 31_045,
  shrunkDeviations: 41,
  minimal: true,
  story: "drawn: clients: 4\n1. -- 3 ms\n2. >> fiber 3 has to pause: fiber 4 goes on\n=> failed: a gap",
  picture: samplePicture(1_500)
}

export const sampleReport: CheckReport = {
  tool: "muster",
  format: 4,
  version: "0.1.0",
  world: "sim",
  uncontrolled: [],
  wallMs: 50,
  seed: 0,
  seeds: 50,
  strategy: "portfolio",
  properties: [
    property("P1", "hub race-freedom", {
      unreached: ["a client was silent for too long"],
      bounds: [
        { depth: 1, runs: 20, fibers: 8, points: 50, missedAtMost: 0.0692 },
        { depth: 2, runs: 20, fibers: 8, points: 50, missedAtMost: 0.9512 },
        { depth: 3, runs: 20, fibers: 8, points: 50, missedAtMost: 0.99901 }
      ]
    }),
    property("P2", "delivery order", { status: "failed", requirements: ["R1.4"], runs: 7, failure: sampleFailure }),
    property("P3", "separate cleanup", { status: "interrupted", runs: 3 }),
    property("P4", "fleet state safety", { status: "skipped", runs: 0, reason: "PostgreSQL does not answer" }),
    ...["P5", "P6", "P7", "P8"].map((id) => property(id, `one more, ${id}`))
  ]
}

/** As it is when nothing went wrong. */
export const holdingReport: CheckReport = {
  ...sampleReport,
  properties: sampleReport.properties.filter(({ status }) => status === "holds")
}
