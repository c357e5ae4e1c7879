/** `muster tail` as its user sees it, and what of a followed log is shown. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { UnknownProcess } from "../../../core/fleet/Fleet.ts"
import type { LogRange } from "../../../core/fleet/NodeDriver.ts"
import { before, newest, step } from "../../../runtime/commands/FollowedText.ts"
import type { FollowInput } from "../../../runtime/commands/FollowedText.ts"
import { muster, serve } from "./FakeConsole.ts"

const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join("")

/** A fleet with one log of this text. */
const fleetWith = (text: string, asked: Array<unknown> = []) => ({
  readLog: (log: { readonly node: string; readonly group: string; readonly name: string }, range: LogRange) =>
    Effect.suspend(() => {
      asked.push({ ...log, ...range })
      const { group, name, node } = log
      if (name === "nope") return Effect.fail(new UnknownProcess({ node, group, name }))
      const offset = Math.max(0, text.length - range.lengthBytesMax)
      const size = text.length
      return Effect.succeed({
        text: text.slice(offset),
        offset,
        next: size,
        size,
        gap: 0,
        rotated: false,
        lossy: false
      })
    })
})

describe("muster tail", () => {
  it.live("prints the newest lines, or bytes", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const url = yield* serve({ fleet: fleetWith(lines(100), asked) })
      const tail = (...args: ReadonlyArray<string>) =>
        Effect.map(muster(["tail", "web", "app:api", ...args, "--url", url]), ({ out }) => out.join("\n"))
      assert.strictEqual(yield* tail(), lines(100).slice(lines(90).length))
      assert.strictEqual(yield* tail("--lines", "2"), "line 99\nline 100\n")
      assert.strictEqual(yield* tail("--bytes", "4"), "100\n")
      assert.strictEqual(yield* tail("-n", "1000", "--stderr"), lines(100))
      const log = { node: "web", group: "app", name: "api", from: "end" }
      assert.deepStrictEqual(asked.at(-1), { ...log, channel: "stderr", lengthBytesMax: 65_536 })
      assert.include(yield* tail("--json"), '"size": 792')
    })
  )

  it.live("reads on when the newest bytes hold too few lines", () =>
    Effect.gen(function* () {
      const long = `${"x".repeat(50_000)}\n`.repeat(4)
      const { out } = yield* muster([
        "tail",
        "web",
        "api",
        "-n",
        "3",
        "--url",
        yield* serve({ fleet: fleetWith(long) })
      ])
      assert.strictEqual(out.join("\n").length, 3 * 50_001)
    })
  )

  it.live("refuses what it does not understand with status 2", () =>
    Effect.gen(function* () {
      const url = yield* serve({ fleet: fleetWith("") })
      const table: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["web", "app:nope"], /the node has no such process: web app nope/],
        [["web", "a/b"], /a\/b is no process, expected group:name/],
        [["web", "app:api", "--lines", "1", "--bytes", "1"], /not both/],
        [["web", "app:api", "--lines=-1"], /--lines is -1/],
        [["web", "app:api", "--bytes", "0"], /--bytes is 0/]
      ]
      for (const [args, message] of table) {
        const { err, status } = yield* muster(["tail", ...args, "--url", url])
        assert.strictEqual(status, 2)
        assert.match(err.join("\n"), message)
      }
    })
  )
})

const log = { type: "log", node: "web", group: "app", name: "api", channel: "stdout" }

describe("muster tail -f", () => {
  it.live("shows what was there, then what comes, and tells of gaps and of the end", () =>
    Effect.gen(function* () {
      const frames: Array<unknown> = []
      const url = yield* serve(
        { fleet: fleetWith("read before\n") },
        {
          answers: (frame) => {
            frames.push(frame)
            if (frames.length === 1) return [{ type: "subscribed" }, { type: "ping" }]
            return [
              { ...log, text: "old 1\nold 2\n" },
              { ...log, name: "other", text: "not mine\n" },
              { ...log, note: "began" },
              { ...log, text: "new 1\n" },
              { ...log, note: "gap", detail: "it was too fast" },
              { ...log, text: "new 2\n" },
              { ...log, note: "ended", detail: "no such\u001b[2J process" }
            ]
          }
        }
      )
      const { err, out, status } = yield* muster(["tail", "web", "app:api", "-f", "-n", "1", "--url", url])
      assert.deepStrictEqual(frames[0], {
        type: "subscribe",
        topics: ["log"],
        logs: [{ node: "web", group: "app", name: "api", channel: "stdout" }]
      })
      assert.deepStrictEqual(frames.slice(1, 2), [{ type: "pong" }])
      assert.strictEqual(out.join("\n"), "old 2\nnew 1\nnew 2\n")
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(
        err.filter((line) => line !== ""),
        ["muster: text was lost, or comes again: it was too fast", "nothing more comes: no such\\u001b[2J process"]
      )
    })
  )

  it.live("shows what was read before when the console sends nothing of it, and says why it ends", () =>
    Effect.gen(function* () {
      const url = yield* serve(
        { fleet: fleetWith(lines(3)) },
        {
          answers: () => [{ ...log, note: "began" }],
          close: { code: 1001, reason: "the console shuts down" }
        }
      )
      const { err, out, status } = yield* muster(["tail", "web", "app:api", "-f", "-n", "2", "--url", url])
      assert.strictEqual(out.join("\n"), "line 2\nline 3\n")
      assert.strictEqual(status, 1)
      assert.match(err.join("\n"), /^the connection to the console at .* ended: the console shuts down$/m)
    })
  )

  it.live("says so when the console refuses to follow", () =>
    Effect.gen(function* () {
      const url = yield* serve(
        { fleet: fleetWith("") },
        { answers: () => [{ type: "error", code: "too_many_logs", message: "at most 4 logs" }] }
      )
      const { err, status } = yield* muster(["tail", "web", "app:api", "-f", "--url", url])
      assert.strictEqual(status, 1)
      assert.match(err.join("\n"), /refused: at most 4 logs/)
    })
  )
})

describe("the followed text", () => {
  it("of a log that others follow is what was read before, then what came", () => {
    let state = before("a\nb\n", { unit: "lines", count: 1 })
    let shown = ""
    const put = (input: FollowInput) => {
      const [next, text] = step(state, input)
      state = next
      shown += text
    }
    put({ _tag: "Began" })
    put({ _tag: "Text", text: "c" })
    put({ _tag: "Began" })
    put({ _tag: "Text", text: "d" })
    assert.strictEqual(shown, "b\ncd")
  })

  it("cuts whole lines, and whole characters", () => {
    const cases = [
      ["a\nb\nc", 2, "b\nc"],
      ["a\nb\nc\n", 2, "b\nc\n"],
      ["a\n\n", 1, "\n"],
      ["a", 5, "a"],
      ["", 1, ""],
      ["\n", 1, "\n"],
      ["a\nb\n", 0, ""]
    ] as const
    for (const [text, count, expected] of cases) assert.strictEqual(newest(text, { unit: "lines", count }), expected)
    assert.strictEqual(newest("a€b", { unit: "bytes", count: 3 }), "b")
    assert.strictEqual(newest("a€b", { unit: "bytes", count: 4 }), "€b")
    assert.strictEqual(newest("ab", { unit: "bytes", count: 9 }), "ab")
  })
})
