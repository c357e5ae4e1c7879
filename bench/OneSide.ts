/**
 * One side of `simulated-vs-effect`, in a process of its own: in a shared one each side would slow the other, since the
 * run loop would meet two schedulers. Prints the milliseconds of the median run.
 */
import { Effect } from "effect"
import * as Sim from "../sim/Sim.ts"
import { median, timed, timedEffect } from "./Benchmark.ts"
import { queueProgram } from "./QueueProgram.ts"

const rounds = { warmUp: 20, measured: 40 } as const

const simulated = (seed: number) =>
  Effect.sync(() => {
    const { ms, value } = timed(() => Sim.run(queueProgram, { seed }))
    if (value.outcome !== "done") throw new Error(`bench: ${value.message}`)
    return ms
  })

const run = process.argv[2] === "simulated" ? simulated : () => timedEffect(queueProgram)

const measured = Effect.gen(function* () {
  for (let seed = 0; seed < rounds.warmUp; seed++) yield* run(seed)
  const ms: Array<number> = []
  for (let seed = 0; seed < rounds.measured; seed++) ms.push(yield* run(seed))
  return median(ms)
})

console.log(await Effect.runPromise(measured))
