import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { FleetEvent } from "../../../core/domain/FleetEvent.ts"
import type { Client } from "../../../core/hub/Hub.ts"
import { person } from "../domain/People.ts"
import { event, logOf, logText, make, settle, waiting } from "./FakeClient.ts"
import type { FakeHubOptions } from "./FakeClient.ts"

const bye = { code: 1000, reason: "bye" }
const ada = person("ada")

describe("Hub", () => {
  it.effect("counts who joined and who left, once each", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const first = yield* hub.join()
      const second = yield* hub.join()
      assert.notStrictEqual(first.id, second.id)
      assert.deepInclude(yield* hub.counts, { connected: 2, joined: 2, left: 0 })
      yield* first.close(bye)
      yield* first.close({ code: 1, reason: "again" })
      yield* first.gone
      assert.deepStrictEqual(yield* first.closing, bye)
      assert.deepInclude(yield* hub.counts, { connected: 1, joined: 2, left: 1 })
    })
  )

  it.effect("greets with the snapshot and goes on with the event after it", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      yield* publish(event(1), event(2))
      yield* settle
      const client = yield* hub.join()
      yield* publish(event(3), event(4))
      yield* settle
      assert.deepStrictEqual(yield* waiting(client), ["hello", "snapshot 2", "node.status 3", "node.status 4"])
    })
  )

  it.effect("neither loses nor doubles events that come between joining and the snapshot", () =>
    Effect.gen(function* () {
      const { bus, hub } = yield* make({}, (publish) => Effect.andThen(publish(event(1)), settle))
      const client = yield* hub.join()
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
      const client = yield* hub.join()
      yield* settle
      yield* publish(event(2))
      yield* settle
      assert.deepStrictEqual(yield* waiting(client), ["hello", "snapshot 1", "node.status 2"])
    })
  )

  it.effect("sends events as they were published, in a form that the schema takes back", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      const client = yield* hub.join()
      client.outbox.take()
      yield* publish(event(1))
      yield* settle
      const [frame] = client.outbox.take()
      assert.deepStrictEqual(Schema.decodeUnknownSync(Schema.fromJsonString(FleetEvent))(frame?.text), event(1))
    })
  )

  it.effect("answers a subscription before the events that follow it, and sends no others", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 9 })
      const client = yield* hub.join()
      const everything = yield* hub.join()
      yield* publish(event(1, "db"))
      yield* settle
      yield* client.subscribe({ nodes: ["web"] })
      yield* publish(event(2, "db"), event(3, "web"))
      yield* settle
      yield* client.subscribe({ topics: ["process"] })
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
      const slow = yield* hub.join()
      const quick = yield* hub.join()
      for (const seq of [1, 2, 3]) {
        yield* publish(event(seq))
        yield* settle
        quick.outbox.take()
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
      const slow = yield* hub.join()
      yield* publish(event(1), event(2), event(3), event(4), event(5))
      yield* settle
      assert.deepStrictEqual(
        slow.outbox
          .take()
          .slice(2)
          .map(({ text }) => text),
        ['{"type":"gap","from":1,"to":3}', JSON.stringify(event(4)), JSON.stringify(event(5))]
      )
      assert.strictEqual((yield* hub.counts).connected, 1)
    })
  )

  it.effect("admits as many as allowed, and another when one has left", () =>
    Effect.gen(function* () {
      const { hub } = yield* make({ clientsMax: 2 })
      const first = yield* hub.join()
      yield* hub.join()
      assert.include(yield* Effect.flip(hub.join()), { _tag: "JoinRefused", reason: "full", clientsMax: 2 })
      assert.deepInclude(yield* hub.counts, { connected: 2, joined: 2, left: 0 })
      yield* first.close(bye)
      yield* first.gone
      yield* hub.join()
      assert.deepInclude(yield* hub.counts, { connected: 2, joined: 3, left: 1 })
    })
  )
})

/** The id of the stream that a `hello` names. */
const streamOf = (client: Client) => String(/"stream":"(\w+)"/.exec(client.outbox.take()[0]?.text ?? "")?.[1])

