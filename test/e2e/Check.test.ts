/** `muster check`, `replay`, `explore` and `mutants` as processes: results, exit status, failures that come back. */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { CheckReport } from "../../reports/CheckReport.ts"
import { findSubject, sweep } from "../../scenarios/Sweep.ts"
import { plannerNamed } from "../../sim/strategies/Strategies.ts"
import { type Ended, muster } from "../support/RealConsole.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(CheckReport), { onExcessProperty: "error" })

/** Several processes that sweep or shrink a whole console, on a busy machine. */
const longMs = 120_000

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

const launcher = fileURLToPath(new URL("../../bin/muster.js", import.meta.url))

/** Runs `muster` and sends it a signal as soon as its output matches; gives how it ended. */
const signalled = (args: ReadonlyArray<string>, signal: NodeJS.Signals, when: RegExp) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string }>((resume) => {
    const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "inherit"] })
    let stdout = ""
    let isSent = false
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      if (!isSent && when.test(stdout)) isSent = child.kill(signal)
    })
    child.on("close", (code) => resume(Effect.succeed({ code, stdout })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const refused = ({ code, stderr, stdout }: Ended, message: RegExp) => {
  assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "" }, stderr)
  assert.match(stderr, message)
  assert.notMatch(stderr, /^\s+at /m)
}

