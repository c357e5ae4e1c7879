/** What an idle client of the hub costs in memory beyond what `ws` alone needs for it. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Benchmark } from "./Benchmark.ts"

const clients = 1_000
const kib = 1_024
const kibMax = 20
const timeoutMs = 60_000

const server = fileURLToPath(new URL("MemoryServer.ts", import.meta.url))

/** Both in one process, so that what the machine does to one it does to the other. */
const bytes = () => {
  const output = execFileSync(process.execPath, ["--expose-gc", server, String(clients)], {
    encoding: "utf8",
    timeout: timeoutMs
  })
  const [hub = Number.NaN, bare = Number.NaN] = output.trim().split(" ").map(Number)
  return { hub, bare }
}

export const clientMemory: Benchmark = {
  name: "client-memory",
  what: `heap and buffers of each of ${clients.toLocaleString("en")} idle clients of the hub beyond a bare \`ws\` one`,
  target: `under ${kibMax} KiB`,
  met: ({ value }) => value < kibMax,
  measure: Effect.sync(() => {
    const { bare, hub } = bytes()
    return { value: (hub - bare) / kib, unit: "KiB", against: "a bare `ws` client", ratio: hub / bare }
  })
}
