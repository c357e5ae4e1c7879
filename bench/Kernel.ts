/** What the kernel costs: scheduled steps a second, the same program on Effect's own runtime, and an empty run. */
import { Effect, Queue } from "effect"
import * as Sim from "../sim/Sim.ts"
import { type Benchmark, median, timed, timedEffect } from "./Benchmark.ts"

const rounds = 15
const items = 5_000

/** Two producers and two consumers on one bounded queue: every offer and take may wake another fiber. */
const queueProgram = Effect.gen(function* () {
  const queue = yield* Queue.bounded<number>(4)
  const numbers = Array.from({ length: items }, (_, i) => i)
  const produce = Effect.forEach(numbers, (i) => Queue.offer(queue, i), { discard: true })
  const consume = Effect.forEach(numbers, () => Queue.take(queue), { discard: true })
  yield* Effect.all([produce, consume, produce, consume], { concurrency: "unbounded" })
})

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
  what: "fibers on a queue, scheduled steps a second on one core, trace hash on",
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

export const simulatedVsEffect: Benchmark = {
  name: "simulated-vs-effect",
  what: "the same program simulated and on Effect's own runtime, in turn; above 1 the simulation is faster",
  target: "ratio at least 1",
  met: ({ ratio = 0 }) => ratio >= 1,
  measure: Effect.gen(function* () {
    yield* warmedUp
    for (let i = 0; i < rounds; i++) yield* timedEffect(queueProgram)
    const ratios: Array<number> = []
    const simulatedMs: Array<number> = []
    for (let seed = 0; seed < rounds; seed++) {
      const { ms } = runOnce(seed)
      ratios.push((yield* timedEffect(queueProgram)) / ms)
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
