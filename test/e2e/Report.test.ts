/** `muster check --report` and `muster report` as processes: the files, and the exit status. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { CheckReport } from "../../reports/CheckReport.ts"
import { readCheckReport, readMutantsReport } from "../../reports/ReadResults.ts"
import { failed, property, report } from "../reports/SampleReport.ts"
import { muster } from "../support/RealConsole.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const names = ["index.html", "junit.xml", "results.json", "summary.md"]

/** Several processes that sweep a whole console, on a busy machine. */
const longMs = 120_000

const resultsIn = (folder: string): CheckReport => {
  const file = join(folder, "results.json")
  return Result.getOrThrow(readCheckReport(file, readFileSync(file, "utf8")))
}

const filesIn = (folder: string) =>
  Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]))

/** A file of results in a folder. */
const written = (folder: string, name: string, results: unknown): string => {
  const file = join(folder, name)
  writeFileSync(file, typeof results === "string" ? results : JSON.stringify(results))
  return file
}

describe("muster check --report", () => {
  it.live(
    "writes all files of a failure, and muster report the same from its results",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const [out, again, junit] = [join(folder, "new", "out"), join(folder, "again"), join(folder, "other.xml")]
        const mutant = ["--mutant", "set-changed-while-walked"]
        const args = ["check", "P3", ...mutant, "--seeds", "200", "--report", out, "--junit", junit]
        const { code } = yield* muster(args)
        assert.strictEqual(code, 1)
        assert.deepStrictEqual(readdirSync(out).toSorted(), names)
        const files = filesIn(out)
        const token = resultsIn(out).properties[0]?.failure?.token ?? ""
        assert.match(token, /^m2\.P3\/focus\+set-changed-while-walked\./)
        for (const name of ["index.html", "results.json"]) assert.include(files[name], token)
        for (const name of ["junit.xml", "summary.md"]) assert.include(files[name], "npx muster replay m2.P3")
        assert.strictEqual(readFileSync(junit, "utf8"), files["junit.xml"])

        const rendered = yield* muster(["report", join(out, "results.json"), "--out", again])
        assert.deepStrictEqual([rendered.code, rendered.stderr], [1, "muster: failed: P3+set-changed-while-walked\n"])
        assert.strictEqual(rendered.stdout, `0 of 1 property holds: ${join(again, "index.html")}\n`)
        assert.deepStrictEqual(filesIn(again), files)
      }),
    longMs
  )

  it.live("refuses a folder that cannot be written before it does anything", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = written(folder, "file", "")
      const ended = yield* muster(["check", "P4", "--report", file])
      assert.deepStrictEqual([ended.code, ended.stdout], [2, ""])
      assert.match(ended.stderr, /^muster: .*--report.*\n/)
      const nowhere = yield* muster(["check", "P4", "--junit", join(folder, "nowhere", "junit.xml")])
      assert.deepStrictEqual([nowhere.code, nowhere.stdout], [2, ""])
      assert.match(nowhere.stderr, /^muster: \S+\/junit\.xml: cannot be written: no such folder\n$/)
    })
  )
})

describe("muster report", () => {
  it.live(
    "makes one report of all shards",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const shards = ["1/2", "2/2"].map((shard, i) => ({ shard, file: join(folder, `${i}.json`) }))
        for (const { file, shard } of shards) {
          yield* muster(["check", "P4", "P12", "--seeds", "7", "--shard", shard, "--json", file])
        }
        const out = join(folder, "out")
        const { code, stdout } = yield* muster(["report", ...shards.map(({ file }) => file), "--out", out])
        assert.deepStrictEqual([code, stdout], [0, `2 of 2 properties hold: ${join(out, "index.html")}\n`])
        const merged = resultsIn(out)
        assert.deepStrictEqual(
          merged.properties.map(({ id, runs, status }) => [id, status, runs]),
          [
            ["P4", "holds", 7],
            ["P12", "holds", 7]
          ]
        )
        assert.isUndefined(merged.shard)
      }),
    longMs
  )

  it.live("adds what has changed and what mutants are caught", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [out, mutants] = [join(folder, "out"), join(folder, "mutants.json")]
      const now = written(folder, "now.json", report([failed("P1")]))
      const before = written(folder, "before.json", report([property("P1")], { version: "0.0.9" }))
      const tried = yield* muster(["mutants", "P4", "--json", mutants])
      assert.strictEqual(tried.code, 0, tried.stderr)
      const { mutants: all } = Result.getOrThrow(readMutantsReport(mutants, readFileSync(mutants, "utf8")))
      assert.isTrue(all.every(({ caught, property: id, what }) => caught && id === "P4" && what !== ""))

      const { code } = yield* muster(["report", now, "--against", before, "--mutants", mutants, "--out", out])
      assert.strictEqual(code, 1)
      const summary = filesIn(out)["summary.md"]
      assert.include(summary, "### Against muster 0.0.9, seed 0, 20 seeds\n\n- **newly failing**: P1\n")
      assert.include(summary, `### Mutants: ${all.length} of ${all.length} caught within 1000 runs\n`)
    })
  )

  it.live("refuses what it cannot read or put together, naming file and field", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const whole = written(folder, "whole.json", report([property("P1")]))
      const half = written(folder, "half.json", report([property("P1")], { shard: "1/2" }))
      const old = written(folder, "old.json", { ...report([]), format: 2 })
      const bad = written(folder, "bad.json", report([{ ...property("P1"), runs: 0.5 }]))
      const out = join(folder, "out")
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [[], /results/],
        [[join(folder, "nothing")], /nothing: cannot be read: no such file/],
        [[whole, whole], /all seeds in more than one file: \S+whole\.json, \S+whole\.json/],
        [[half], /shard 2\/2 is missing/],
        [[old], /old\.json: format: it is 2, and this version reads format 4/],
        [[bad], /bad\.json: properties\[0\]\.runs: /],
        [[whole, "--against", old], /old\.json: format: /],
        [[whole, "--mutants", whole], /whole\.json: not results of muster mutants --json/]
      ]
      const ended = yield* Effect.forEach(wrong, ([args]) => muster(["report", ...args, "--out", out]), {
        concurrency: 2
      })
      wrong.forEach(([args, message], i) => {
        const { code, stderr, stdout } = ended[i] ?? { code: 0, stderr: "", stdout: "" }
        assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
        assert.match(stderr, message)
        assert.match(stderr, /^muster: /)
        assert.notMatch(stderr, /^\s+at /m)
      })
      assert.notInclude(readdirSync(folder), "out")
    })
  )
})
