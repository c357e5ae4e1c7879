import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import * as SupervisorCall from "../../../core/supervisor/SupervisorCall.ts"
import { type Answer, fakeNode, respond, respondCapture } from "./FakeNode.ts"

const options = {
  url: "http://node.test:9001",
  username: "admin",
  password: Redacted.make("s3cret"),
  deadlineMs: 5_000,
  replyBytesMax: 100_000
}

/** A call that succeeds with the reply as it came. */
const callOver = (answer: Answer, changes: Partial<SupervisorCall.SupervisorCallOptions> = {}) =>
  SupervisorCall.make(fakeNode(answer).client, { ...options, ...changes })("supervisor.test", [], Result.succeed)

describe("limits of a call", () => {
  it.effect("refuse a reply that announces too many bytes without reading it", () =>
    Effect.gen(function* () {
      const body = endless()
      const { reason } = yield* Effect.flip(callOver(respond(body.stream, { headers: { "content-length": "100001" } })))
      assert.deepInclude(reason, { _tag: "TooLarge", limitBytes: 100_000 })
      assert.strictEqual(body.pulledBytes(), 0)
    })
  )

  it.effect("stop reading a reply that goes on past them, and release it", () =>
    Effect.gen(function* () {
      const body = endless()
      const { reason } = yield* Effect.flip(callOver(respond(body.stream)))
      assert.deepInclude(reason, { _tag: "TooLarge", limitBytes: 100_000 })
      assert.isBelow(body.pulledBytes(), 200_000)
      assert.isTrue(body.cancelled())
    })
  )

  it.effect("accept a reply of just the permitted size", () =>
    Effect.gen(function* () {
      const capture = respondCapture("07-getAllProcessInfo")
      assert.isArray(yield* callOver(capture, { replyBytesMax: 25_591 }))
      assert.strictEqual((yield* Effect.flip(callOver(capture, { replyBytesMax: 25_590 }))).reason._tag, "TooLarge")
    })
  )

  it.effect("tell a body that ends before its announced length from a whole one", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(
        callOver(respond("<methodResponse/>", { headers: { "content-length": "200" } }))
      )
      assert.deepInclude(reason, { _tag: "ConnectionLost", detail: "17 of 200 bytes came" })
    })
  )

  it.effect("end a call that gets no answer at its deadline, and abort the request", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal> = []
      const call = callOver((_, __, signal) => {
        signals.push(signal)
        return Effect.never
      })
      const fiber = yield* Effect.forkChild(Effect.flip(call))
      yield* TestClock.adjust(4_999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const { message, reason } = yield* Fiber.join(fiber)
      assert.deepInclude(reason, { _tag: "TimedOut", afterMs: 5_000 })
      assert.strictEqual(message, "supervisor.test: no reply within 5000 ms")
      assert.deepStrictEqual(
        signals.map((signal) => signal.aborted),
        [true]
      )
    })
  )

  it.effect("end a call whose body trickles on past its deadline, and release the body", () =>
    Effect.gen(function* () {
      const body = silent()
      const fiber = yield* Effect.forkChild(Effect.flip(callOver(respond(body.stream))))
      // The first bytes travel over promises of the stream, which need turns of the event loop.
      yield* Effect.promise(() => body.started)
      yield* TestClock.adjust(5_000)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TimedOut")
      assert.isTrue(body.cancelled())
    })
  )

  it.effect("count bytes and not characters", () =>
    Effect.gen(function* () {
      const xml = "<methodResponse><params><param><value>漢字</value></param></params></methodResponse>"
      assert.strictEqual(yield* callOver(respond(xml), { replyBytesMax: xml.length + 4 }), "漢字")
      assert.strictEqual(
        (yield* Effect.flip(callOver(respond(xml), { replyBytesMax: xml.length + 3 }))).reason._tag,
        "TooLarge"
      )
    })
  )

  it.effect("let an interrupted call go at once", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal> = []
      const call = callOver((_, __, signal) => {
        signals.push(signal)
        return Effect.never
      })
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(
        signals.map((signal) => signal.aborted),
        [true]
      )
    })
  )
})

describe("text of a reply", () => {
  const prefix = new TextEncoder().encode("<methodResponse><params><param><value>")
  const suffix = new TextEncoder().encode("</value></param></params></methodResponse>")

  it.effect("is put together from characters that are split over chunks", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array([...prefix, ...new TextEncoder().encode("é漢😀"), ...suffix])
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
          controller.close()
        }
      })
      assert.strictEqual(yield* callOver(respond(stream)), "é漢😀")
    })
  )

  it.effect("survives bytes that are no UTF-8", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array([...prefix, 0x61, 0xe9, 0xff, 0x62, ...suffix])
      assert.strictEqual(yield* callOver(respond(bytes)), "a\ufffd\ufffdb")
    })
  )
})

/** A body without end, which counts what was taken from it. */
const endless = () => {
  let pulledBytes = 0
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulledBytes += 10_000
        controller.enqueue(new Uint8Array(10_000).fill(32))
      },
      cancel: () => {
        cancelled = true
      }
    },
    { highWaterMark: 0 }
  )
  return { stream, pulledBytes: () => pulledBytes, cancelled: () => cancelled }
}

/** A body that gives a few bytes and then nothing more. */
const silent = () => {
  let cancelled = false
  const { promise, resolve } = Promise.withResolvers<void>()
  let pulls = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulls += 1
        if (pulls === 1) return controller.enqueue(new TextEncoder().encode("<methodResponse>"))
        resolve()
        return new Promise(() => {})
      },
      cancel: () => {
        cancelled = true
      }
    },
    { highWaterMark: 0 }
  )
  return { stream, started: promise, cancelled: () => cancelled }
}
