import { assert, describe, it } from "@effect/vitest"
import type { LogPiece } from "../../../core/fleet/NodeDriver.ts"
import * as FollowJoin from "../../../core/supervisor/FollowJoin.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)

const shown = (pieces: ReadonlyArray<LogPiece>) =>
  pieces.map((piece) => (piece._tag === "Gap" ? "<gap>" : new TextDecoder().decode(piece.bytes))).join("")

/** Connections, each of them the pieces of its body. */
const follow = (connections: ReadonlyArray<ReadonlyArray<string>>): string => {
  let state = FollowJoin.nothingYet
  let text = ""
  for (const [index, pieces] of connections.entries()) {
    if (index > 0) state = FollowJoin.reconnected(state)
    for (const piece of pieces) {
      const [next, out] = FollowJoin.join(state, utf8(piece))
      state = next
      text += shown(out)
    }
  }
  return text
}

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("")

/** How a connection begins while the log holds this. */
const newest = (log: string) => log.slice(-FollowJoin.firstBytesMax)

describe("joining what comes over several connections", () => {
  it("passes everything on once where the beginnings overlap", () => {
    const log = lines(0, 300)
    for (const at of [400, 900, 1_024, 1_500, 2_000]) {
      for (const added of [0, 1, 10, 500]) {
        const first = log.slice(0, at)
        const second = newest(log.slice(0, at + added))
        const overlaps = at + added <= FollowJoin.firstBytesMax || added <= FollowJoin.firstBytesMax - 32
        const expected = newest(first) + (overlaps ? log.slice(at, at + added) : "")
        assert.strictEqual(follow([[newest(first)], [second]]), expected, `${at} ${added}`)
        // The beginning may come in parts.
        const parts = [second.slice(0, 40), second.slice(40, 500), second.slice(500)]
        assert.strictEqual(follow([[newest(first)], parts]), expected, `${at} ${added} in parts`)
      }
    }
  })

  it("tells of a gap where more was written than a beginning holds", () => {
    const second = newest(lines(0, 400))
    assert.strictEqual(follow([[lines(0, 50)], [second]]), `${lines(0, 50)}<gap>${second}`)
  })

  it("passes on once what a log holds that was begun anew and is short", () => {
    const before = lines(0, 20)
    assert.strictEqual(follow([[before], ["short\n"], ["short\n"]]), `${before}<gap>short\n`)
    assert.strictEqual(follow([[before], ["short\n"], ["short\n", "more\n"]]), `${before}<gap>short\nmore\n`)
  })

  it("tells of a gap where the log is another, however much its first bytes look like it", () => {
    assert.strictEqual(
      follow([["tick\nsomething that was written before tick\n"], ["tick\n", "tock\n"]]),
      "tick\nsomething that was written before tick\n<gap>tick\ntock\n"
    )
    const before = lines(0, 20)
    const after = `${lines(0, 10)}other\n`
    assert.strictEqual(follow([[before], [after]]), `${before}<gap>${after}`)
    // Alike at first, and then not.
    assert.strictEqual(follow([[before], [lines(0, 10), "other\n"]]), `${before}<gap>other\n`)
  })

  it("knows that nothing is missing of a log that was empty", () => {
    assert.strictEqual(follow([[], ["first\n"]]), "first\n")
    assert.strictEqual(follow([[], [], ["x".repeat(1_024)]]), `<gap>${"x".repeat(1_024)}`)
  })
})