describe("a client that comes back", () => {
  const begun = Effect.fnUntraced(function* (options: FakeHubOptions = {}) {
    const fake = yield* make({ clientsMax: 9, ...options })
    const stream = streamOf(yield* fake.hub.join())
    yield* fake.publish(event(1), event(2, "db"), event(3))
    yield* settle
    return { ...fake, stream }
  })

  it.effect("is sent what it missed and goes on from there", () =>
    Effect.gen(function* () {
      const { hub, publish, stream } = yield* begun()
      const back = yield* hub.join({ since: 1, stream })
      yield* publish(event(4))
      yield* settle
      assert.deepStrictEqual(yield* waiting(back), ["hello resumed", "node.status 2", "node.status 3", "node.status 4"])
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 4 })), ["hello resumed"])
    })
  )

  it.effect("gets only what it wants of that", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* begun()
      const back = yield* hub.join({ since: 0, subscription: { nodes: ["db"] } })
      yield* publish(event(4), event(5, "db"))
      yield* settle
      assert.deepStrictEqual(yield* waiting(back), ["hello resumed", "node.status 2", "node.status 5"])
    })
  )

  it.effect("takes the snapshot when what it missed is not kept, is of another stream, or is yet to come", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* begun({ eventsKept: 2 })
      const snapshot = ["hello", "snapshot 3"]
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 0 })), snapshot)
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 2, stream: "another" })), snapshot)
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 4 })), snapshot)
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 1 })), [
        "hello resumed",
        "node.status 2",
        "node.status 3"
      ])
      yield* publish(event(4))
      yield* settle
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 1 })), ["hello", "snapshot 4"])
    })
  )

  it.effect("takes the snapshot when nothing is kept, and is resumed when it missed nothing", () =>
    Effect.gen(function* () {
      const { hub } = yield* begun({ eventsKept: 0 })
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 2 })), ["hello", "snapshot 3"])
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 3 })), ["hello resumed"])
    })
  )

  it.effect("meets another stream after each start of the console", () =>
    Effect.gen(function* () {
      const one = yield* (yield* make()).hub.join()
      const other = yield* (yield* make()).hub.join()
      assert.notStrictEqual(streamOf(one), streamOf(other))
    })
  )
})

describe("events that were lost on the bus", () => {
  it.effect("are told to all that could have wanted them, and nobody is resumed over the hole", () =>
    Effect.gen(function* () {
      const { health, hub, publish } = yield* make({ clientsMax: 9, outboxFramesMax: 9, seq: 1 })
      const all = yield* hub.join()
      const other = yield* hub.join({ subscription: { nodes: ["db"] } })
      const none = yield* hub.join({ subscription: { topics: [] } })
      yield* publish(event(2), event(5), event(6))
      yield* settle
      assert.deepStrictEqual((yield* waiting(all)).slice(2), [
        "node.status 2",
        "gap 3-4",
        "node.status 5",
        "node.status 6"
      ])
      assert.deepStrictEqual((yield* waiting(other)).slice(2), ["gap 3-4"])
      assert.deepStrictEqual((yield* waiting(none)).slice(2), [])
      assert.deepStrictEqual(health, ["hub: events 3 to 4 were lost on the bus; clients were told"])
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 2 })), ["hello", "snapshot 6"])
      assert.deepStrictEqual(yield* waiting(yield* hub.join({ since: 4 })), [
        "hello resumed",
        "node.status 5",
        "node.status 6"
      ])
    })
  )

  it.effect("before the hub began are no hole", () =>
    Effect.gen(function* () {
      const { health, hub, publish } = yield* make({ seq: 7 })
      const client = yield* hub.join()
      yield* publish(event(8))
      yield* settle
      assert.deepStrictEqual(yield* waiting(client), ["hello", "snapshot 7", "node.status 8"])
      assert.deepStrictEqual(health, [])
    })
  )

  it.effect("and come a second time are not sent again", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      const client = yield* hub.join()
      yield* publish(event(1), event(1), event(2), event(1))
      yield* settle
      assert.deepStrictEqual((yield* waiting(client)).slice(2), ["node.status 1", "node.status 2"])
    })
  )
})

