import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Outbox } from "../../../core/hub/Outbox.ts"
import type { Sent, SlowClientPolicy } from "../../../core/hub/Outbox.ts"
import * as OutFrame from "../../../core/hub/OutFrame.ts"

/** Where every piece stands: nothing here looks at it. */
const place = { following: 1, number: 1 }

const event = (seq: number) => new OutFrame.OutFrame(`event ${seq}`, { from: seq, to: seq })
const other = (text: string) => new OutFrame.OutFrame(text)
const gap = (from: number, to: number) => OutFrame.gap({ from, to }).text
const piece = (name: string, text: string) =>
  OutFrame.log({ type: "log", node: "web", group: "app", name, channel: "stdout", text, place })

const make = (framesMax: number, policy: SlowClientPolicy, sent: Sent = { frames: 0, bytes: 0 }, bytesMax = 10_000) =>
  new Outbox({ framesMax, bytesMax, policy }, sent)

const open = (framesMax: number, policy: SlowClientPolicy, seq = 0) => {
  const outbox = make(framesMax, policy)
  outbox.open([other("hello"), other("snapshot")], seq)
  return outbox
}

const opened = (framesMax: number, policy: SlowClientPolicy) => {
  const outbox = open(framesMax, policy)
  outbox.take()
  return outbox
}

const texts = (outbox: Outbox) => outbox.take().map(({ text }) => text)

