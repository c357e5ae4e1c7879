import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { SessionOptions } from "../../../core/hub/Session.ts"
import { client, connect, event, make, sessionOptions, settle } from "./FakeClient.ts"
import type { FakeClient } from "./FakeClient.ts"

const ErrorFrame = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.Literal("error"),
    code: Schema.Literal("invalid_frame"),
    message: Schema.String,
    invalid_frames_left: Schema.Int
  })
)
const decodeError = Schema.decodeUnknownSync(ErrorFrame)

const pingsAt = (one: FakeClient) => one.received.filter(({ text }) => text.includes("ping")).map(({ atMs }) => atMs)

/** Connects and takes the greeting. */
const greeted = (options?: Parameters<typeof client>[0], session: Partial<SessionOptions> = {}) =>
  Effect.gen(function* () {
    const hub = yield* make()
    const one = yield* client(options)
    const serving = yield* connect(hub, one, session)
    yield* settle
    return { ...hub, one, serving }
  })

describe("a session", () => {
  it.effect("greets, sends events in order, and answers in between", () =>
    Effect.gen(function* () {
      const { one, publish } = yield* greeted()
      yield* publish(event(1))
      yield* settle
      yield* one.send('{"type":"ping"}')
      yield* settle
      yield* one.send('{"type":"subscribe","nodes":["db"]}')
      yield* settle
      yield* publish(event(2), event(3, "db"))
      yield* settle
      const [hello, ...rest] = one.texts()
      assert.match(
        String(hello),
        /^{"type":"hello","client":1,"stream":"[0-9a-f]{16}","heartbeat_ms":10000,"resumed":false}$/
      )
      assert.deepStrictEqual(rest, [
        '{"type":"snapshot","seq":0,"nodes":[]}',
        JSON.stringify(event(1)),
        '{"type":"pong"}',
        '{"type":"subscribed","nodes":["db"]}',
        JSON.stringify(event(3, "db"))
      ])
    })
  )

  it.effect("pings at the interval of silence and closes at the timeout, once each", () =>
    Effect.gen(function* () {
      const { hub, one, serving } = yield* greeted()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(one.received.slice(2), [
        { atMs: 10_000, text: '{"type":"ping"}' },
        { atMs: 25_000, text: "close 4002 nothing heard for 25000 ms" }
      ])
      assert.strictEqual((yield* Fiber.join(serving)).code, 4002)
      assert.strictEqual((yield* hub.counts).connected, 0)
    })
  )

  it.effect("counts the silence from any frame, also an invalid one", () =>
    Effect.gen(function* () {
      const { one } = yield* greeted()
      yield* TestClock.adjust(9_000)
      yield* one.send("nonsense")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(pingsAt(one), [19_000])
      assert.deepStrictEqual(one.received.at(-1)?.atMs, 34_000)
    })
  )

  // A ping that is due in the wait for the answer to the one before must not be put off to the end of that wait.
  it.effect.each([
    { heartbeatTimeoutMs: 25_000, latencyMs: 40 },
    { heartbeatTimeoutMs: 25_000, latencyMs: 14_000 },
    { heartbeatTimeoutMs: 120_000, latencyMs: 40 },
    { heartbeatTimeoutMs: 11_000, latencyMs: 900 }
  ])(
    "keeps a client that answers after $latencyMs ms, given $heartbeatTimeoutMs",
    ({ heartbeatTimeoutMs, latencyMs }) =>
      Effect.gen(function* () {
        const hub = yield* make()
        const one = yield* client({
          onFrame: (text, self) =>
            text.includes("ping")
              ? Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(latencyMs), self.send('{"type":"pong"}'))))
              : Effect.void
        })
        const serving = yield* connect(hub, one, { heartbeatTimeoutMs })
        yield* TestClock.adjust("10 minutes")
        assert.isUndefined(serving.pollUnsafe())
        const everyMs = sessionOptions.heartbeatIntervalMs + latencyMs
        const pings = pingsAt(one)
        assert.strictEqual(pings[0], 10_000)
        // Clients that are due within a hundredth of the interval are looked at together.
        for (const [i, atMs] of pings.slice(1).entries()) {
          assert.isAtLeast(atMs - (pings[i] ?? 0), everyMs)
          assert.isAtMost(atMs - (pings[i] ?? 0), everyMs + 100)
        }
        assert.isAtLeast(pings.at(-1) ?? 0, 600_000 - everyMs - 100)
      })
  )

  it.effect("of a client that does not read gives up its close frame in time", () =>
    Effect.gen(function* () {
      const { hub, serving } = yield* greeted({ stuck: true })
      yield* TestClock.adjust(25_000)
      assert.isUndefined(serving.pollUnsafe())
      yield* TestClock.adjust(sessionOptions.closeTimeoutMs)
      assert.strictEqual((yield* Fiber.join(serving)).code, 4002)
      assert.strictEqual((yield* hub.counts).connected, 0)
    })
  )

  it.effect("of a client that does not read ends by the size of its outbox", () =>
    Effect.gen(function* () {
      const { publish, serving } = yield* greeted({ stuck: true })
      for (let seq = 1; seq <= 5; seq++) yield* publish(event(seq))
      yield* settle
      yield* TestClock.adjust(sessionOptions.closeTimeoutMs)
      assert.strictEqual((yield* Fiber.join(serving)).code, 4001)
    })
  )

  it.effect("whose connection breaks is forgotten", () =>
    Effect.gen(function* () {
      const { hub, one, serving } = yield* greeted()
      yield* one.cut
      assert.isTrue(Exit.isFailure(yield* Fiber.await(serving)))
      assert.deepInclude(yield* hub.counts, { connected: 0, joined: 1, left: 1 })
    })
  )

  it.effect("ends with 1001 when the hub closes, before the hub is closed", () =>
    Effect.gen(function* () {
      const { hub, one } = yield* greeted()
      yield* hub.close
      assert.strictEqual(one.texts().at(-1), "close 1001 the console shuts down")
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    })
  )
})

