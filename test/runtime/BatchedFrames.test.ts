/** The hub's frames on real sockets: whole, in order whatever their size, shared by all, held back for a slow one. */
import { createServer, type Server, type Socket as TcpSocket, connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Socket } from "effect/socket"
import { WebSocketServer, WebSocket } from "ws"
import type { Writing } from "../../core/hub/FrameWriter.ts"
import { OutFrame } from "../../core/hub/OutFrame.ts"
import { Outbox } from "../../core/hub/Outbox.ts"
import * as BatchedFrames from "../../runtime/BatchedFrames.ts"
import { encodeTextFrame } from "../../runtime/WebSocketFrame.ts"
import { eventually } from "../core/local/RealProcesses.ts"

/** Both ends of a TCP connection on this machine. */
const pair = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.sync((): Server => createServer()),
    (one) => Effect.sync(() => one.close())
  )
  const accepted: Effect.Effect<TcpSocket> = Effect.callback((resume) => {
    server.once("connection", (socket) => resume(Effect.succeed(socket)))
  })
  yield* Effect.callback<void>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.void))
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const waiting = yield* Effect.forkChild(accepted, { startImmediately: true })
  const there = yield* Effect.acquireRelease(
    Effect.sync(() => connect(port, "127.0.0.1")),
    (socket) => Effect.sync(() => socket.destroy())
  )
  const here = yield* Fiber.join(waiting)
  yield* Effect.addFinalizer(() => Effect.sync(() => here.destroy()))
  return { here, there }
})

const writer: Socket.Writer = { write: () => Effect.void, writeAll: () => Effect.void }
const reader: Socket.Socket["reader"] = Effect.never

/** An outbox that is pumped to `here` until the scope closes. */
const pumped = Effect.fnUntraced(function* (
  here: TcpSocket,
  framesMax: number = 8,
  frames: BatchedFrames.BatchedFrames = BatchedFrames.make(64 * 1_024)
): Effect.fn.Return<Outbox, never, Scope.Scope> {
  const socket = Socket.make({ reader, writer: Effect.succeed(writer) })
  frames.register(socket, here)
  const outbox = new Outbox({ framesMax, bytesMax: 64 * 1_048_576, policy: "disconnect" }, { frames: 0, bytes: 0 })
  outbox.open([], 0)
  const begin: Effect.Effect<Writing> = frames.start(outbox, { socket, writer }, () => Effect.void)
  yield* Effect.acquireRelease(begin, ({ stop }) => stop)
  return outbox
})

/** What arrives there, all of it. */
const collect = (there: TcpSocket) => {
  const parts: Array<Buffer> = []
  there.on("data", (bytes) => parts.push(Buffer.from(bytes)))
  return () => Buffer.concat(parts)
}

const eventuallyBytes = (look: () => Buffer, length: number) =>
  eventually(
    Effect.sync(() => look().length),
    (found) => found >= length
  )

describe("BatchedFrames", () => {
  it.live("writes frames of every size as a WebSocket client reads them", () =>
    Effect.gen(function* () {
      const texts = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000].map(
        (length) => "€".repeat(length / 3) + "x".repeat(length % 3)
      )
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => new WebSocketServer({ port: 0, host: "127.0.0.1" })),
        (one) => Effect.sync(() => one.close())
      )
      server.on("connection", (_, request) => {
        for (const text of texts) request.socket.write(encodeTextFrame(text))
      })
      if (server.address() === null) {
        yield* Effect.callback<void>((resume) => {
          server.once("listening", () => resume(Effect.void))
        })
      }
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const received: Array<string> = []
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new WebSocket(`ws://127.0.0.1:${port}`)),
        (one) => Effect.sync(() => one.terminate())
      )
      client.on("message", (data) => received.push(Buffer.isBuffer(data) ? data.toString() : ""))
      yield* eventually(
        Effect.sync(() => received.length),
        (count) => count === texts.length
      )
      assert.deepStrictEqual(received, texts)
    })
  )

  it.live("gives each connection its own frames, in order", () =>
    Effect.gen(function* () {
      const frames = BatchedFrames.make(64 * 1_024)
      const one = yield* pair
      const other = yield* pair
      const looks = [collect(one.there), collect(other.there)] as const
      const outboxes = [yield* pumped(one.here, 8, frames), yield* pumped(other.here, 8, frames)] as const
      const shared = new OutFrame("shared")
      for (const outbox of outboxes) outbox.push(shared)
      outboxes[1].push(new OutFrame("its own"))
      for (const outbox of outboxes) outbox.push(shared)
      const expected = [
        Buffer.concat(["shared", "shared"].map(encodeTextFrame)),
        Buffer.concat(["shared", "its own", "shared"].map(encodeTextFrame))
      ] as const
      for (const i of [0, 1] as const) {
        yield* eventuallyBytes(looks[i], expected[i].length)
        assert.deepStrictEqual(looks[i](), expected[i])
      }
    })
  )

  it.live("takes a burst of one turn that is larger than the outbox, when the peer reads", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const look = collect(there)
      const outbox = yield* pumped(here, 4)
      const texts = Array.from({ length: 500 }, (_, i) => `frame ${i}`)
      for (const text of texts) assert.isTrue(outbox.push(new OutFrame(text)))
      const expected = Buffer.concat(texts.map(encodeTextFrame))
      yield* eventuallyBytes(look, expected.length)
      assert.deepStrictEqual(look(), expected)
    })
  )

  it.live("refuses frames for a peer that does not read, and goes on where it was when it reads again", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      there.pause()
      const outbox = yield* pumped(here, 4)
      const large = "x".repeat(100_000)
      const accepted: Array<string> = []
      for (let i = 0; i < 1_000; i++) {
        const text = `${i} ${large}`
        if (!outbox.push(new OutFrame(text))) break
        accepted.push(text)
        yield* Effect.sleep(1)
      }
      assert.isBelow(accepted.length, 1_000)
      // What may wait by the limit, and an outbox more.
      assert.isBelow(here.writableLength, 64 * 1_024 + 5 * large.length)
      const look = collect(there)
      there.resume()
      const expected = accepted.reduce((sum, text) => sum + encodeTextFrame(text).length, 0)
      yield* eventuallyBytes(look, expected)
      assert.isTrue(look().equals(Buffer.concat(accepted.map(encodeTextFrame))))
    })
  )

  it.live("writes what waits when it ends, and nothing after that", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const look = collect(there)
      const scope = yield* Scope.make()
      const outbox = yield* pumped(here).pipe(Scope.provide(scope))
      outbox.push(new OutFrame("last"))
      yield* Scope.close(scope, Exit.void)
      outbox.push(new OutFrame("late"))
      yield* Effect.sleep(30)
      assert.deepStrictEqual(look(), encodeTextFrame("last"))
      assert.strictEqual(outbox.size, 1)
      assert.strictEqual(here.listenerCount("drain"), 0)
    })
  )

  it.live("writes nothing to a connection that has a close frame on its way, and keeps the others going", () =>
    Effect.gen(function* () {
      const frames = BatchedFrames.make(64 * 1_024)
      const one = yield* pair
      const other = yield* pair
      const looks = [collect(one.there), collect(other.there)] as const
      const outboxes = [yield* pumped(one.here, 8, frames), yield* pumped(other.here, 8, frames)] as const
      frames.closing(one.here)
      for (const outbox of outboxes) outbox.push(new OutFrame("late"))
      const expected = encodeTextFrame("late")
      yield* eventuallyBytes(looks[1], expected.length)
      assert.deepStrictEqual(looks[1](), expected)
      assert.strictEqual(looks[0]().length, 0)
    })
  )
})
