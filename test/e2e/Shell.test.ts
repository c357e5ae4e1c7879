/** The shell commands as an operator types them, against a console with programs whose names and words are unusual. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { reaches, shell, start } from "../support/RealConsole.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"

const config = `
[[programs]]
name = "ticker"
command = ["sh", "-c", "while :; do echo tick; sleep 0.05; done"]
[[programs]]
name = "日本語"
group = "grüppe"
command = ["sh", "-c", "printf 'a\\\\033[2Jb\\\\001\\\\n'; exec sleep 1000"]
[[programs]]
name = "ünï🦀"
group = "grüppe"
command = "sleep 1000"
[[programs]]
name = "missing"
command = ["/nonexistent/\\u001b[31mprogram\\u0085\\u202e"]
startretries = 0
`

/** A console with these programs, and a line of shell that talks to it. */
const operator = Effect.gen(function* () {
  const console = yield* start({ config: yield* temporaryFile("muster.toml", config) })
  yield* reaches(console, "RUNNING", "local", "ticker", "ticker")
  yield* reaches(console, "RUNNING", "local", "grüppe", "日本語")
  yield* reaches(console, "FATAL", "local", "missing", "missing")
  return { console, type: (line: string) => shell(line, { MUSTER_URL: console.url }) }
})

describe("the shell commands of an operator", () => {
  it.live(
    "show names in any script, and no control character of a program",
    () =>
      Effect.gen(function* () {
        const { type } = yield* operator
        const { code, stdout } = yield* type("muster ps")
        assert.strictEqual(code, 0)
        assert.notMatch(stdout, /[^\P{Cc}\n]|\u202e/u)
        // On a terminal these take two columns each, and the letters before them one.
        const lines = stdout.split("\n")
        assert.match(lines.find((line) => line.includes("日本語")) ?? "", /日本語 {4}RUNNING/)
        assert.match(lines.find((line) => line.includes("ünï🦀")) ?? "", /ünï🦀 {5}RUNNING/)
        assert.match(lines.find((line) => line.includes("missing")) ?? "", /missing:missing {2}FATAL/)

        const restarted = yield* type("muster restart 'local/grüppe:*'")
        assert.strictEqual(restarted.code, 0, restarted.stderr)
        assert.match(restarted.stdout, /2 done\n$/)
        const failed = yield* type("muster start local/missing:missing")
        assert.strictEqual(failed.code, 1)
        assert.notMatch(failed.stdout + failed.stderr, /[^\P{Cc}\n]|\u202e/u)
      }),
    60_000
  )

  it.live(
    "print JSON and nothing else when asked for it",
    () =>
      Effect.gen(function* () {
        const { type } = yield* operator
        const lines = [
          "nodes",
          "ps",
          "ps local",
          "restart 'local/grüppe:*'",
          "stop 'local/grüppe:*' --dry-run",
          "start local/missing:missing",
          "signal USR2 'local/grüppe:ünï🦀'",
          "batches",
          "batches 1",
          "tail local grüppe:日本語",
          "update local --dry-run"
        ]
        for (const line of lines) {
          const { stdout } = yield* type(`muster ${line} --json`)
          assert.doesNotThrow(() => {
            JSON.parse(stdout)
          }, `${line}: ${stdout}`)
        }
      }),
    60_000
  )

  it.live(
    "end with whoever reads them, and fail when what they say cannot be written",
    () =>
      Effect.gen(function* () {
        const { type } = yield* operator
        const followed = yield* type("muster tail -f local ticker | head -1")
        assert.deepInclude(followed, { code: 0, stdout: "tick\n", stderr: "" })
        const listed = yield* type("muster ps --json | head -1")
        assert.deepInclude(listed, { code: 0, stdout: "[\n", stderr: "" })
        for (const line of ["ps", "nodes --json", "tail local ticker"]) {
          const { code, stderr } = yield* type(`muster ${line} >/dev/full`)
          assert.strictEqual(code, 1, line)
          assert.match(stderr, /^muster: cannot write: ENOSPC[^\n]*\n$/)
        }
      }),
    60_000
  )
})
