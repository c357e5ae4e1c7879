/** `muster check`, `replay` and `mutants` as processes: results, exit status, and failures that come back. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { CheckReport } from "../../reports/CheckReport.ts"
import { type Ended, muster } from "../support/RealConsole.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(CheckReport), { onExcessProperty: "error" })

/** Runs `muster check` with `--json` and gives the report too. */
const checked = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "out.json")
    const ended = yield* muster(["check", ...args, "--json", file])
    const text = readFileSync(file, "utf8")
    return { ...ended, text, report: yield* decode(text) }
  })

/** Wall times are all that may differ between two runs of the same seeds. */
const withoutWallTimes = (text: string) => text.replace(/("wallMs": |, )\d+( ms|,)/g, "$1_$2")

const refused = ({ code, stderr, stdout }: Ended, message: RegExp) => {
  assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "" }, stderr)
  assert.match(stderr, message)
  assert.notMatch(stderr, /^\s+at /m)
}

describe("muster check", () => {
  it.live("gives the same results for the same seeds", () =>
    Effect.gen(function* () {
      const sweep = checked(["P1", "P2", "P4", "--seeds", "20"])
      const [first, second] = yield* Effect.all([sweep, sweep])
      assert.deepStrictEqual([first.code, first.stderr], [0, ""])
      assert.strictEqual(withoutWallTimes(second.text), withoutWallTimes(first.text))
      assert.strictEqual(withoutWallTimes(second.stdout), withoutWallTimes(first.stdout))
      assert.deepStrictEqual(
        first.report.properties.map(({ id, runs, status }) => [id, status, runs]),
        [
          ["P1", "holds", 20],
          ["P2", "holds", 20],
          ["P4", "holds", 20]
        ]
      )
      const other = yield* checked(["P4", "--seeds", "20", "--seed", "20"])
      assert.notStrictEqual(other.report.properties[0]?.traceHash, first.report.properties[2]?.traceHash)
    })
  )

  it.live("tells a failure by a line that replays it byte for byte", () =>
    Effect.gen(function* () {
      const { code, report, stdout } = yield* checked(["P1", "--mutant", "racy-count", "--seeds", "200"])
      assert.strictEqual(code, 1)
      const failure = report.properties[0]?.failure
      const line = stdout.trimEnd().split("\n").at(-1) ?? ""
      assert.strictEqual(line, `replay: npx muster replay ${failure?.token}`)
      assert.isAtMost(line.length, 200)
      assert.include(stdout, `\n${failure?.message}\n`)

      const token = failure?.token ?? ""
      const [first, second] = yield* Effect.all([muster(["replay", token]), muster(["replay", token])], {
        concurrency: 2
      })
      assert.deepStrictEqual([first.code, first.stderr], [1, ""])
      assert.strictEqual(second.stdout, first.stdout)
      assert.strictEqual(first.stdout.trimEnd().split("\n").at(-1), failure?.message)
      assert.include(first.stdout, `trace ${failure?.traceHash}`)

      const parts = token.split(".")
      const with3 = (seed: string) => parts.with(3, seed).join(".")
      refused(yield* muster(["replay", with3("zz")]), /^muster: this program differs.*step/)
      refused(yield* muster(["replay", token.replace("P1+racy-count", "P2")]), /^muster: this program differs.*step/)
      refused(yield* muster(["replay", token.replace("racy-count", "none")]), /^muster: P1 has no mutant "none"/)
      refused(yield* muster(["replay", token.replace("P1", "P77")]), /^muster: there is no property "P77"/)
      refused(yield* muster(["replay", token.slice(0, 30)]), /^muster: .* is no whole token/)
    })
  )

  it.live("refuses what it cannot do before it does anything", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [[], /^muster: name the properties to check, or give --all\n$/],
        [["--all", "P1"], /^muster: .*not both\n$/],
        [["P99"], /^muster: there is no property "P99"; there are P1, /],
        [["P1", "--mutant", "none"], /^muster: P1 has no mutant "none"; it has racy-count, /],
        [["P1", "--seeds", "0"], /^muster: --seeds is 0, expected at least 1\n$/],
        [["P1", "--seeds", "abc"], /^muster: .*--seeds.*"abc".*\ntry: muster check --help\n$/],
        [
          ["P1", "--json", "/nonexistent/out.json"],
          /^muster: \/nonexistent\/out\.json: cannot be written: no such folder\n$/
        ]
      ]
      const ended = yield* Effect.forEach(wrong, ([args]) => muster(["check", ...args]), { concurrency: 2 })
      wrong.forEach(([, message], i) => {
        const each = ended[i]
        assert.isDefined(each)
        refused(each, message)
      })
    })
  )
})

describe("muster mutants", () => {
  it.live("tells after how many runs each wrong version is caught", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "mutants.json")
      const { code, stderr, stdout } = yield* muster(["mutants", "P4", "--json", file])
      assert.deepStrictEqual([code, stderr], [0, ""])
      const lines = stdout.trimEnd().split("\n")
      assert.isAtLeast(lines.length, 2)
      for (const line of lines) assert.match(line, /^caught P4 [a-z-]+ after \d+ runs?, \d+\.\d\d s: ./)
      const Mutants = Schema.Struct({
        mutants: Schema.Array(
          Schema.Struct({
            id: Schema.String,
            property: Schema.Literal("P4"),
            caught: Schema.Literal(true),
            runs: Schema.Int,
            seconds: Schema.Finite
          })
        )
      })
      const { mutants } = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Mutants))(readFileSync(file, "utf8"))
      assert.deepStrictEqual(
        mutants.map(({ id }) => id),
        lines.map((line) => line.split(" ")[2] ?? "")
      )
    })
  )

  it.live("fails when one is missed", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* muster(["mutants", "P4", "--seeds", "1"])
      assert.strictEqual(code, 1)
      assert.match(stdout, /^MISSED P4 /m)
    })
  )
})
