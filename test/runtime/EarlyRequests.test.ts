/** Requests and upgrades that come before there is anybody to answer them. */
import { createServer, type Server } from "node:http"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as EarlyRequests from "../../runtime/EarlyRequests.ts"
import { eventually } from "../core/local/RealProcesses.ts"

/** A server that listens, and how many connections it has got. */
const listening = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
)

/** Sends the head of a request; gives what has come back so far. */
const sent = (server: Server, head: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const address = server.address()
        const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1")
        const answer = { text: "" }
        socket.setEncoding("utf8").on("data", (text: string) => (answer.text += text))
        socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${head}\r\n`)
        return { socket, answer }
      }),
      ({ socket }) => Effect.sync(() => socket.destroy())
    ),
    ({ answer }) => Effect.sync(() => answer.text)
  )

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"

describe("requests that come before a server serves", () => {
  it.live("are handed on once it does, upgrades as such", () =>
    Effect.gen(function* () {
      const server = yield* listening
      let came = 0
      server.on("request", () => came++).on("upgrade", () => came++)
      const handOn = EarlyRequests.keep(server)
      const answer = yield* sent(server, "")
      const upgraded = yield* sent(server, upgrade)
      yield* eventually(
        Effect.sync(() => came),
        (count) => count === 2
      )
      server.removeAllListeners("request").removeAllListeners("upgrade")
      server.on("request", (_, response) => response.end("served"))
      server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
      assert.deepStrictEqual([yield* answer, yield* upgraded], ["", ""])
      handOn()
      yield* eventually(answer, (text) => text.endsWith("served"))
      yield* eventually(upgraded, (text) => text.startsWith("HTTP/1.1 101"))
      const later = yield* sent(server, "")
      yield* eventually(later, (text) => text.endsWith("served"))
    })
  )
})
