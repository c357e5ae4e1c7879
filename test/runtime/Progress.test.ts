import { assert, describe, it } from "vitest"
import { Progress } from "../../runtime/Progress.ts"

/** What is written when something is shown every 50 ms for so long. */
const written = (isTTY: boolean, forMs: number, failedAtMs = Infinity): ReadonlyArray<string> => {
  const texts: Array<string> = []
  let nowMs = 0
  const progress = new Progress({ isTTY, nowMs: () => nowMs, write: (text) => texts.push(text) })
  for (; nowMs < forMs; nowMs += 50) {
    progress.show("P1", { done: nowMs, total: 50_000, distinctTraces: nowMs / 2, failed: nowMs >= failedAtMs })
  }
  progress.end("P1")
  return texts
}

describe("progress", () => {
  it("rewrites one line on a terminal, a few times a second, and takes it away", () => {
    const texts = written(true, 1_000)
    assert.strictEqual(texts.length, 5)
    assert.strictEqual(texts[1], "\r\u001b[KP1 400 of 50000 runs, 1000 a second, 200 distinct traces, 0 failed")
    assert.strictEqual(texts.at(-1), "\r\u001b[K")
  })

  it("says at once that a run has failed, since what follows may take long", () => {
    const texts = written(true, 100, 50)
    assert.strictEqual(
      texts[0],
      "\r\u001b[KP1 50 of 50000 runs, 1000 a second, 25 distinct traces, 1 failed, shrinking the last"
    )
  })

  it("tells of several sweeps in one line, and goes on counting when one ends", () => {
    const texts: Array<string> = []
    let nowMs = 0
    const progress = new Progress({ isTTY: true, nowMs: () => nowMs, write: (text) => texts.push(text) })
    const counts = { done: 100, total: 500, distinctTraces: 40, failed: false }
    progress.show("P1", counts)
    nowMs = 1_000
    progress.show("P2", { ...counts, done: 300 })
    progress.show("P1", { ...counts, failed: true })
    progress.end("P1")
    nowMs = 2_000
    progress.show("P2", { ...counts, done: 500 })
    assert.deepStrictEqual(
      texts.map((text) => text.slice(4)),
      [
        "P1 100 of 500 and P2 300 of 500 runs, 400 a second, 80 distinct traces, 0 failed",
        "P1 100 of 500 and P2 300 of 500 runs, 400 a second, 80 distinct traces, 1 failed, shrinking the last",
        "",
        "P2 500 of 500 runs, 300 a second, 40 distinct traces, 1 failed"
      ]
    )
  })

  it("writes a plain line now and then elsewhere, and none during short work", () => {
    assert.deepStrictEqual(written(false, 9_000), [])
    assert.deepStrictEqual(written(false, 25_000), [
      "P1 10000 of 50000 runs, 1000 a second, 5000 distinct traces, 0 failed\n",
      "P1 20000 of 50000 runs, 1000 a second, 10000 distinct traces, 0 failed\n"
    ])
  })
})
