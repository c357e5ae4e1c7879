import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as BatchState from "../../../core/fleet/BatchState.ts"
import type { BatchEvent, BatchPlan, ItemEnd } from "../../../core/fleet/BatchState.ts"

const plan: BatchPlan = {
  id: 1,
  kind: "restart",
  mode: "parallel",
  concurrency: 2,
  failuresMax: undefined,
  startedAtMs: 0,
  startedMs: 0,
  endsMs: 1_000
}

const make = (items: number, changes: Partial<BatchPlan> = {}) =>
  BatchState.make(
    { ...plan, ...changes },
    Array.from({ length: items }, (_, i) => ({ node: "web", group: "app", name: `p${i}` }))
  )

const began: BatchEvent = { _tag: "Began", nowMs: 1 }
const ended = (index: number, state: ItemEnd["state"] = "done", nowMs = 10): BatchEvent => ({
  _tag: "ItemEnded",
  index,
  end: { state, detail: "" },
  nowMs
})

/** What each event begins, and the batch in the end. */
const play = (first: BatchState.BatchState, ...events: ReadonlyArray<BatchEvent>) => {
  let state = first
  const begins: Array<string> = []
  for (const event of events) {
    const next = BatchState.step(state, event)
    begins.push(next.begin.join(" "))
    state = next.state
  }
  const { counts, status, stopped_early: early } = BatchState.summarise(state)
  return { begins, counts, status, early, state }
}

describe("a batch", () => {
  it("in parallel begins the next item when one has ended", () => {
    const { begins, status } = play(make(3), began, ended(1), ended(0), ended(2))
    assert.deepStrictEqual([begins, status], [["0 1", "2", "", ""], "done"])
  })

  it("rolling begins the next wave when the one before has ended well", () => {
    const rolling = make(5, { mode: "rolling", failuresMax: 1 })
    const { begins, status } = play(rolling, began, ended(0), ended(1), ended(2, "unchanged"), ended(3), ended(4))
    assert.deepStrictEqual([begins, status], [["0 1", "", "2 3", "", "4", ""], "done"])
    const failing = play(rolling, began, ended(0, "failed"), ended(1))
    assert.deepStrictEqual([failing.begins, failing.status, failing.early], [["0 1", "", ""], "failed", true])
    assert.deepStrictEqual(failing.counts, { failed: 1, done: 1, skipped: 3 })
  })

  it("canary begins the first alone, and the rest only when it has ended well", () => {
    const canary = make(4, { mode: "canary", failuresMax: 2 })
    assert.deepStrictEqual(play(canary, began, ended(0), ended(1, "error"), ended(2)).begins, ["0", "1 2", "3", ""])
    const failing = play(canary, began, ended(0, "timeout"))
    assert.deepStrictEqual([failing.begins, failing.status, failing.early], [["0", ""], "failed", true])
  })

  it("stops after so many failures, and lets end what is under way", () => {
    const { begins, counts, early } = play(make(5, { failuresMax: 1 }), began, ended(0, "failed"), ended(1))
    assert.deepStrictEqual([begins, early], [["0 1", "", ""], true])
    assert.deepStrictEqual(counts, { failed: 1, done: 1, skipped: 3 })
  })

  it("begins nothing when its time is up, and is over when the last under way has ended", () => {
    const { begins, counts, state, status } = play(
      make(3),
      began,
      { _tag: "TimeUp", nowMs: 1_000 },
      ended(0, "timeout", 1_000),
      ended(1, "done", 1_000)
    )
    assert.deepStrictEqual([begins, status, state.endedMs], [["0 1", "", "", ""], "timeout", 1_000])
    assert.deepStrictEqual(counts, { timeout: 1, done: 1, skipped: 1 })
  })

  it("begins nothing after its time, also when an item ends before that is told", () => {
    assert.deepStrictEqual(play(make(3), began, ended(0, "done", 1_000)).begins, ["0 1", ""])
  })

  it("is done when its last items end well at the moment when its time is up", () => {
    const last: ReadonlyArray<BatchEvent> = [ended(0, "done", 1_000), ended(1, "done", 1_000)]
    assert.strictEqual(play(make(2), began, ...last).status, "done")
    assert.strictEqual(play(make(2), began, { _tag: "TimeUp", nowMs: 1_000 }, ...last).status, "done")
  })

  it("ends at once when it is cancelled, and takes no result afterwards", () => {
    const cancel: BatchEvent = { _tag: "Cancelled", why: "cancelled", nowMs: 20 }
    const { begins, counts, state, status } = play(make(4), began, ended(0), cancel, ended(1), cancel)
    assert.deepStrictEqual([begins, status, state.endedMs], [["0 1", "2", "", "", ""], "cancelled", 20])
    assert.deepStrictEqual(counts, { done: 1, cancelled: 3 })
    assert.include(state.items[1]?.detail, "may still happen")
    assert.include(state.items[3]?.detail, "before it began")
    assert.strictEqual(play(make(4), cancel, began).begins.join(""), "")
  })

  it("keeps its limits for any events", () => {
    const event = fc.oneof(
      { weight: 20, arbitrary: fc.record({ index: fc.nat(6), state: fc.constantFrom("done", "failed", "error") }) },
      { weight: 1, arbitrary: fc.constantFrom("Began", "TimeUp", "Cancelled") }
    )
    const plans = fc.record({
      mode: fc.constantFrom("parallel", "rolling", "canary"),
      concurrency: fc.integer({ min: 1, max: 4 }),
      failuresMax: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })
    })
    fc.assert(
      fc.property(plans, fc.array(event, { maxLength: 40 }), (changes, events) => {
        const begun = new Set<number>()
        let state = make(6, changes)
        const all = [began, ...events.map((one, i) => toEvent(one, i + 2))]
        for (const one of all) {
          const next = BatchState.step(state, one)
          for (const index of next.begin) {
            assert.isFalse(begun.has(index), "an item began twice")
            begun.add(index)
          }
          state = next.state
          const running = state.items.filter((item) => item.state === "running").length
          assert.isAtMost(running, changes.concurrency)
          assert.strictEqual(running, state.running)
          const isOver = state.items.every((item) => item.state !== "pending" && item.state !== "running")
          assert.strictEqual(BatchState.isOver(state), isOver)
          if (!isOver) assert.isAbove(running, 0, "nothing is under way that could bring it further")
        }
      }),
      { numRuns: 2_000, seed: 1 }
    )
  })
})

const toEvent = (
  one: { readonly index: number; readonly state: "done" | "failed" | "error" } | "Began" | "TimeUp" | "Cancelled",
  nowMs: number
): BatchEvent => {
  if (typeof one === "object") return ended(one.index, one.state, nowMs)
  return one === "Cancelled" ? { _tag: one, why: "cancelled", nowMs } : { _tag: one, nowMs }
}