describe("a bad frame", () => {
  const table = [
    { kind: "that is binary", frame: new Uint8Array([1]), says: /binary frame; expected JSON text/ },
    { kind: "that is no JSON", frame: "{oops", says: /not a frame of the protocol/ },
    { kind: "that is no object", frame: "[]", says: /not a frame of the protocol/ },
    { kind: "without a type", frame: "{}", says: /type/ },
    { kind: "of an unknown type", frame: '{"type":"delete"}', says: /type/ },
    { kind: "with an unknown field", frame: '{"type":"subscribe","topic":["node"]}', says: /topic/ },
    { kind: "with an unknown topic", frame: '{"type":"subscribe","topics":["logs"]}', says: /topics/ },
    { kind: "with nodes that are no list", frame: '{"type":"subscribe","nodes":"web"}', says: /nodes/ },
    { kind: "that is too large", frame: `"${"x".repeat(1_000)}"`, says: /1002 bytes; expected at most 1000/ },
    { kind: "that is too large in UTF-8 only", frame: `"${"€".repeat(340)}"`, says: /1022 bytes/ }
  ]
  it.effect.each(table)("$kind is named in the answer", ({ frame, says }) =>
    Effect.gen(function* () {
      const { one, publish } = yield* greeted()
      yield* one.send(frame)
      yield* settle
      const answer = decodeError(one.texts()[2])
      assert.match(answer.message, says)
      assert.strictEqual(answer.invalid_frames_left, 2)
      // The subscription is as it was.
      yield* publish(event(1))
      yield* settle
      assert.strictEqual(one.texts()[3], JSON.stringify(event(1)))
    })
  )

  it.effect("is the last one when it is the third, and is answered too", () =>
    Effect.gen(function* () {
      const { one, serving } = yield* greeted()
      yield* one.send("1", '{"type":"ping"}', "2", "3", "4")
      yield* settle
      assert.strictEqual((yield* Fiber.join(serving)).code, 1008)
      const [, , ...rest] = one.texts()
      assert.strictEqual(rest.at(-1), "close 1008 3 invalid frames")
      assert.strictEqual(decodeError(rest.at(-2)).invalid_frames_left, 0)
    })
  )
})

describe("a client that sends too much", () => {
  it.effect("is closed with 4003, and not before", () =>
    Effect.gen(function* () {
      const { one, serving } = yield* greeted(undefined, { framesPerSecondMax: 2 })
      yield* one.send(...Array.from({ length: 20 }, () => '{"type":"pong"}'))
      yield* settle
      assert.isUndefined(serving.pollUnsafe())
      yield* TestClock.adjust(1_000)
      yield* one.send(...Array.from({ length: 2 }, () => '{"type":"pong"}'))
      yield* settle
      assert.isUndefined(serving.pollUnsafe())
      yield* one.send('{"type":"pong"}')
      yield* settle
      assert.strictEqual((yield* Fiber.join(serving)).code, 4003)
      assert.strictEqual(one.texts().at(-1), "close 4003 more than 2 frames a second")
    })
  )
})
