/**
 * The metrics as others see them: Prometheus' own tool takes what is answered and the alerts of the page, and the table
 * of the page is that of the code. `MUSTER_UPDATE_DOCS=1` writes the table.
 */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { Board } from "../../core/metrics/Board.ts"
import { samplesOf } from "../../core/metrics/Collection.ts"
import { allFamilies } from "../../core/metrics/Families.ts"
import { parse } from "../core/metrics/Exposition.ts"
import { node, observed } from "../core/metrics/Observations.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"

const page = fileURLToPath(new URL("../../docs/metrics.md", import.meta.url))

const promtool = (args: ReadonlyArray<string>, input = "") =>
  spawnSync("promtool", args, { input, encoding: "utf8", timeout: 20_000 })

const hasPromtool = promtool(["--version"]).status === 0

/** Everything that was ever recorded or observed, in one answer. */
const fullText = (): string => {
  const board = new Board(Context.make(Metric.MetricRegistry, new Map()))
  for (const family of allFamilies) {
    if (family.type === "histogram") board.record(family, 0.1, ...family.labels)
  }
  board.collect(samplesOf(observed({ nodes: [node("web-1"), node('odd "name"\\ \n é')] })))
  return PrometheusMetrics.formatUnsafe(board.context)
}

/** Recorded by SyncMetrics, which has a registry of the console to itself in other tests. */
const recordedElsewhere = new Set(["muster_blocked_sends_total", "muster_queue_depth"])

describe("the metrics", () => {
  it("are all of the table, with its types and its words", () => {
    const { help, types } = parse(fullText())
    const expected = allFamilies.filter(({ name }) => !recordedElsewhere.has(name))
    assert.deepStrictEqual(
      Object.fromEntries(types),
      Object.fromEntries(expected.map(({ name, type }) => [name, type] as const))
    )
    for (const family of expected) assert.strictEqual(help.get(family.name), family.help)
  })

  it.skipIf(!hasPromtool)("are clean for promtool", () => {
    const { status, stderr, stdout } = promtool(["check", "metrics"], fullText())
    assert.deepStrictEqual([status, stdout, stderr], [0, "", ""])
  })
})

describe("docs/metrics.md", () => {
  const table = [
    "| metric | type | labels | what it says |",
    "|---|---|---|---|",
    ...allFamilies.map(
      ({ help, labels, name, type }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`
    )
  ].join("\n")

  it("has the table of the code", () => {
    const text = readFileSync(page, "utf8")
    const updated = text.replace(
      /(<!-- table -->\n)[^]*(<!-- end -->)/,
      (_, begin: string, end: string) => `${begin}${table}\n${end}`
    )
    if (process.env["MUSTER_UPDATE_DOCS"] === "1") writeFileSync(page, updated)
    else assert.strictEqual(text, updated)
  })

  const alerts = (): string => /## Alerts\n\n```yaml\n([^]*?)```/.exec(readFileSync(page, "utf8"))?.[1] ?? ""

  it("has alerts on metrics and labels that exist", () => {
    const used = Array.from(alerts().matchAll(/muster_[a-z_]+/g), ([name]) => name)
    const known = new Set(
      allFamilies.flatMap(({ name, type }) =>
        type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name]
      )
    )
    assert.isAbove(used.length, 10)
    for (const name of used) assert.isTrue(known.has(name), name)
  })

  it.live.skipIf(!hasPromtool)("has alerts that promtool takes", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile("rules.yml", alerts())
      const { status, stderr, stdout } = promtool(["check", "rules", file])
      assert.strictEqual(status, 0, stderr)
      assert.match(stdout, /SUCCESS: \d+ rules found/)
    })
  )
})
