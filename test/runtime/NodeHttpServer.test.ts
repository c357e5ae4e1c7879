/** What the server of Node does with clients that waste its time. Uses the real clock. */
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as NodeHttpServer from "../../runtime/NodeHttpServer.ts"

const limits = { requestTimeoutMs: 400, answerMs: 5_000 } as const

/** Sends the text, and gives all that comes until the server closes the connection. */
const send = (port: number, text: string) =>
  Effect.callback<string>((resume) => {
    let answer = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.setEncoding("utf8").on("data", (part: string) => (answer += part))
    socket.on("close", () => resume(Effect.succeed(answer)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeout(limits.answerMs))

const echo = HttpServerRequest.HttpServerRequest.use((request) => request.text).pipe(
  Effect.map((text) => HttpServerResponse.text(`got ${text}`)),
  Effect.catch(() => Effect.succeed(HttpServerResponse.empty({ status: 400 })))
)

describe("a request that never comes whole", () => {
  it.live.each<readonly [string, string]>([
    ["headers", "POST / HTTP/1.1\r\nHost: x\r\nContent-Le"],
    ["a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"]
  ])("for want of %s is cut off, and others go on", ([, text]) =>
    Effect.gen(function* () {
      const layer = NodeHttpServer.layer({
        host: "127.0.0.1",
        port: 0,
        gracefulShutdownTimeoutMs: 100,
        frameBytesMax: 1_000,
        requestTimeoutMs: limits.requestTimeoutMs
      })
      const server = Context.get(yield* Layer.build(layer), HttpServer.HttpServer)
      yield* server.serve(echo)
      const port = Number(new URL(HttpServer.formatAddress(server.address)).port)
      const whole = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
      const [cut, answered] = yield* Effect.all([send(port, text), send(port, whole)], { concurrency: 2 })
      assert.match(cut, /^HTTP\/1\.1 (?:408|400)/)
      assert.match(answered, /got ok$/)
    }).pipe(Effect.scoped)
  )
})