describe("Outbox", () => {
  it("holds everything back until it is opened, and drops what the snapshot holds", () => {
    const outbox = make(8, "disconnect")
    for (const seq of [4, 5, 6]) outbox.push(event(seq))
    assert.deepStrictEqual(texts(outbox), [])
    outbox.open([other("hello"), other("snapshot")], 5)
    assert.deepStrictEqual(texts(outbox), ["hello", "snapshot", "event 6"])
    assert.isTrue(outbox.push(event(5)))
    outbox.push(event(7))
    assert.deepStrictEqual(texts(outbox), ["event 7"])
  })

  it("takes no place of events for the frames it opens with", () => {
    const outbox = open(1, "disconnect")
    assert.isTrue(outbox.push(event(1)))
    assert.strictEqual(outbox.size, 3)
    assert.deepStrictEqual(texts(outbox), ["hello", "snapshot", "event 1"])
  })

  it("refuses a frame when it is full, and everything after it", () => {
    const outbox = opened(2, "disconnect")
    assert.deepStrictEqual(
      [1, 2, 3].map((seq) => outbox.push(event(seq))),
      [true, true, false]
    )
    assert.deepStrictEqual(texts(outbox), ["event 1", "event 2"])
    // There is room again, but event 3 is missing and nobody told the client.
    assert.isFalse(outbox.push(event(4)))
    assert.isFalse(outbox.push(other("pong")))
    assert.strictEqual(outbox.size, 0)
  })

  it("drops the oldest events and tells their numbers before those that are left", () => {
    const outbox = opened(3, "dropOldest")
    outbox.push(other("pong"))
    for (const seq of [1, 2, 5, 6]) assert.isTrue(outbox.push(event(seq)))
    assert.deepStrictEqual(texts(outbox), ["pong", gap(1, 2), "event 5", "event 6"])
    outbox.push(event(7))
    assert.deepStrictEqual(texts(outbox), ["event 7"])
  })

  it("drops an event for a frame that is none", () => {
    const outbox = opened(2, "dropOldest")
    for (const seq of [1, 2]) outbox.push(event(seq))
    assert.isTrue(outbox.push(other("subscribed")))
    assert.deepStrictEqual(texts(outbox), [gap(1, 1), "event 2", "subscribed"])
  })

  it("drops the event that comes when no other waits, and refuses another frame", () => {
    const outbox = opened(2, "dropOldest")
    for (const text of ["a", "b"]) outbox.push(other(text))
    assert.isTrue(outbox.push(event(1)))
    assert.isTrue(outbox.push(event(2)))
    assert.isFalse(outbox.push(other("c")))
    assert.deepStrictEqual(texts(outbox), ["a", "b", gap(1, 2)])
  })

  it("makes up for dropped text of a log by one note, and drops no note of the log itself", () => {
    const outbox = opened(2, "dropOldest")
    const ended = { type: "log", node: "web", group: "app", name: "a", channel: "stdout", note: "ended" } as const
    for (const text of ["1", "2", "3"]) outbox.push(piece("a", text))
    outbox.push(OutFrame.log({ ...ended, place }))
    outbox.push(piece("b", "4"))
    assert.strictEqual(outbox.size, 3)
    const note = { type: "log", node: "web", group: "app", name: "a", channel: "stdout", note: "gap" }
    assert.deepStrictEqual(
      outbox.take().map(({ text }): unknown => JSON.parse(text)),
      [{ ...note, detail: "the client reads too slowly" }, ended, JSON.parse(piece("b", "4").text)]
    )
  })

  it("keeps the part of a gap that the snapshot does not hold", () => {
    const outbox = make(1, "dropOldest")
    for (const seq of [3, 4, 5, 6]) outbox.push(event(seq))
    outbox.open([other("hello"), other("snapshot")], 4)
    assert.deepStrictEqual(texts(outbox), ["hello", "snapshot", gap(5, 5), "event 6"])
    const lossy = make(2, "disconnect")
    lossy.push(OutFrame.gap({ from: 2, to: 6 }))
    lossy.open([other("snapshot")], 4)
    assert.deepStrictEqual(texts(lossy), ["snapshot", gap(5, 6)])
    lossy.push(OutFrame.gap({ from: 1, to: 4 }))
    assert.deepStrictEqual(texts(lossy), [])
  })

  it("asks who takes to make room before it refuses", () => {
    const outbox = opened(2, "disconnect")
    const taken: Array<string> = []
    outbox.attach({ wake: () => {}, relieve: () => taken.push(...texts(outbox)) })
    for (let seq = 1; seq <= 7; seq++) assert.isTrue(outbox.push(event(seq)))
    taken.push(...texts(outbox))
    assert.deepStrictEqual(
      taken,
      [1, 2, 3, 4, 5, 6, 7].map((seq) => `event ${seq}`)
    )
  })

  it("bounds its bytes as its frames, but takes a single frame of any size", () => {
    const outbox = make(9, "disconnect", undefined, 10)
    outbox.open([], 0)
    assert.isTrue(outbox.push(other("x".repeat(11))))
    assert.deepStrictEqual(texts(outbox), ["x".repeat(11)])
    assert.isTrue(outbox.push(other("12345")))
    assert.isTrue(outbox.push(other("\u20ac90")))
    assert.isFalse(outbox.push(other("1")))
    assert.deepStrictEqual(texts(outbox), ["12345", "\u20ac90"])
  })

  it("drops as many of the oldest events as it takes for the bytes, and asks who takes before that", () => {
    const outbox = make(9, "dropOldest", undefined, 20)
    outbox.open([], 0)
    let relieved = 0
    outbox.attach({ wake: () => {}, relieve: () => (relieved += 1) })
    for (const seq of [1, 2]) assert.isTrue(outbox.push(event(seq)))
    assert.strictEqual(relieved, 0)
    assert.isTrue(outbox.push(other("x".repeat(13))))
    assert.strictEqual(relieved, 1)
    assert.deepStrictEqual(texts(outbox), [gap(1, 1), "event 2", "x".repeat(13)])
    for (const seq of [3, 4]) assert.isTrue(outbox.push(event(seq)))
    assert.isTrue(outbox.push(other("x".repeat(20))))
    assert.deepStrictEqual(texts(outbox), ["x".repeat(20), gap(3, 4)])
  })

  it("wakes who takes when it opens, with each frame, and when it comes late", () => {
    const outbox = make(4, "disconnect")
    let woken = 0
    const taker = { wake: () => (woken += 1), relieve: () => {} }
    outbox.attach(taker)
    outbox.push(event(2))
    assert.strictEqual(woken, 0)
    outbox.open([other("hello")], 1)
    assert.strictEqual(woken, 1)
    outbox.push(event(3))
    assert.strictEqual(woken, 2)
    outbox.attach(undefined)
    outbox.push(event(4))
    outbox.attach(taker)
    assert.strictEqual(woken, 3)
  })

  it("counts the frames and bytes that were taken", () => {
    const sent = { frames: 0, bytes: 0 }
    const outbox = make(4, "disconnect", sent)
    outbox.open([other("€")], 0)
    outbox.push(other("ab"))
    assert.deepStrictEqual(sent, { frames: 0, bytes: 0 })
    outbox.take()
    assert.deepStrictEqual(sent, { frames: 2, bytes: 5 })
  })

  it("accounts for every event, in order, under dropOldest", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom("event", "event", "event", "other", "take"), { maxLength: 40 }),
        (framesMax, actions) => {
          let seq = 0
          const outbox = open(framesMax, "dropOldest")
          const frames: Array<OutFrame.OutFrame> = []
          for (const action of [...actions, "event", "take"]) {
            if (action === "event") assert.isTrue(outbox.push(event(++seq)))
            if (action === "other" && !outbox.push(other("pong"))) return
            assert.isAtMost(outbox.size, framesMax + 2)
            if (action === "take") frames.push(...outbox.take())
          }
          const told = frames.flatMap(({ numbers }) =>
            numbers === undefined
              ? []
              : Array.from({ length: numbers.to - numbers.from + 1 }, (_, i) => numbers.from + i)
          )
          assert.deepStrictEqual(
            told,
            Array.from({ length: seq }, (_, i) => i + 1)
          )
        }
      ),
      { numRuns: 500 }
    )
  })
})
