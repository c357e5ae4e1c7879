/** What the kernel costs: scheduled steps a second, the same program on Effect's own runtime, and an empty run. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import * as Sim from "../sim/Sim.ts"
import { type Benchmark, median, timed } from "./Benchmark.ts"
import { queueProgram } from "./QueueProgram.ts"

const rounds = 15
const runOnce = (seed: number) => {
  const { ms, value } = timed(() => Sim.run(queueProgram, { seed }))
  if (value.outcome !== "done") throw new Error(`bench: ${value.message}`)
  return { ms, steps: value.steps }
}

const warmedUp = Effect.sync(() => {
  for (let seed = 0; seed < rounds; seed++) runOnce(seed)
})

const thousand = 1_000

export const kernelSteps: Benchmark = {
  name: "kernel-steps",
  what: "fibers on a queue, scheduled steps a second of processor time, trace hash on",
  target: "at least 1,000,000 steps/s",
  met: ({ value }) => value >= 1_000_000,
  measure: Effect.andThen(
    warmedUp,
    Effect.sync(() => {
      const rates = Array.from({ length: rounds }, (_, seed) => {
        const { ms, steps } = runOnce(seed)
        return (steps * thousand) / ms
      })
      return { value: Math.round(median(rates)), unit: "steps/s" }
    })
  )
}

const oneSide = fileURLToPath(new URL("OneSide.ts", import.meta.url))
const pairs = 7

/** Milliseconds of a run of one side, measured in a process of its own. */
const sideMs = (side: "simulated" | "effect"): number =>
  Number(execFileSync(process.execPath, [oneSide, side], { encoding: "utf8" }))

export const simulatedVsEffect: Benchmark = {
  name: "simulated-vs-effect",
  what: "the same program simulated and on Effect's own runtime, processes in turn; above 1 the simulation is faster",
  target: "ratio at least 1",
  met: ({ ratio = 0 }) => ratio >= 1,
  measure: Effect.sync(() => {
    const ratios: Array<number> = []
    const simulatedMs: Array<number> = []
    for (let i = 0; i < pairs; i++) {
      const ms = sideMs("simulated")
      ratios.push(sideMs("effect") / ms)
      simulatedMs.push(ms)
    }
    return { value: median(simulatedMs), unit: "ms", against: "Effect's own runtime", ratio: median(ratios) }
  })
}

const emptyRuns = 5_000

export const emptyRun: Benchmark = {
  name: "empty-run",
  what: "starting and ending a run that does nothing",
  target: "under 50 µs",
  met: ({ value }) => value < 50,
  measure: Effect.sync(() => {
    const perRunMicros = Array.from({ length: 5 }, () => {
      const { ms } = timed(() => {
        for (let seed = 0; seed < emptyRuns; seed++) Sim.run(Effect.void, { seed })
      })
      return (ms * thousand) / emptyRuns
    })
    return { value: median(perRunMicros), unit: "µs" }
  })
}
