/** Consoles of this machine that are killed, and what their next lives do about what they have left. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import type { ProgramConfigInput } from "../../../core/local/ProgramConfig.ts"
import { killMarked, marked, newMark } from "../../../runtime/real/MarkedProcesses.ts"
import { eventually, isRunning } from "./RealProcesses.ts"

const script = fileURLToPath(new URL("./ConsoleOfPrograms.ts", import.meta.url))

const deaf = "trap '' TERM; while :; do sleep 0.2; done"

const programs: ReadonlyArray<ProgramConfigInput> = [
  { name: "plain", command: ["sh", "-c", "while :; do sleep 0.2; done"] },
  { name: "deaf", command: ["sh", "-c", deaf] },
  // It leaves its session and its group, and its parent.
  { name: "daemon", command: ["sh", "-c", `setsid sh -c "${deaf}" & exec sleep 1000`] }
].map((program) => ({ ...program, startsecs: 0.1, stopwaitsecs: 0.5 }))

/** A life of a console: the pids of its programs, and how to kill it. */
const life = Effect.fnUntraced(function* (mark: ReturnType<typeof newMark>, instance: string) {
  const console: ChildProcess = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [script, JSON.stringify(programs), instance], {
        env: { ...process.env, ...mark },
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let printed = ""
  console.stdout?.setEncoding("utf8").on("data", (text: string) => (printed += text))
  const line = yield* eventually(
    Effect.sync(() => printed),
    (text) => text.endsWith("\n")
  )
  const own = console.pid ?? 0
  return {
    pids: line.trim().split(" ").map(Number),
    /** Whatever runs under it or under an earlier life, without itself. */
    descendants: Effect.sync(() => marked(mark).filter((pid) => pid !== own)),
    kill: Effect.andThen(
      Effect.sync(() => console.kill("SIGKILL")),
      eventually(isRunning(own), (running) => !running)
    )
  }
})

const markedLives = Effect.acquireRelease(Effect.sync(newMark), killMarked)

const running = (pids: ReadonlyArray<number>) => Effect.filter(pids, isRunning)

describe("a console that is killed by kill -9", () => {
  it.live(
    "leaves its programs running, and its next life ends them before it starts its own",
    () =>
      Effect.gen(function* () {
        const mark = yield* markedLives
        const first = yield* life(mark, "here")
        const left = yield* eventually(first.descendants, (pids) => pids.length >= 4)
        yield* first.kill
        assert.deepStrictEqual(yield* running(first.pids), first.pids)
        const second = yield* life(mark, "here")
        assert.deepStrictEqual(yield* running(first.pids), [])
        assert.deepStrictEqual(yield* running(second.pids), second.pids)
        // Their short-lived children aside, nothing of the first life is there any more, not even the daemon.
        const now = yield* second.descendants
        assert.deepStrictEqual(
          left.filter((pid) => now.includes(pid)),
          []
        )
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    40_000
  )

  it.live(
    "loses nothing to a console of another name, and a living one loses nothing to any",
    () =>
      Effect.gen(function* () {
        const mark = yield* markedLives
        const killed = yield* life(mark, "here")
        const living = yield* life(mark, "there")
        yield* killed.kill
        const other = yield* life(mark, "there")
        const pids = [...killed.pids, ...living.pids, ...other.pids]
        assert.deepStrictEqual(yield* running(pids), pids)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    40_000
  )
})
