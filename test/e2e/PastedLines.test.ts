/**
 * The line that a failure ends with, pasted into a fresh process, does the same run again; so does each of its
 * tokens.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { CheckReport } from "../../reports/CheckReport.ts"
import { parseToken } from "../../sim/Token.ts"
import { muster } from "../support/RealConsole.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(CheckReport))

/** Finding, shrinking and doing again a run of a whole console, on a busy machine. */
const longMs = 240_000

/** What the last line of an output says. */
const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? ""

const hashIn = (text: string): string | undefined => /, trace ([0-9a-f]{16})$/m.exec(text)?.[1]

describe("the line that replays a failure", () => {
  for (const [property, mutant] of [["P11", "permanent-retried"]] as const) {
    it.live(
      `does the run of ${property} with ${mutant} again, step by step`,
      () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const file = join(folder, "out.json")
          const found = yield* muster(["check", property, "--mutant", mutant, "--seeds", "300", "--json", file])
          assert.deepStrictEqual([found.code, found.stderr], [1, ""])
          const { failure } = (yield* decode(readFileSync(file, "utf8"))).properties[0] ?? {}
          assert.isDefined(failure)
          const { picture, shrunkToken = "", token, traceHash } = failure
          const shrunkHash = (yield* Effect.fromResult(parseToken(shrunkToken))).traceHash
          assert.deepStrictEqual([picture?.token, picture?.traceHash], [shrunkToken, shrunkHash])

          const pasted = /^replay: npx muster (.*)$/.exec(lastLine(found.stdout))?.[1] ?? ""
          const page = join(folder, "run.html")
          const lines = [pasted.split(" "), ["replay", token], ["replay", shrunkToken, "--html", page]]
          const replayed = yield* Effect.forEach(lines, (args) => muster(args))
          assert.deepStrictEqual(
            replayed.map(({ code, stderr, stdout }) => [code, stderr, hashIn(stdout)]),
            [
              [1, "", shrunkHash],
              [1, "", traceHash],
              [1, "", shrunkHash]
            ]
          )
          const html = readFileSync(page, "utf8")
          assert.match(html, /^<!doctype html>/i)
          assert.include(html, `${property}/focus+${mutant}`)
        }),
      longMs
    )
  }
})
