import { assert, describe, it } from "@effect/vitest"
import type { ConnectionMode } from "../../../core/supervisor/Connection.ts"
import { choiceLimits, chooseNext, initialChoice, pollMode } from "../../../core/supervisor/ConnectionChoice.ts"

/** Polls a node that answers so fast over each kind; gives the choice and what each poll went over. */
const measure = (tookMs: Readonly<Record<ConnectionMode, number>>, version?: string) => {
  let state = initialChoice
  const modes: Array<ConnectionMode> = []
  for (let nowMs = 0; state.decidedMs === undefined; nowMs += 1_000) {
    const mode = pollMode(state, nowMs)
    modes.push(mode)
    // One of them is an outlier.
    const took = modes.length <= 2 ? 5_000 : tookMs[mode]
    state = chooseNext(state, { _tag: "Polled", mode, tookMs: took, nowMs }, version)
  }
  return { state, modes }
}

describe("choice of connections", () => {
  it("measures both turn about, and takes the one that answers sooner", () => {
    const { modes, state } = measure({ fresh: 1, "keep-alive": 44 }, "4.3.0")
    assert.deepStrictEqual(modes, ["fresh", "keep-alive", "fresh", "keep-alive", "fresh", "keep-alive"])
    assert.strictEqual(state.mode, "fresh")
    assert.strictEqual(measure({ fresh: 20, "keep-alive": 4 }, "4.3.0").state.mode, "keep-alive")
  })

  it("keeps a connection where that costs about the same", () => {
    assert.strictEqual(measure({ fresh: 10, "keep-alive": 11 }).state.mode, "keep-alive")
    assert.strictEqual(measure({ fresh: 10, "keep-alive": 13 }).state.mode, "fresh")
  })

  it("keeps a connection to a version that may spin, unless that is slower beyond measure", () => {
    for (const version of ["4.2.5", "4.2.1", "3.3.1"]) {
      assert.strictEqual(measure({ fresh: 1, "keep-alive": 44 }, version).state.mode, "keep-alive")
      assert.strictEqual(measure({ fresh: 60, "keep-alive": 376 }, version).state.mode, "keep-alive")
      assert.strictEqual(measure({ fresh: 2, "keep-alive": 100 }, version).state.mode, "fresh")
    }
    for (const version of ["4.3.0", "v0.7.3", ""]) {
      assert.strictEqual(measure({ fresh: 1, "keep-alive": 44 }, version).state.mode, "fresh")
    }
  })

  it("is measured again after a while, and holds until that is complete", () => {
    const { state } = measure({ fresh: 1, "keep-alive": 44 })
    const decidedMs = state.decidedMs ?? 0
    const dueMs = decidedMs + choiceLimits.measureEveryMs
    assert.strictEqual(pollMode(state, dueMs - 1), "fresh")
    const event = { _tag: "Polled", mode: "fresh", tookMs: 50, nowMs: dueMs } as const
    const next = chooseNext(state, event, undefined)
    assert.strictEqual(pollMode(next, dueMs), "keep-alive")
    assert.strictEqual(next.mode, "fresh")
    assert.strictEqual(chooseNext(state, { ...event, nowMs: dueMs - 1 }, undefined), state)
  })
})
