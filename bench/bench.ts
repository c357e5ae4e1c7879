/** `npm run bench -- [NAME…] [--json FILE]`: measures, prints a table, and says which targets are met. */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import type { Benchmark } from "./Benchmark.ts"
import { broadcast } from "./Broadcast.ts"
import { clientMemory } from "./ClientMemory.ts"
import { fleetVirtual, fleetVirtualFaults } from "./FleetVirtual.ts"
import { emptyRun, kernelSteps, simulatedVsEffect } from "./Kernel.ts"
import { nodesFifty, nodesFiftyVirtual } from "./NodesFifty.ts"
import { nodesP99 } from "./NodesP99.ts"
import { poll1000 } from "./Poll1000.ts"
import { properties1000 } from "./Properties1000.ts"

const benchmarks: ReadonlyArray<Benchmark> = [
  kernelSteps,
  simulatedVsEffect,
  emptyRun,
  fleetVirtual,
  fleetVirtualFaults,
  poll1000,
  nodesFiftyVirtual,
  nodesFifty,
  nodesP99,
  broadcast,
  clientMemory,
  properties1000
]

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } })

const unknown = positionals.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(", ")}; there are ${benchmarks.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 })

const measureAll = Effect.forEach(
  benchmarks.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
  (benchmark) =>
    Effect.map(benchmark.measure, (measured) => {
      const { name, target, what } = benchmark
      const met = benchmark.met(measured)
      const ratio = measured.ratio === undefined ? "" : `, ${number.format(measured.ratio)} of ${measured.against}`
      const verdict = met ? "met" : "NOT met"
      console.log(`${name}: ${number.format(measured.value)} ${measured.unit}${ratio} (${target}: ${verdict})`)
      console.log(`  ${what}`)
      return { name, ...measured, target, met }
    })
)

const results = await Effect.runPromise(measureAll)
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ benchmarks: results }, undefined, 2)}\n`)
