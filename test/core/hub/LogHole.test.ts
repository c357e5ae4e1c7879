import { assert, describe, it } from "@effect/vitest"
import type { FollowedPiece } from "../../../core/domain/Log.ts"
import { look } from "../../../core/hub/LogHole.ts"
import type { Told } from "../../../core/hub/LogHole.ts"
import { logOf } from "./FakeClient.ts"

const told = (following: number, number: number, isOver = false): Told => ({ following, number, isOver })

const piece = (following: number, number: number, what: Pick<FollowedPiece, "text" | "note">): FollowedPiece => ({
  type: "log",
  ...logOf("web"),
  ...what,
  place: { following, number }
})
const text = { text: "a" } as const
const reminder = {} as const
const ended = { note: "ended" } as const

describe("a piece of a followed log", () => {
  it.each([
    ["is the first one", undefined, piece(1, 1, text), told(1, 1), "new"],
    ["comes after the one before it", told(1, 4), piece(1, 5, text), told(1, 5), "new"],
    ["ends the following", told(1, 4), piece(1, 5, ended), told(1, 5, true), "new"],
    ["comes after a hole", told(1, 4), piece(1, 6, text), told(1, 6), "hole, new"],
    ["is not the first, and is all that came", undefined, piece(1, 3, text), told(1, 3), "hole, new"],
    ["was told already", told(1, 5, true), piece(1, 5, ended), told(1, 5, true), "old"],
    ["reminds of what was told", told(1, 5), piece(1, 5, reminder), told(1, 5), "old"],
    ["reminds of less than was told", told(1, 5), piece(1, 4, reminder), told(1, 5), "old"],
    ["reminds of one that was lost", told(1, 4), piece(1, 5, reminder), told(1, 5), "hole"],
    ["reminds of a beginning that was lost", undefined, piece(1, 2, reminder), told(1, 2), "hole"],
    ["is of an earlier following", told(2, 1), piece(1, 9, text), told(2, 1), "old"],
    ["is of a later following, the one before was not over", told(1, 9), piece(2, 1, text), told(2, 1), "hole, new"],
    ["is of a later following, the one before was over", told(1, 9, true), piece(2, 1, text), told(2, 1), "new"],
    ["is of a later following, not the first", told(1, 9, true), piece(2, 2, text), told(2, 2), "hole, new"]
  ] as const)("that %s", (_, before, next, after, what) => {
    const { isHole, isNew, told: now } = look(before, next)
    assert.deepStrictEqual(now, after)
    const found = [...(isHole ? ["hole"] : []), ...(isNew ? ["new"] : [])].join(", ")
    assert.strictEqual(found === "" ? "old" : found, what)
  })
})
