import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import type { Client } from "../../../core/hub/Hub.ts"
import { event, make, settle } from "./FakeClient.ts"

/** Type and number of each frame that waits for the client. */
const waiting = (client: Client) =>
  Effect.map(client.outbox.take, (texts) =>
    texts.map((text) => {
      const { seq, type } = Schema.decodeUnknownSync(Frame)(text)
      return seq === undefined ? type : `${type} ${seq}`
    })
  )
const Frame = Schema.fromJsonString(Schema.Struct({ type: Schema.String, seq: Schema.optionalKey(Schema.Int) }))

const bye = { code: 1000, reason: "bye" }

describe("Hub", () => {
  it.effect("counts who joined and who left, once each", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const first = yield* hub.join
      const second = yield* hub.join
      assert.notStrictEqual(first.id, second.id)
      assert.deepStrictEqual(yield* hub.counts, { connected: 2, joined: 2, left: 0 })
      yield* first.close(bye)
      yield* first.close({ code: 1, reason: "again" })
      yield* first.gone
      assert.deepStrictEqual(yield* first.closing, bye)
      assert.deepStrictEqual(yield* hub.counts, { connected: 1, joined: 2, left: 1 })
    })
  )

  it.effect("greets with the snapshot and goes on with the event after it", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      yield* publish(event(1), event(2))
      yield* settle
      const client = yield* hub.join
      yield* publish(event(3), event(4))
      yield* settle
      assert.deepStrictEqual(yield* waiting(client), ["hello", "snapshot 2", "node.status 3", "node.status 4"])
    })
  )

  it.effect("neither loses nor doubles events that come between joining and the snapshot", () =>
    Effect.gen(function* () {
      const { bus, hub } = yield* make({}, (publish) => Effect.andThen(publish(event(1)), settle))
      const client = yield* hub.join
      yield* bus.publish([event(2)])
      yield* settle
      assert.deepStrictEqual(yield* waiting(client), ["hello", "snapshot 1", "node.status 2"])
    })
  )

  it.effect("does not repeat an event of the snapshot that it was slower to broadcast", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      // The hub's fiber has not run yet when the client joins.
      yield* publish(event(1))
      const client = yield* hub.join
      yield* settle
      yield* publish(event(2))
      yield* settle
      assert.deepStrictEqual(yield* waiting(client), ["hello", "snapshot 1", "node.status 2"])
    })
  )

  it.effect("sends events as they were published, in a form that the schema takes back", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      const client = yield* hub.join
      yield* client.outbox.take
      yield* publish(event(1))
      yield* settle
      const [text] = yield* client.outbox.take
      assert.deepStrictEqual(Schema.decodeUnknownSync(Schema.fromJsonString(FleetEvent))(text), event(1))
    })
  )

  it.effect("answers a subscription before the events that follow it, and sends no others", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 9 })
      const client = yield* hub.join
      const everything = yield* hub.join
      yield* publish(event(1, "db"))
      yield* settle
      yield* client.subscribe({ nodes: ["web"] }, JSON.stringify({ type: "subscribed" }))
      yield* publish(event(2, "db"), event(3, "web"))
      yield* settle
      yield* client.subscribe({ topics: ["process"] }, JSON.stringify({ type: "subscribed" }))
      yield* publish(event(4, "web"))
      yield* settle
      assert.deepStrictEqual((yield* waiting(client)).slice(2), [
        "node.status 1",
        "subscribed",
        "node.status 3",
        "subscribed"
      ])
      assert.strictEqual((yield* waiting(everything)).length, 6)
    })
  )

  it.effect("asks a client to leave that is too slow, and no other", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 2 })
      const slow = yield* hub.join
      const quick = yield* hub.join
      for (const seq of [1, 2, 3]) {
        yield* publish(event(seq))
        yield* settle
        yield* quick.outbox.take
      }
      assert.strictEqual((yield* slow.closing).code, 4001)
      yield* slow.gone
      assert.strictEqual((yield* hub.counts).connected, 1)
      assert.deepStrictEqual(yield* waiting(slow), ["hello", "snapshot 0", "node.status 1", "node.status 2"])
    })
  )

  it.effect("keeps a client that is too slow under dropOldest, and tells it what it missed", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 2, slowClientPolicy: "dropOldest" })
      const slow = yield* hub.join
      yield* publish(event(1), event(2), event(3), event(4), event(5))
      yield* settle
      assert.deepStrictEqual((yield* slow.outbox.take).slice(2), [
        '{"type":"gap","from":1,"to":3}',
        JSON.stringify(event(4)),
        JSON.stringify(event(5))
      ])
      assert.strictEqual((yield* hub.counts).connected, 1)
    })
  )

  it.effect("admits as many as allowed, and another when one has left", () =>
    Effect.gen(function* () {
      const { hub } = yield* make({ clientsMax: 2 })
      const first = yield* hub.join
      yield* hub.join
      assert.include(yield* Effect.flip(hub.join), { _tag: "JoinRefused", reason: "full", clientsMax: 2 })
      assert.deepStrictEqual(yield* hub.counts, { connected: 2, joined: 2, left: 0 })
      yield* first.close(bye)
      yield* first.gone
      yield* hub.join
      assert.deepStrictEqual(yield* hub.counts, { connected: 2, joined: 3, left: 1 })
    })
  )
})

describe("closing the hub", () => {
  it.effect("tells everybody, waits for their sessions to be over, and admits nobody", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const clients = [yield* hub.join, yield* hub.join]
      const closing = yield* Effect.forkChild(hub.close, { startImmediately: true })
      for (const client of clients) {
        assert.isUndefined(closing.pollUnsafe())
        assert.strictEqual((yield* client.closing).code, 1001)
        yield* client.gone
        yield* TestClock.adjust(500)
        yield* client.leave
      }
      yield* Fiber.join(closing)
      assert.strictEqual(yield* Clock.currentTimeMillis, 1_000)
      assert.deepStrictEqual(yield* hub.counts, { connected: 0, joined: 2, left: 2 })
      assert.include(yield* Effect.flip(hub.join), { reason: "closing" })
      yield* hub.close
    })
  )

  it.effect("waits also for one who had to go before and is still being told", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const client = yield* hub.join
      yield* client.close(bye)
      yield* client.gone
      const closing = yield* Effect.forkChild(hub.close, { startImmediately: true })
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      yield* client.leave
      yield* Fiber.join(closing)
    })
  )

  it.effect("waits no longer than allowed for a session that does not end", () =>
    Effect.gen(function* () {
      const { hub } = yield* make({ closeTimeoutMs: 700 })
      yield* hub.join
      const closing = yield* Effect.forkChild(hub.close, { startImmediately: true })
      yield* TestClock.adjust(699)
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(closing)
    })
  )

  it.effect("does not wait when there is nobody", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const closing = yield* Effect.forkChild(hub.close, { startImmediately: true })
      yield* settle
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      yield* Fiber.join(closing)
    })
  )
})
