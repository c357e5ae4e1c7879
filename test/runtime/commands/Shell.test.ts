/** The commands as programs of their own, against a real console with the demo fleet. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RealConsole from "../../support/RealConsole.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"

describe("the shell commands", () => {
  it.live(
    "show, restart and follow programs of a real console",
    () =>
      Effect.gen(function* () {
        const console = yield* RealConsole.start()
        yield* RealConsole.reaches(console, "RUNNING", "local", "demo", "ticker")
        const muster = (...args: ReadonlyArray<string>) => RealConsole.muster(args, { MUSTER_URL: console.url })
        const ps = yield* muster("ps", "local")
        assert.match(ps.stdout, /^NODE +PROCESS +STATE.*\nlocal +demo:steady +RUNNING +\d+ /)
        assert.notInclude(ps.stdout, "\u001b")
        const before = yield* console.process("local", "demo", "ticker")
        const restarted = yield* muster("restart", "local/demo:ticker")
        assert.strictEqual(restarted.code, 0, restarted.stdout + restarted.stderr)
        assert.match(restarted.stdout, /^done +local\/demo:ticker .*\nrestart, batch 1: 1 done\n$/)
        assert.notStrictEqual((yield* console.process("local", "demo", "ticker")).pid, before.pid)
        const tail = yield* muster("tail", "local", "demo:ticker", "-n", "1")
        assert.match(tail.stdout, /^\S+ tick \d+\n$/)
        const unknown = yield* muster("stop", "local/demo:nobody")
        assert.deepStrictEqual([unknown.code, unknown.stdout], [2, ""])
        assert.strictEqual(unknown.stderr, "muster: no process matches what was selected\n")
      }),
    60_000
  )

  it.live(
    "tell in one line that there is no console",
    () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* RealConsole.muster(["nodes", "--url", "http://127.0.0.1:1"])
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.match(stderr, /^muster: cannot reach a console at http:\/\/127\.0\.0\.1:1: [^\n]+\n$/)
      }),
    30_000
  )

  it.live(
    "keep what was compiled where the user keeps such things, unless that is not wanted",
    () =>
      Effect.gen(function* () {
        const [kept, refused] = [yield* temporaryFolder, yield* temporaryFolder]
        const version = (caches: string, set = "") =>
          RealConsole.shell(`unset NODE_COMPILE_CACHE; ${set} muster --version`, { XDG_CACHE_HOME: caches })
        assert.deepInclude(yield* version(kept), { code: 0, stderr: "" })
        assert.lengthOf(readdirSync(join(kept, "muster")), 1)
        assert.deepInclude(yield* version(refused, "NODE_DISABLE_COMPILE_CACHE=1"), { code: 0, stderr: "" })
        assert.isFalse(existsSync(join(refused, "muster")))
      }),
    30_000
  )
})
