/** The proxy that spoils the wire, between real sockets. */
import { createServer, connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as WireProxy from "../../../runtime/real/WireProxy.ts"

/** Answers each piece with itself. */
const echo = Effect.acquireRelease(
  Effect.callback<{ port: number; close: () => void }>((resume) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => socket.destroy())
      socket.pipe(socket)
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      resume(Effect.succeed({ port, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

interface Client {
  readonly socket: Socket
  readonly text: () => string
  /** Waits for what it receives, or the end: `closed` or the code of the error. */
  readonly until: (holds: (text: string, end: string | undefined) => boolean) => Effect.Effect<void>
  readonly end: () => string | undefined
}

const client = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Client>((resume) => {
      const socket = connect(port, "127.0.0.1")
      let text = ""
      let end: string | undefined
      const looks = new Set<() => void>()
      const look = () => {
        for (const each of looks) each()
      }
      socket.setEncoding("utf8").on("data", (piece: string) => {
        text += piece
        look()
      })
      socket.on("error", (error: NodeJS.ErrnoException) => (end = error.code))
      socket.on("close", () => {
        end ??= "closed"
        look()
      })
      const until: Client["until"] = (holds) =>
        Effect.callback((done) => {
          const check = () => {
            if (holds(text, end)) done(Effect.void)
          }
          looks.add(check)
          check()
          return Effect.sync(() => looks.delete(check))
        })
      // Also one that is reset at once is a client.
      const ready = () => resume(Effect.succeed({ socket, until, text: () => text, end: () => end }))
      socket.once("connect", ready).once("close", ready)
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const made = Effect.gen(function* () {
  const { port } = yield* echo
  return yield* WireProxy.make({ host: "127.0.0.1", port, countedAt: "client" })
})

describe("WireProxy", () => {
  it.live("passes everything on, and counts", () =>
    Effect.gen(function* () {
      const proxy = yield* made
      const one = yield* client(proxy.port)
      const large = "x".repeat(3_000_000)
      one.socket.write(large)
      yield* one.until((text) => text.length === large.length)
      const two = yield* client(proxy.port)
      two.socket.write("y")
      yield* two.until((text) => text === "y")
      assert.deepStrictEqual([proxy.open(), proxy.total()], [2, 2])
      two.socket.end()
      yield* two.until((_, end) => end === "closed")
      assert.deepStrictEqual([proxy.open(), proxy.total()], [1, 2])
      assert.deepStrictEqual(
        proxy.counts().map(({ open }) => open),
        [0, 1, 2, 1]
      )
    })
  )

  it.live("holds one direction and then lets all of it through", () =>
    Effect.gen(function* () {
      const proxy = yield* made
      const { socket, text, until } = yield* client(proxy.port)
      yield* proxy.become({ holdsToClient: true })
      socket.write("held")
      const other = yield* client(proxy.port)
      yield* proxy.become({ holdsToServer: true })
      yield* until((got) => got === "held")
      other.socket.write("later")
      socket.write("!")
      yield* Effect.sleep(50)
      assert.deepStrictEqual([text(), other.text()], ["held", ""])
      yield* proxy.become({})
      yield* until((got) => got === "held!")
      yield* other.until((got) => got === "later")
    })
  )

  it.live("does not tell of an end while it holds", () =>
    Effect.gen(function* () {
      const proxy = yield* made
      const { end, socket, until } = yield* client(proxy.port)
      socket.write("x")
      yield* until((got) => got === "x")
      yield* proxy.become({ holdsToServer: true, holdsToClient: true })
      socket.end()
      yield* Effect.sleep(50)
      assert.deepStrictEqual([end(), proxy.open()], [undefined, 0])
      yield* proxy.become({})
      yield* until((_, ended) => ended === "closed")
    })
  )

  it.live("delays and throttles", () =>
    Effect.gen(function* () {
      const proxy = yield* made
      const { socket, until } = yield* client(proxy.port)
      yield* proxy.become({ delayMs: 60 })
      let startedMs = performance.now()
      socket.write("x")
      yield* until((got) => got === "x")
      assert.isAtLeast(performance.now() - startedMs, 115)
      yield* proxy.become({ bytesPerSecond: 10_000 })
      startedMs = performance.now()
      socket.write("y".repeat(1_000))
      yield* until((got) => got.length === 1_001)
      assert.isAtLeast(performance.now() - startedMs, 95)
    })
  )

  it.live("resets what is there and refuses what comes", () =>
    Effect.gen(function* () {
      const proxy = yield* made
      const one = yield* client(proxy.port)
      one.socket.write("x")
      yield* one.until((got) => got === "x")
      assert.strictEqual(yield* proxy.reset, 1)
      yield* one.until((_, end) => end === "ECONNRESET")
      yield* proxy.become({ refuses: true })
      const two = yield* client(proxy.port)
      yield* two.until((_, end) => end !== undefined)
      assert.deepStrictEqual([two.end(), proxy.open(), proxy.total()], ["ECONNRESET", 0, 1])
    })
  )
})

describe("longestAbove", () => {
  it("is the longest stretch above the limit", () => {
    const counts = [
      { atMs: 0, open: 0 },
      { atMs: 10, open: 3 },
      { atMs: 15, open: 4 },
      { atMs: 30, open: 2 },
      { atMs: 40, open: 3 }
    ]
    assert.strictEqual(WireProxy.longestAbove(counts, 2, 45), 20)
    assert.strictEqual(WireProxy.longestAbove(counts, 2, 100), 60)
    assert.strictEqual(WireProxy.longestAbove(counts, 4, 100), 0)
  })
})
