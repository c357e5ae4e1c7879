/** All properties of the requirements over 1,000 seeds each, as `muster check --all --seeds 1000` does them. */
import { availableParallelism } from "node:os"
import { Effect } from "effect"
import { properties } from "../scenarios/Properties.ts"
import { check, findSubject, pool } from "../scenarios/Sweep.ts"
import type { Benchmark } from "./Benchmark.ts"

const seeds = 1_000

/** Those of the list of requirements; the others are of systems that came later. */
const counted = properties.slice(0, 25)

const shownMax = 5

export const properties1000: Benchmark = {
  name: "properties-1000",
  what: `the ${counted.length} properties of the requirements over ${seeds} seeds each, a thread for each processor`,
  target: "under 60 s on two cores",
  met: ({ value }) => value < 60,
  measure: Effect.gen(function* () {
    const over = yield* pool(availableParallelism())
    const took: Array<{ readonly id: string; readonly seconds: number; readonly steps: number }> = []
    for (const { id } of counted) {
      const startMs = performance.now()
      const { failure, runs, steps } = yield* check(over, yield* Effect.fromResult(findSubject(id)), { runs: seeds })
      if (failure !== undefined) return yield* Effect.die(`bench: ${id} failed: ${failure.message}`)
      took.push({ id, seconds: (performance.now() - startMs) / 1_000, steps: steps / runs })
    }
    const dearest = took.toSorted((a, b) => b.seconds - a.seconds).slice(0, shownMax)
    const told = dearest.map(
      ({ id, seconds, steps }) => `${id} ${seconds.toFixed(0)} s (${Math.round(steps)} steps a run)`
    )
    console.log(`  ${availableParallelism()} threads; the dearest: ${told.join(", ")}`)
    return { value: took.reduce((sum, { seconds }) => sum + seconds, 0), unit: "s" }
  }).pipe(Effect.scoped, Effect.orDie)
}
