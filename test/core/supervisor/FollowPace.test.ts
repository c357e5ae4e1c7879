import { assert, describe, it } from "@effect/vitest"
import { delayMs, freshPace, isOver, pace, paceLimits, type PaceState } from "../../../core/supervisor/FollowPace.ts"

describe("pace of connecting again", () => {
  it("doubles with each failure in a row, up to a limit, and begins anew with bytes", () => {
    let state: PaceState = freshPace
    const delays: Array<number> = []
    for (let i = 0; i < 7; i++) {
      delays.push(delayMs(state, 0))
      state = pace(state, { _tag: "Failed", nowMs: 0 })
    }
    assert.deepStrictEqual(delays, [0, 200, 400, 800, 1_600, 3_200, 5_000])
    state = pace(pace(pace(state, { _tag: "Answered" }), { _tag: "Received" }), { _tag: "Lost", nowMs: 9 })
    assert.strictEqual(delayMs(state, 9), 200)
  })

  it("keeps to so many connections in a minute, however they end", () => {
    let state: PaceState = freshPace
    let nowMs = 0
    const opened: Array<number> = []
    for (let i = 0; i < 100; i++) {
      nowMs += delayMs(state, nowMs)
      opened.push(nowMs)
      for (const _tag of ["Opening", "Answered", "Received", "Lost"] as const) state = pace(state, { _tag, nowMs })
    }
    for (const at of opened) {
      const minute = opened.filter((other) => other > at - paceLimits.minuteMs && other <= at)
      assert.isAtMost(minute.length, paceLimits.perMinuteMax)
    }
    assert.isAtMost(state.openedMs.length, paceLimits.perMinuteMax)
  })

  it("gives up a node that was away for long, from the moment it was lost", () => {
    const lost = pace(pace(freshPace, { _tag: "Answered" }), { _tag: "Lost", nowMs: 1_000 })
    const failed = pace(lost, { _tag: "Failed", nowMs: 5_000 })
    assert.isFalse(isOver(failed, 10_999, 10_000))
    assert.isTrue(isOver(failed, 11_000, 10_000))
    assert.isFalse(isOver(pace(failed, { _tag: "Answered" }), 99_000, 10_000))
  })
})
