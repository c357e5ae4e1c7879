/**
 * What WebSockets between a client and the console's server promise, simulated and real alike: frames in order, the
 * codes and reasons with which they end, and writers that wait for a reader who does not read.
 *
 * Deliberate differences, and therefore not here: when a connection breaks off, the real server interrupts the handler
 * as well, so that it may not get to see the 1006; real frames that arrive together are pulled together; how much fits
 * in the buffers of a client that does not read.
 */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { frameBytesMax } from "../support/HttpSides.ts"
import type { App, Declare, HttpSides } from "../support/HttpSides.ts"

type Writer = Socket.Writer

interface End {
  readonly tag: string
  readonly code: number | undefined
  readonly reason: string | undefined
}

const endOf = ({ reason }: Socket.SocketError): End =>
  reason._tag === "SocketCloseError"
    ? { tag: reason._tag, code: reason.code, reason: reason.closeReason }
    : { tag: reason._tag, code: undefined, reason: undefined }

const closed = (code: number, reason: string): End => ({ tag: "SocketCloseError", code, reason })

/** Upgrades; answers each frame as `answer` says, and tells with what the connection ended. */
const handler = (
  ended: Deferred.Deferred<End>,
  answer: (frame: string | Uint8Array, writer: Writer) => Effect.Effect<void, Socket.SocketError>
): App =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const socket = yield* request.upgrade
    const { pull } = yield* socket.reader
    const writer = yield* socket.writer
    const serve = Effect.flatMap(pull, (frames) =>
      Effect.forEach(frames, (frame) => answer(frame, writer), { discard: true })
    )
    const error = yield* Effect.flip(Effect.forever(serve))
    yield* Deferred.succeed(ended, endOf(error))
    return HttpServerResponse.empty()
  }).pipe(
    Effect.scoped,
    Effect.onInterrupt(() => Deferred.succeed(ended, closed(1006, "")))
  )

const echo = (frame: string | Uint8Array, writer: Writer) => writer.write(frame)

/** A client that takes frame after frame; the end comes after the last. */
const reading = Effect.fnUntraced(function* (socket: Socket.Socket) {
  const { pull } = yield* socket.reader
  const queue = yield* Queue.bounded<string | Uint8Array | End>(1_000)
  yield* Effect.forkScoped(
    Effect.forever(Effect.flatMap(pull, (frames) => Queue.offerAll(queue, frames))).pipe(
      Effect.catchTag("SocketError", (error) => Queue.offer(queue, endOf(error)))
    )
  )
  return { next: Queue.take(queue), writer: yield* socket.writer }
})

/** A server with this handler, a client of it, and how the handler ended. */
const connected = Effect.fnUntraced(function* (
  { dial, serve }: HttpSides,
  answer: Parameters<typeof handler>[1] = echo
) {
  const ended = yield* Deferred.make<End>()
  const url = yield* serve(handler(ended, answer))
  const { lose, socket } = yield* dial(url)
  return { ...(yield* reading(socket)), lose, ended: Deferred.await(ended) }
})

export const frames = (declare: Declare): void => {
  declare("frames of text and bytes arrive in order, in both directions", (sides) =>
    Effect.gen(function* () {
      const { next, writer } = yield* connected(sides)
      const sent = [
        "one",
        new Uint8Array([0, 255, 128]),
        "",
        "grüße, 世界 \u{1F600}",
        new Uint8Array(),
        "x".repeat(90_000)
      ]
      yield* Effect.forEach(sent, (frame) => writer.write(frame), { discard: true })
      yield* writer.writeAll(["a", "b", "c"])
      for (const frame of [...sent, "a", "b", "c"]) assert.deepStrictEqual(plain(yield* next), frame)
    })
  )

  declare("many clients have each their own frames", (sides) =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<End>()
      const url = yield* sides.serve(handler(ended, echo))
      const one = (i: number) =>
        Effect.gen(function* () {
          const { socket } = yield* sides.dial(url)
          const { next, writer } = yield* reading(socket)
          yield* writer.write(`client ${i}`)
          return yield* next
        })
      const seen = yield* Effect.forEach(
        Array.from({ length: 15 }, (_, i) => i),
        one,
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 15 }, (_, i) => `client ${i}`)
      )
    })
  )

  declare("a frame that is too large ends the connection with 1009", (sides) =>
    Effect.gen(function* () {
      const { ended, next, writer } = yield* connected(sides)
      yield* writer.write("x".repeat(frameBytesMax + 1))
      assert.deepStrictEqual(yield* next, closed(1009, ""))
      assert.strictEqual((yield* ended).tag, "SocketReadError")
    })
  )

  declare("a writer waits for a client that does not read, and is free when that one goes", (sides) =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<End>()
      let written = 0
      const flood = (writer: Writer): Effect.Effect<never, Socket.SocketError> =>
        Effect.forever(Effect.tap(writer.write("x".repeat(65_536)), () => Effect.sync(() => ++written)))
      const url = yield* sides.serve(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const socket = yield* request.upgrade
          const { pull } = yield* socket.reader
          return yield* Effect.raceFirst(flood(yield* socket.writer), Effect.forever(pull))
        }).pipe(
          Effect.scoped,
          Effect.onExit(() => Deferred.succeed(ended, closed(1006, "")))
        )
      )
      const { lose } = yield* sides.dial(url, { deaf: true })
      const standstill: Effect.Effect<number> = Effect.suspend(() => {
        const before = written
        return Effect.flatMap(Effect.sleep(300), () =>
          before > 0 && before === written ? Effect.succeed(before) : standstill
        )
      })
      const count = yield* Effect.timeout(standstill, 20_000)
      assert.isBelow(count, 1_000, "64 MB went nowhere")
      yield* lose
      yield* Deferred.await(ended)
    })
  )
}

