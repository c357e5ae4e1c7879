/**
 * `node bench/FakeNodes.ts --nodes 1000 --processes 20 --port 20000 [--dead N] [--slow N] ... [--config FILE]`
 *
 * Load for a console: so many fake supervisord nodes on ports of 127.0.0.1, from `--port` on, each with so many
 * processes. They answer polls over real XML-RPC, in this process, so that their CPU time is not the console's. The
 * ports of the bad ones come first; see FakeNodeMode. With `--config` it writes a configuration for `muster serve`
 * that lists all nodes, to which `--settings` gives the beginning.
 *
 * Prints a line of JSON once all listen: `{"ready":1000}`. For each line `report` that it reads, it prints what polls
 * came since the one before; it ends with its standard input, or by a signal.
 */
import { writeFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { FakeNode } from "./FakeNode.ts"
import { badModeNames, badModes, modesOf, type BadMode } from "./FakeNodeMode.ts"
import { percentile } from "./Percentile.ts"

const usage = `usage: node bench/FakeNodes.ts [--nodes N] [--processes N] [--port N] [--change-every POLLS]
                               [--config FILE] [--settings TOML]
  and how many of the nodes are bad:
${badModeNames.map((mode) => `  --${mode} N`.padEnd(18) + badModes[mode]).join("\n")}
`

const stop = (message: string): never => {
  process.stderr.write(`FakeNodes: ${message}\n${usage}`)
  process.exit(2)
}

const numbers = {
  nodes: { type: "string", default: "1000" },
  processes: { type: "string", default: "20" },
  port: { type: "string", default: "20000" },
  "change-every": { type: "string", default: "20" }
} as const
const texts = {
  config: { type: "string" },
  settings: { type: "string", default: "" },
  help: { type: "boolean" }
} as const
const bad = Object.fromEntries(badModeNames.map((mode) => [mode, { type: "string" } as const]))

const parse = () => {
  try {
    return parseArgs({ options: { ...bad, ...numbers, ...texts } }).values
  } catch (error) {
    return stop(String(error))
  }
}

const count = (name: string, text: unknown, min: number): number =>
  typeof text === "string" && /^\d+$/.test(text) && Number(text) >= min
    ? Number(text)
    : stop(`--${name} is to be a whole number of at least ${min}, not ${String(text)}`)

const values = parse()
if (values.help === true) {
  process.stdout.write(usage)
  process.exit(0)
}
const nodeCount = count("nodes", values.nodes, 1)
const processes = count("processes", values.processes, 1)
const port = count("port", values.port, 1)
const changeEveryPolls = count("change-every", values["change-every"], 1)
const given: ReadonlyMap<string, unknown> = new Map(Object.entries(values))
const wanted: Partial<Record<BadMode, number>> = Object.fromEntries(
  badModeNames.map((mode) => [mode, given.has(mode) ? count(mode, given.get(mode), 0) : 0])
)
if (port + nodeCount > 65_536) stop(`there are no ${nodeCount} ports from ${port} on`)

const nameOf = (index: number): string => `node-${String(index + 1).padStart(4, "0")}`

const nodes = modesOf(nodeCount, wanted).map(
  (mode, i) =>
    new FakeNode({ mode, processes, changeEveryPolls, pidFirst: 1_000 + i * processes, identifier: nameOf(i) })
)

if (values.config !== undefined) {
  const tables = nodes.map((_, i) => `[[nodes]]\nname = "${nameOf(i)}"\nurl = "http://127.0.0.1:${port + i}"\n`)
  writeFileSync(values.config, `${values.settings}\n${tables.join("\n")}`)
}

/** What the polls of some nodes were like since the last report; the gap between two reports counts. */
const pollsOf = (some: ReadonlyArray<FakeNode>) => {
  const gapsMs: Array<number> = []
  let polls = 0
  for (const { polledAtMs } of some) {
    polls += polledAtMs.length
    for (const [i, atMs] of polledAtMs.entries()) if (i > 0) gapsMs.push(atMs - (polledAtMs[i - 1] ?? atMs))
  }
  const silent = some.filter(({ polledAtMs }) => polledAtMs.length === 0).length
  return {
    nodes: some.length,
    polls,
    silent,
    p50Ms: percentile(gapsMs, 0.5),
    p99Ms: percentile(gapsMs, 0.99),
    maxMs: percentile(gapsMs, 1)
  }
}

let sinceMs = performance.now()
const report = () => {
  const nowMs = performance.now()
  const isGood = ({ options }: FakeNode) => options.mode === "good"
  const line = {
    seconds: (nowMs - sinceMs) / 1_000,
    cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    good: pollsOf(nodes.filter(isGood)),
    bad: pollsOf(nodes.filter((node) => !isGood(node)))
  }
  for (const { polledAtMs } of nodes) polledAtMs.length = 0
  sinceMs = nowMs
  return line
}

try {
  await Promise.all(nodes.map((node, i) => node.listen(port + i)))
} catch (error) {
  process.stderr.write(`FakeNodes: ${String(error)}\n`)
  process.exit(1)
}
console.log(JSON.stringify({ ready: nodes.length }))

const lines = createInterface({ input: process.stdin })
lines.on("line", (line) => console.log(JSON.stringify(line === "report" ? report() : { unknown: line })))
lines.on("close", () => process.exit(0))
