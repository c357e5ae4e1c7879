/** `muster check --world real`, as somebody would run it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { CheckReport } from "../../reports/CheckReport.ts"
import { muster } from "../support/RealConsole.ts"
import { itReal } from "../support/RealSupervisord.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(CheckReport))

describe("muster check --world real", () => {
  itReal(
    "holds two properties against a running console and reports them",
    () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "results.json")
        const ran = yield* muster(["check", "--world", "real", "P14", "P8", "--seed", "3", "--json", file])
        assert.strictEqual(ran.code, 0, ran.stdout + ran.stderr)
        const report = decode(readFileSync(file, "utf8"))
        assert.strictEqual(report.world, "real")
        assert.isNotEmpty(report.uncontrolled)
        assert.deepStrictEqual(
          report.properties.map(({ faults, id, runs, status, unreached }) => ({ faults, id, runs, status, unreached })),
          [
            { faults: {}, id: "P8", runs: 1, status: "holds", unreached: [] },
            { faults: { "stop supervisord": 1 }, id: "P14", runs: 1, status: "holds", unreached: [] }
          ]
        )
        assert.match(ran.stdout, /^holds {2}P8 .*: 1 episode, 0 faults, \d+ ms\nholds {2}P14 .*: 1 episode, 1 fault, /)
      }),
    { timeoutMs: 120_000 }
  )

  it.live(
    "refuses by name what means nothing there",
    () =>
      Effect.gen(function* () {
        const flags = [
          ["--workers", "2"],
          ["--shard", "1/2"],
          ["--strategy", "pct"],
          ["--mutant", "x"]
        ]
        for (const flag of flags) {
          const { code, stderr } = yield* muster(["check", "--world", "real", "P14", ...flag])
          assert.strictEqual(code, 2)
          assert.include(stderr, `${flag[0]} is of the simulator`)
        }
        const { code, stderr } = yield* muster(["check", "--world", "real", "P3"])
        assert.strictEqual(code, 2)
        assert.include(stderr, "P3 cannot be seen from outside")
      }),
    60_000
  )

  it.live(
    "says that it needs supervisord",
    () =>
      Effect.gen(function* () {
        const { code, stderr } = yield* muster(["check", "--world", "real"], { PATH: "/nowhere" })
        assert.deepStrictEqual([code, stderr.includes("needs supervisord")], [2, true])
      }),
    30_000
  )
})