describe("muster check", () => {
  it.live(
    "gives the same results for the same seeds, in another process and on any number of threads",
    () =>
      Effect.gen(function* () {
        const checkedOn = (workers: string) => checked(["P9", "P11", "P12", "--seeds", "5", "--workers", workers])
        const [first, second, onTwo] = yield* Effect.all([checkedOn("1"), checkedOn("1"), checkedOn("2")])
        assert.deepStrictEqual([first.code, first.stderr], [0, ""])
        for (const other of [second, onTwo]) {
          assert.strictEqual(withoutWallTimes(other.text), withoutWallTimes(first.text))
          assert.strictEqual(withoutWallTimes(other.stdout), withoutWallTimes(first.stdout))
        }
        assert.deepStrictEqual(
          first.report.properties.map(({ id, runs, status }) => [id, status, runs]),
          [
            ["P9", "holds", 5],
            ["P11", "holds", 5],
            ["P12", "holds", 5]
          ]
        )
        const other = yield* checked(["P12", "--seeds", "5", "--seed", "5"])
        assert.notStrictEqual(other.report.properties[0]?.traceHash, first.report.properties[2]?.traceHash)
      }),
    longMs
  )

  it.live(
    "shares the seeds out by shards, which together do them all",
    () =>
      Effect.gen(function* () {
        const shards = yield* Effect.forEach(["1/3", "2/3", "3/3"], (shard) =>
          checked(["P4", "--seeds", "20", "--shard", shard])
        )
        assert.deepStrictEqual(
          shards.map(({ report }) => [report.shard, report.properties[0]?.runs]),
          [
            // The one run over the whole console is the first one's.
            ["1/3", 8],
            ["2/3", 6],
            ["3/3", 6]
          ]
        )
        const traces = new Set(shards.map(({ report }) => report.properties[0]?.traceHash))
        assert.strictEqual(traces.size, 3)
      }),
    longMs
  )

  it.live("tells what was done so far when it is interrupted", () =>
    Effect.gen(function* () {
      for (const [workers, signal, status] of [
        ["1", "SIGINT", 130],
        ["2", "SIGTERM", 143]
      ] as const) {
        const file = join(yield* temporaryFolder, "out.json")
        // When the line of the first is there the second has begun, with as many seeds, which take it much longer.
        const args = ["check", "P4", "P2", "--seeds", "40", "--workers", workers, "--json", file]
        const { code, stdout } = yield* signalled(args, signal, /^holds  P4 .*\n/)
        assert.strictEqual(code, status)
        assert.match(stdout, /^holds  P4 .*\nended  P2 .* runs?, .*\n$/)
        const report = yield* decode(readFileSync(file, "utf8"))
        const [whole, part] = report.properties
        assert.deepStrictEqual([whole?.status, whole?.runs, part?.status], ["holds", 40, "interrupted"])
        assert.isBelow(part?.runs ?? 40, 40)
      }
    })
  )

  it.live("ends in time when time is what it was given", () =>
    Effect.gen(function* () {
      const { code, report } = yield* checked(["P4", "--time", "2s"])
      const [property] = report.properties
      assert.deepStrictEqual([code, property?.status, report.seeds], [0, "holds", undefined])
      assert.isAbove(property?.runs ?? 0, 0)
    })
  )

  it.live(
    "tells a failure by a line that replays it byte for byte",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = join(folder, "out.json")
        const { code, stdout } = yield* muster([
          "check",
          "P11",
          "--mutant",
          "permanent-retried",
          "--seeds",
          "200",
          "--json",
          file
        ])
        assert.strictEqual(code, 1)
        const report = yield* decode(readFileSync(file, "utf8"))
        const failure = report.properties[0]?.failure
        assert.isDefined(failure)
        const { deviations, message, shrunkDeviations = 0, shrunkToken = "", story, token } = failure
        const line = stdout.trimEnd().split("\n").at(-1) ?? ""
        const isShort = `replay: npx muster replay ${shrunkToken}`.length <= 200
        assert.strictEqual(line, `replay: npx muster replay ${isShort ? shrunkToken : `${token} --shrink`}`)
        assert.isAtMost(line.length, 200)
        assert.include(stdout, `\n${message}\n${story}\n`)
        assert.match(story, /^ *1\. /m)
        assert.isAtMost(shrunkDeviations, deviations)

        const replay = (...args: ReadonlyArray<string>) => muster(["replay", ...args])
        const [first, second] = yield* Effect.all([replay(token), replay(token)], { concurrency: 2 })
        assert.deepStrictEqual([first.code, first.stderr], [1, ""])
        assert.strictEqual(second.stdout, first.stdout)
        assert.include(first.stdout, `=> ${message}\n`)
        assert.include(first.stdout, `trace ${failure.traceHash}`)

        const [shrunk, again, ofFile] = yield* Effect.all([
          replay(shrunkToken),
          replay(token, "--shrink"),
          replay(file)
        ])
        assert.include(shrunk.stdout, `${story}\n`)
        assert.strictEqual(again.stdout, `${shrunk.stdout}shrunk: npx muster replay ${shrunkToken}\n`)
        assert.deepStrictEqual([ofFile.code, ofFile.stdout], [1, shrunk.stdout])

        const cut = yield* replay(token, "--until", "300", "--last", "3")
        assert.strictEqual(cut.code, 0)
        assert.match(
          cut.stdout,
          /^\.\. \d+ stretches before these\n(step .*\n){3}P11\/focus\+permanent-retried .*: stopped after 300 steps/
        )
      }),
    longMs
  )

  it.live("refuses what it cannot do before it does anything", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [[], /^muster: name the properties to check, or give --all\n$/],
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

describe("muster explore", () => {
  it.live("tells up to which bound every schedule was run", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* muster(["explore", "P4", "--preemptions", "2", "--max-runs", "30"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^P4 .*: 30 runs, .*\nnot complete: .* was run, and none of these fails; --max-runs /)
    })
  )

  it.live(
    "stops at a schedule that fails, and shows it",
    () =>
      Effect.gen(function* () {
        // A seed whose values let the canonical schedule fail, which is the first that is run.
        const planner = plannerNamed("list-AA")
        assert.isDefined(planner)
        const subject = Result.getOrThrow(findSubject("P11/focus+permanent-retried"))
        const { failure } = sweep(subject, { runs: 1_000, seed: 0, planner, shrink: false })
        const args = ["explore", subject.name, "--preemptions", "2", "--seed", `${failure?.seed}`]
        const { code, stdout } = yield* muster(args)
        assert.strictEqual(code, 1)
        assert.match(stdout, /^P11\/focus\+permanent-retried .*\nFAILED failed: .* was tried again after \w+/)
        assert.match(stdout, /\nreplay: npx muster replay m2\.P11\/focus\+permanent-retried\.\S+( --shrink)?\n$/)
      }),
    longMs
  )

  it.live("refuses to go without a bound", () =>
    Effect.gen(function* () {
      refused(yield* muster(["explore", "P4"]), /^muster: .*--preemptions.*\n/)
    })
  )
})