describe("the limits of clients", () => {
  it.effect("hold by address and by user, and for those that are known only", () =>
    Effect.gen(function* () {
      const { hub } = yield* make({ clientsMax: 9, clientsPerAddressMax: 2, clientsPerUserMax: 1 })
      const first = yield* hub.join({ address: "10.0.0.1", principal: ada })
      yield* hub.join({ address: "10.0.0.1" })
      yield* hub.join({ address: "10.0.0.2" })
      assert.include(yield* Effect.flip(hub.join({ address: "10.0.0.1" })), { reason: "address", clientsMax: 2 })
      assert.include(yield* Effect.flip(hub.join({ principal: ada })), { reason: "user", clientsMax: 1 })
      yield* hub.join()
      assert.deepInclude(yield* hub.counts, { connected: 4, refused: 2 })
      yield* first.close(bye)
      yield* first.gone
      yield* hub.join({ address: "10.0.0.1", principal: ada })
    })
  )
})

describe("followed logs", () => {
  const web = logOf("web")
  const db = logOf("db")
  const names = { web: "web/app:api/stdout", db: "db/app:api/stdout" } as const

  it.effect("are sent to those that follow them only, whatever else they want", () =>
    Effect.gen(function* () {
      const { followed, hub, publish } = yield* make()
      const one = yield* hub.join()
      const other = yield* hub.join()
      const deaf = yield* hub.join()
      yield* one.subscribe({ topics: [], nodes: [], logs: [web, web] })
      yield* other.subscribe({ topics: ["node"], logs: [web, db] })
      yield* publish(logText(web, "a"), logText(db, "b"), event(1))
      yield* settle
      assert.deepStrictEqual((yield* waiting(one)).slice(2), ["subscribed", "log a"])
      assert.deepStrictEqual((yield* waiting(other)).slice(2), ["subscribed", "log a", "log b", "node.status 1"])
      assert.deepStrictEqual((yield* waiting(deaf)).slice(2), ["node.status 1"])
      assert.deepStrictEqual(yield* followed, [names.web, names.web, names.db])
      assert.strictEqual((yield* hub.counts).logs, 3)
    })
  )

  it.effect("are let go when they are not named any more, and kept when they are", () =>
    Effect.gen(function* () {
      const { followed, hub, publish } = yield* make()
      const one = yield* hub.join()
      yield* one.subscribe({ logs: [web] })
      yield* one.subscribe({ logs: [db, web] })
      assert.deepStrictEqual(yield* followed, [names.web, names.db])
      yield* one.subscribe({ topics: [] })
      assert.deepStrictEqual(yield* followed, [])
      yield* publish(logText(web, "a"))
      yield* settle
      assert.deepStrictEqual((yield* waiting(one)).slice(2), ["subscribed", "subscribed", "subscribed"])
    })
  )

  it.effect("have lost pieces told to all that follow them, before the next piece", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 16 })
      const one = yield* hub.join()
      const other = yield* hub.join()
      yield* one.subscribe({ logs: [web] })
      yield* other.subscribe({ logs: [web, db] })
      yield* publish(logText(web, "a", 1), logText(db, "x", 1), logText(web, "c", 3), logText(db, "y", 2))
      yield* settle
      assert.deepStrictEqual((yield* waiting(one)).slice(3), ["log a", "log gap", "log c"])
      const frames = other.outbox.take().map(({ text }) => text)
      assert.deepStrictEqual(frames.slice(3), [
        JSON.stringify({ type: "log", ...web, text: "a" }),
        JSON.stringify({ type: "log", ...db, text: "x" }),
        JSON.stringify({ type: "log", ...web, note: "gap", detail: "lost within the console" }),
        JSON.stringify({ type: "log", ...web, text: "c" }),
        JSON.stringify({ type: "log", ...db, text: "y" })
      ])
    })
  )

  it.effect("are told of lost pieces after which nothing comes", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make()
      const one = yield* hub.join()
      yield* one.subscribe({ logs: [web] })
      const { text: _, ...reminder } = logText(web, "b", 2)
      yield* publish(logText(web, "a", 1), reminder, reminder)
      yield* settle
      assert.deepStrictEqual((yield* waiting(one)).slice(3), ["log a", "log gap"])
    })
  )

  it.effect("are remembered by nobody once nobody follows them", () =>
    Effect.gen(function* () {
      const { hub, publish } = yield* make({ outboxFramesMax: 16 })
      const one = yield* hub.join()
      yield* one.subscribe({ logs: [web] })
      yield* publish(logText(web, "a", 1, 2))
      yield* settle
      yield* one.subscribe({ logs: [] })
      yield* one.subscribe({ logs: [web] })
      // Remembered, this would be of a following that was before.
      yield* publish(logText(web, "b", 1, 1))
      yield* settle
      assert.deepStrictEqual((yield* waiting(one)).slice(3), ["log a", "subscribed", "subscribed", "log b"])
    })
  )

  it.effect("are refused beyond the limit, and the subscription is as it was", () =>
    Effect.gen(function* () {
      const { followed, hub, publish } = yield* make({ logsPerClientMax: 1 })
      const one = yield* hub.join()
      yield* one.subscribe({ topics: ["process"], logs: [web] })
      yield* one.subscribe({ logs: [web, db] })
      yield* publish(logText(web, "a"), logText(db, "b"), event(1))
      yield* settle
      assert.deepStrictEqual((yield* waiting(one)).slice(2), ["subscribed", "error too_many_logs", "log a"])
      assert.deepStrictEqual(yield* followed, [names.web])
    })
  )

  it.effect("of an unknown node are told by an error, and the rest is followed", () =>
    Effect.gen(function* () {
      const { followed, hub } = yield* make()
      const one = yield* hub.join()
      yield* one.subscribe({ logs: [logOf("nowhere"), web] })
      assert.deepStrictEqual((yield* waiting(one)).slice(2), ["subscribed", "error unknown_node"])
      assert.deepStrictEqual(yield* followed, [names.web])
      assert.strictEqual((yield* hub.counts).logs, 1)
    })
  )

  it.effect("that do not begin in time are given up", () =>
    Effect.gen(function* () {
      const { followed, hub } = yield* make({ followMs: 60_000 })
      const one = yield* hub.join()
      const subscribing = yield* Effect.forkChild(one.subscribe({ logs: [web] }), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(subscribing)
      assert.deepStrictEqual((yield* waiting(one)).slice(2), ["subscribed", "error log_unavailable"])
      assert.deepStrictEqual(yield* followed, [])
    })
  )

  it.effect("are let go by the cleanup, and a slow one keeps no other client waiting", () =>
    Effect.gen(function* () {
      const { followed, hub } = yield* make({ followMs: 1_000 })
      const slow = yield* hub.join()
      const other = yield* hub.join()
      yield* Effect.forkChild(slow.subscribe({ logs: [web] }), { startImmediately: true })
      yield* TestClock.adjust(1_000)
      yield* slow.close(bye)
      yield* other.close(bye)
      yield* other.gone
      assert.deepInclude(yield* hub.counts, { connected: 0, logs: 0 })
      const gone = yield* Effect.forkChild(slow.gone, { startImmediately: true })
      assert.isUndefined(gone.pollUnsafe())
      assert.deepStrictEqual(yield* followed, [names.web])
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(gone)
      assert.deepStrictEqual(yield* followed, [])
    })
  )
})

describe("closing the hub", () => {
  it.effect("tells everybody, waits for their sessions to be over, and admits nobody", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const clients = [yield* hub.join(), yield* hub.join()]
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
      assert.deepInclude(yield* hub.counts, { connected: 0, joined: 2, left: 2 })
      assert.include(yield* Effect.flip(hub.join()), { reason: "closing" })
      yield* hub.close
    })
  )

  it.effect("waits also for one who had to go before and is still being told", () =>
    Effect.gen(function* () {
      const { hub } = yield* make()
      const client = yield* hub.join()
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
      yield* hub.join()
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
