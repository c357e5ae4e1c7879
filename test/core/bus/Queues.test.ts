import { assert, describe, it } from "@effect/vitest"
import type { OverflowPolicy, Subscriber } from "../../../core/bus/EventBus.ts"
import { Queues, statsOf } from "../../../core/bus/Queues.ts"
import type { Member } from "../../../core/bus/Queues.ts"
import { Effect } from "effect"
import { event, events, label, piece, status } from "./Events.ts"

const make = (overflow: OverflowPolicy, max = 3) =>
  new Queues({ overflow, queueEventsMax: { high: max, normal: max, low: max } })

const add = (queues: Queues, changes: Partial<Subscriber> = {}): Member => {
  const member = queues.add({ name: "a", handle: () => Effect.void, ...changes })
  assert.isDefined(member)
  return member
}

/** Takes and handles everything, one after another. */
const drain = (queues: Queues): ReadonlyArray<string> => {
  const labels: Array<string> = []
  for (let next = queues.take(); next !== undefined; next = queues.take()) {
    labels.push(label(next.taken.event))
    queues.done(next.taken)
  }
  return labels
}

describe("Queues", () => {
  it("gives the most urgent first, and events of one priority in the order of publishing", () => {
    const queues = make("wait")
    add(queues)
    queues.publish([piece("l"), event(1), event(2), status("s")], true)
    assert.deepStrictEqual(drain(queues), ["s", "1", "2", "l"])
    assert.isFalse(queues.isReady)
  })

  it("gives no second event of a key while the first is under way", () => {
    const queues = make("wait")
    add(queues, { key: (of) => ("node" in of ? of.node : "") })
    queues.publish([event(1, "a"), event(2, "a"), event(3, "b")], true)
    const first = queues.take()
    const second = queues.take()
    assert.deepStrictEqual(
      [first, second].map((next) => next && label(next.taken.event)),
      ["1", "3"]
    )
    assert.isUndefined(queues.take())
    if (first !== undefined) queues.done(first.taken)
    assert.deepStrictEqual(drain(queues), ["2"])
  })

  it("lets lanes and subscribers take turns", () => {
    const queues = make("wait")
    add(queues, { key: (of) => ("node" in of ? of.node : "") })
    add(queues, { name: "b", wants: (of) => label(of) === "2" })
    queues.publish([event(1, "x"), event(2, "x"), event(3, "y")], true)
    assert.deepStrictEqual(drain(queues), ["1", "2", "3", "2"])
  })

  it("drops the oldest, the newest, or low priority, as told", () => {
    const dropOldest = make("dropOldest")
    const oldest = add(dropOldest, { key: label })
    dropOldest.publish(events(5), true)
    assert.strictEqual(statsOf(oldest).dropped, 2)
    assert.deepStrictEqual(drain(dropOldest), ["3", "4", "5"])
    assert.strictEqual(oldest.lanes.size, 0)

    const dropNewest = make("dropNewest")
    add(dropNewest)
    dropNewest.publish(events(5), true)
    assert.deepStrictEqual(drain(dropNewest), ["1", "2", "3"])

    const dropLow = make("dropLow")
    const low = add(dropLow)
    const { publication } = dropLow.publish([...["a", "b", "c", "d"].map(piece), ...events(5)], true)
    assert.strictEqual(publication?.pending, 2)
    assert.strictEqual(statsOf(low).dropped, 1)
    assert.deepStrictEqual(drain(dropLow), ["1", "2", "3", "4", "5", "a", "b", "c"])
    assert.strictEqual(publication?.pending, 0)
  })

  it("lets nothing overtake what stands in line", () => {
    const queues = make("wait", 1)
    const member = add(queues)
    const first = queues.publish(events(3), true).publication
    const second = queues.publish(events(2, 4), true).publication
    assert.deepStrictEqual([first?.pending, second?.pending], [2, 2])
    assert.deepStrictEqual(statsOf(member).waiting, { high: 0, normal: 5, low: 0 })
    assert.deepStrictEqual(drain(queues), ["1", "2", "3", "4", "5"])
    assert.deepStrictEqual([first?.pending, second?.pending, statsOf(member).blocked], [0, 0, 2])
  })

  it("takes out of the lines what a publisher withdraws, and keeps the others in order", () => {
    const queues = make("wait", 1)
    const member = add(queues, { key: label })
    queues.publish(events(2), true)
    const { publication } = queues.publish(events(2, 3), true)
    queues.publish(events(2, 5), true)
    assert.isDefined(publication)
    if (publication !== undefined) queues.withdraw(publication)
    assert.deepStrictEqual(drain(queues), ["1", "2", "5", "6"])
    assert.strictEqual(member.dropped, 2)
    assert.strictEqual(member.lanes.size, 0)
  })

  it("drops for a publisher that may not wait, and frees publishers when a subscriber goes", () => {
    const queues = make("wait", 1)
    const member = add(queues)
    assert.isUndefined(queues.publish(events(2), false).publication)
    assert.strictEqual(member.dropped, 1)
    const { publication } = queues.publish(events(2), true)
    assert.deepStrictEqual(queues.remove(member), publication === undefined ? [] : [publication])
    assert.strictEqual(publication?.pending, 0)
    assert.isUndefined(queues.take())
    assert.deepStrictEqual(queues.remove(member), [])
    assert.isUndefined(queues.publish(events(9), true).publication)
  })

  it("counts what a subscriber's own code throws, and gives the event to the others", () => {
    const queues = make("wait")
    const bad = add(queues, {
      wants: () => {
        throw new Error("no idea")
      }
    })
    add(queues, { name: "b" })
    assert.strictEqual(queues.publish(events(1), true).broken.length, 1)
    assert.strictEqual(bad.failed, 1)
    assert.deepStrictEqual(drain(queues), ["1"])
  })

  it("refuses a second subscriber of the same name", () => {
    const queues = make("wait")
    const member = add(queues)
    assert.isUndefined(queues.add(member.subscriber))
  })
})
