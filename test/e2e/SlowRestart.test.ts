/** Restarts of programs that take 8 s to stop, over a real supervisord: none is started while its old run lasts. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { operate } from "../support/ConsoleOperation.ts"
import { reaches, start as startConsole } from "../support/RealConsole.ts"
import { itReal, start as startSupervisord } from "../support/RealSupervisord.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"

const names = ["first", "second", "third"] as const
const stopTakesMs = 8_000

/** Restarts of one program at the same time: the console runs them one after another. */
const restartsEach = 2

/** Writes its starts and stops, with process id and time, into a file of its own, and leaves 8 s after TERM. */
const script = `
log() { echo "$1 $$ $(date +%s%3N)" >> "$0.$name.log"; }
name=$1
trap 'sleep ${stopTakesMs / 1_000}; log stop; exit 0' TERM
log start
while :; do sleep 0.1; done
`

const programs = names
  .map(
    (name) => `
[program:${name}]
command=/bin/sh %(here)s/slow.sh ${name}
startsecs=1
stopwaitsecs=20
stopasgroup=false
`
  )
  .join("")

interface Noted {
  readonly what: string
  readonly pid: number
  readonly atMs: number
}

const readNotes = (folder: string, name: string): ReadonlyArray<Noted> =>
  readFileSync(join(folder, `slow.sh.${name}.log`), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [what = "", pid, atMs] = line.split(" ")
      return { what, pid: Number(pid), atMs: Number(atMs) }
    })

/** Asserts that each run ended before the next one began. Gives the process ids of the runs in order. */
const runsOneByOne = (notes: ReadonlyArray<Noted>): ReadonlyArray<number> => {
  const story = JSON.stringify(notes)
  const pids: Array<number> = []
  for (const [i, { atMs, pid, what }] of notes.entries()) {
    const before = notes[i - 1]
    assert.strictEqual(what, i % 2 === 0 ? "start" : "stop", story)
    assert.isAtLeast(atMs, before?.atMs ?? 0, story)
    if (what === "start") pids.push(pid)
    else assert.strictEqual(pid, before?.pid, story)
  }
  return pids
}

describe("restarts through muster serve of programs that take 8 s to stop", () => {
  itReal(
    "end with another run, which begins after the old one has ended",
    () =>
      Effect.gen(function* () {
        const node = yield* startSupervisord({ programs, files: { "slow.sh": script } })
        const password = JSON.stringify(Redacted.value(node.password))
        const file = yield* temporaryFile(
          "muster.toml",
          `[poll]\ninterval = "500ms"\n` +
            `[[nodes]]\nname = "node"\nurl = "${node.url}"\nusername = "user"\npassword = ${password}\n`
        )
        const console = yield* startConsole({ config: file })
        const pidsBefore = new Map<string, number>()
        for (const name of names) {
          pidsBefore.set(name, (yield* reaches(console, "RUNNING", "node", name, name)).pid)
        }
        const asked = names.flatMap((name) => Array.from({ length: restartsEach }, () => name))
        const startedMs = performance.now()
        const told = yield* Effect.forEach(
          asked,
          (name) =>
            Effect.map(operate(console.url, { kind: "restart", node: "node", group: name, name }), (answer) => {
              if (answer._tag === "refusal") assert.fail(`${name}: ${answer.status} ${answer.message}`)
              assert.deepInclude(answer.result, { outcome: "done", state: "RUNNING" }, JSON.stringify(answer))
              return { name, pid: answer.result.process.pid }
            }),
          { concurrency: "unbounded" }
        )
        // Those of different programs go on at the same time.
        const tookMs = performance.now() - startedMs
        assert.isAtLeast(tookMs, restartsEach * stopTakesMs)
        assert.isBelow(tookMs, (restartsEach + 1) * stopTakesMs)
        for (const name of names) {
          const pids = told.filter((each) => each.name === name).map(({ pid }) => pid)
          const runs = runsOneByOne(readNotes(node.folder, name))
          // Each restart made one run, told by the process id of that run.
          assert.sameMembers([...runs], [pidsBefore.get(name), ...pids])
          assert.strictEqual(runs.length, restartsEach + 1)
          assert.strictEqual(new Set(runs).size, runs.length)
        }
      }),
    { timeoutMs: 60_000 }
  )
})