/** A frame as it can be compared: `ws` gives a view of a larger buffer. */
const plain = (frame: string | Uint8Array | End) => (frame instanceof Uint8Array ? new Uint8Array(frame) : frame)

export const closes = (declare: Declare): void => {
  for (const [code, reason] of [
    [1000, ""],
    [1000, "done"],
    [1001, "going away"],
    [4321, "grüße"]
  ] as const) {
    declare(`both ends have code ${code} and reason "${reason}" when the client closes with them`, (sides) =>
      Effect.gen(function* () {
        const { ended, next, writer } = yield* connected(sides)
        yield* writer.write("last")
        yield* writer.write(new Socket.CloseEvent(code, reason))
        assert.strictEqual(yield* next, "last")
        assert.deepStrictEqual(yield* next, closed(code, reason))
        assert.deepStrictEqual(yield* ended, closed(code, reason))
      })
    )

    declare(`both ends have code ${code} and reason "${reason}" when the server closes with them`, (sides) =>
      Effect.gen(function* () {
        const { ended, next, writer } = yield* connected(sides, (frame, server) =>
          Effect.andThen(server.write(frame), server.write(new Socket.CloseEvent(code, reason)))
        )
        yield* writer.write("last")
        assert.strictEqual(yield* next, "last")
        assert.deepStrictEqual(yield* next, closed(code, reason))
        assert.deepStrictEqual(yield* ended, closed(code, reason))
      })
    )
  }

  declare("the first to close decides on the code, and what is written after it goes nowhere", (sides) =>
    Effect.gen(function* () {
      const seen: Array<string | Uint8Array> = []
      const { ended, next, writer } = yield* connected(sides, (frame) => Effect.sync(() => void seen.push(frame)))
      yield* writer.write("a")
      yield* writer.write(new Socket.CloseEvent(4001, "first"))
      yield* writer.write("b")
      yield* writer.write(new Socket.CloseEvent(4002, "second"))
      assert.deepStrictEqual(yield* next, closed(4001, "first"))
      assert.deepStrictEqual(yield* ended, closed(4001, "first"))
      yield* writer.write("c")
      assert.deepStrictEqual(seen, ["a"])
    })
  )

  declare("the server has 1006 when a client is gone without a close", (sides) =>
    Effect.gen(function* () {
      const { ended, lose, next, writer } = yield* connected(sides)
      yield* writer.write("here")
      assert.strictEqual(yield* next, "here")
      yield* lose
      assert.deepStrictEqual(yield* ended, closed(1006, ""))
    })
  )

  declare("a handler that ends without a close has said 1000", (sides) =>
    Effect.gen(function* () {
      const app = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const socket = yield* request.upgrade
        const { pull } = yield* socket.reader
        yield* pull
        return HttpServerResponse.empty()
      })
      const url = yield* sides.serve(Effect.scoped(app))
      const { socket } = yield* sides.dial(url)
      const { next, writer } = yield* reading(socket)
      yield* writer.write("go")
      assert.deepStrictEqual(yield* next, closed(1000, ""))
    })
  )

  declare("a server that stops says 1001 to its clients", (sides) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const ended = yield* Deferred.make<End>()
      const url = yield* Scope.provide(sides.serve(handler(ended, echo)), scope)
      const { socket } = yield* sides.dial(url)
      const { next, writer } = yield* reading(socket)
      yield* writer.write("here")
      assert.strictEqual(yield* next, "here")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(yield* next, closed(1001, ""))
      yield* Fiber.join(closing)
    })
  )
}

export const refusals = (declare: Declare): void => {
  const open = (sides: HttpSides, url: string) =>
    Effect.scoped(Effect.flatMap(sides.dial(url), ({ socket }) => Effect.asVoid(socket.reader)))

  declare("an upgrade that is refused fails to open", (sides) =>
    Effect.gen(function* () {
      const url = yield* sides.serve(Effect.succeed(HttpServerResponse.text("no", { status: 403 })))
      assert.strictEqual(endOf(yield* Effect.flip(open(sides, url))).tag, "SocketOpenError")
    })
  )

  declare("a plain request to a handler that upgrades is refused, and the next upgrade is not", (sides) =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<End>()
      const url = yield* sides.serve(handler(ended, echo))
      const { status } = yield* sides.client.get(url)
      assert.isAtLeast(status, 400)
      yield* open(sides, url)
    })
  )
}
