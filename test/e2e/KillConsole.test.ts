/** The command that kills a real console again and again, for a few times. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const tool = fileURLToPath(new URL("../../tools/killConsole.ts", import.meta.url))

const run = (...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | string | null | undefined; readonly output: string }>((resume) => {
    const child = execFile(process.execPath, [tool, ...args], (error, stdout, stderr) =>
      resume(Effect.succeed({ code: error === null ? 0 : error.code, output: stdout + stderr }))
    )
    return Effect.sync(() => child.kill("SIGTERM"))
  })

describe("a console that is killed under load", () => {
  it.live(
    "has all that it acknowledged when it is started again",
    () =>
      Effect.gen(function* () {
        const { code, output } = yield* run("--times", "2", "--seed", "7", "--seconds", "100")
        assert.strictEqual(code, 0, output)
        assert.match(output, /^2 kills, \d+ answered .*: all is there$/m)
      }),
    120_000
  )
})
