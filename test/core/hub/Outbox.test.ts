import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as fc from "fast-check"
import * as Outbox from "../../../core/hub/Outbox.ts"
import type { SlowClientPolicy } from "../../../core/hub/Outbox.ts"

const event = (seq: number) => ({ text: `event ${seq}`, seq })
const other = (text: string) => ({ text, seq: undefined })
const gap = (from: number, to: number) => Outbox.encodeGap({ from, to })

const open = (framesMax: number, policy: SlowClientPolicy, seq = 0) =>
  Effect.gen(function* () {
    const outbox = yield* Outbox.make({ framesMax, policy })
    yield* outbox.open(["hello", "snapshot"], seq)
    return outbox
  })

const opened = (framesMax: number, policy: SlowClientPolicy) =>
  Effect.tap(open(framesMax, policy), (outbox) => outbox.take)

describe("Outbox", () => {
  it.effect("holds everything back until it is opened, and drops what the snapshot holds", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ framesMax: 8, policy: "disconnect" })
      for (const seq of [4, 5, 6]) outbox.pushUnsafe(event(seq))
      const taking = yield* Effect.forkChild(outbox.take, { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(taking.pollUnsafe())
      yield* outbox.open(["hello", "snapshot"], 5)
      assert.deepStrictEqual(yield* Fiber.join(taking), ["hello", "snapshot", "event 6"])
      assert.isTrue(outbox.pushUnsafe(event(5)))
      outbox.pushUnsafe(event(7))
      assert.deepStrictEqual(yield* outbox.take, ["event 7"])
    })
  )

  it.effect("takes no place of events for the frames it opens with", () =>
    Effect.gen(function* () {
      const outbox = yield* open(1, "disconnect")
      assert.isTrue(outbox.pushUnsafe(event(1)))
      assert.strictEqual(yield* outbox.size, 3)
      assert.deepStrictEqual(yield* outbox.take, ["hello", "snapshot", "event 1"])
    })
  )

  it.effect("refuses a frame when it is full, and everything after it", () =>
    Effect.gen(function* () {
      const outbox = yield* opened(2, "disconnect")
      assert.deepStrictEqual(
        [1, 2, 3].map((seq) => outbox.pushUnsafe(event(seq))),
        [true, true, false]
      )
      assert.deepStrictEqual(yield* outbox.take, ["event 1", "event 2"])
      // There is room again, but event 3 is missing and nobody told the client.
      assert.isFalse(outbox.pushUnsafe(event(4)))
      assert.isFalse(outbox.pushUnsafe(other("pong")))
      assert.strictEqual(yield* outbox.size, 0)
    })
  )

  it.effect("drops the oldest events and tells their numbers before those that are left", () =>
    Effect.gen(function* () {
      const outbox = yield* opened(3, "dropOldest")
      outbox.pushUnsafe(other("pong"))
      for (const seq of [1, 2, 5, 6]) assert.isTrue(outbox.pushUnsafe(event(seq)))
      assert.deepStrictEqual(yield* outbox.take, ["pong", gap(1, 2), "event 5", "event 6"])
      outbox.pushUnsafe(event(7))
      assert.deepStrictEqual(yield* outbox.take, ["event 7"])
    })
  )

  it.effect("drops an event for a frame that is none", () =>
    Effect.gen(function* () {
      const outbox = yield* opened(2, "dropOldest")
      for (const seq of [1, 2]) outbox.pushUnsafe(event(seq))
      assert.isTrue(outbox.pushUnsafe(other("subscribed")))
      assert.deepStrictEqual(yield* outbox.take, [gap(1, 1), "event 2", "subscribed"])
    })
  )

  it.effect("drops the event that comes when no other waits, and refuses another frame", () =>
    Effect.gen(function* () {
      const outbox = yield* opened(2, "dropOldest")
      for (const text of ["a", "b"]) outbox.pushUnsafe(other(text))
      assert.isTrue(outbox.pushUnsafe(event(1)))
      assert.isTrue(outbox.pushUnsafe(event(2)))
      assert.isFalse(outbox.pushUnsafe(other("c")))
      assert.deepStrictEqual(yield* outbox.take, ["a", "b", gap(1, 2)])
    })
  )

  it.effect("forgets the part of a gap that the snapshot holds", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.make({ framesMax: 1, policy: "dropOldest" })
      for (const seq of [3, 4, 5, 6]) outbox.pushUnsafe(event(seq))
      yield* outbox.open(["hello", "snapshot"], 4)
      assert.deepStrictEqual(yield* outbox.take, ["hello", "snapshot", gap(5, 5), "event 6"])
    })
  )

  it.effect("accounts for every event, in order, under dropOldest", () =>
    Effect.sync(() =>
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 4 }),
          fc.array(fc.constantFrom("event", "event", "event", "other", "take"), { maxLength: 40 }),
          (framesMax, actions) => {
            let seq = 0
            const told: Array<number> = []
            const text = Effect.runSync(
              Effect.gen(function* () {
                const outbox = yield* open(framesMax, "dropOldest")
                const texts: Array<string> = []
                const take = Effect.map(outbox.take, (taken) => texts.push(...taken))
                for (const action of [...actions, "event", "take"]) {
                  if (action === "event") assert.isTrue(outbox.pushUnsafe(event(++seq)))
                  if (action === "other" && !outbox.pushUnsafe(other("pong"))) return []
                  assert.isAtMost(yield* outbox.size, framesMax + 2)
                  if (action === "take" && (yield* outbox.size) > 0) yield* take
                }
                return texts
              })
            )
            for (const frame of text) {
              const [, from, to] = /"from":(\d+),"to":(\d+)/.exec(frame) ?? []
              if (from !== undefined) for (let n = Number(from); n <= Number(to); n++) told.push(n)
              if (frame.startsWith("event")) told.push(Number(frame.slice(6)))
            }
            if (text.length > 0)
              assert.deepStrictEqual(
                told,
                Array.from({ length: seq }, (_, i) => i + 1)
              )
          }
        ),
        { numRuns: 500 }
      )
    )
  )
})
