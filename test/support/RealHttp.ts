/** HTTP and WebSockets over the loopback of this machine, through what the console really uses. */
import { createServer, type Socket as TcpSocket } from "node:net"
import { it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, type Scope } from "effect"
import { HttpClient, HttpServer } from "effect/http"
import { Socket } from "effect/socket"
import { WebSocket } from "ws"
import * as NodeHttpClient from "../../runtime/NodeHttpClient.ts"
import * as NodeHttpServer from "../../runtime/NodeHttpServer.ts"
import { rawServer } from "../core/supervisor/RawServer.ts"
import { announcedBytes, frameBytesMax, part } from "./HttpSides.ts"
import type { Declare, HttpSides, Misbehaviour } from "./HttpSides.ts"

export const declare: Declare = (name, test) => it.live(name, () => Effect.scoped(Effect.flatMap(sides, test)))

const sides: Effect.Effect<HttpSides, never, Scope.Scope> = Effect.gen(function* () {
  const clients = yield* Layer.build(NodeHttpClient.layer())
  return {
    client: Context.get(clients, HttpClient.HttpClient),
    serve: (app) =>
      Effect.gen(function* () {
        const layer = NodeHttpServer.layer({
          host: "127.0.0.1",
          port: 0,
          gracefulShutdownTimeoutMs: 100,
          frameBytesMax
        })
        const server = Context.get(yield* Layer.build(layer), HttpServer.HttpServer)
        yield* server.serve(Effect.interruptible(app))
        return HttpServer.formatAddress(server.address)
      }).pipe(Effect.orDie),
    misbehave,
    closedPort,
    unknownHost: "http://nobody.invalid",
    dial
  }
})

const misbehave = (how: Misbehaviour) =>
  Effect.gen(function* () {
    const left = yield* Deferred.make<void>()
    const { url } = yield* rawServer((socket) => {
      socket.once("close", () => Deferred.doneUnsafe(left, Effect.void))
      act(socket, how)
    })
    return { url, left: Deferred.await(left) }
  })

const act = (socket: TcpSocket, how: Misbehaviour): void => {
  if (how._tag === "silence") return
  if (how._tag === "garbage") return void socket.write("220 this is no HTTP\r\n")
  const end = () => void (how.by === "close" ? socket.end() : socket.resetAndDestroy())
  if (how.after === "nothing") return end()
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${announcedBytes}\r\n\r\n${part}`)
  // A reset destroys what its receiver has not read yet.
  setTimeout(end, 100)
}

/** A port that was free a moment ago. */
const closedPort = Effect.callback<string>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(`http://127.0.0.1:${port}`)))
  })
})

const dial: HttpSides["dial"] = (url, { deaf = false } = {}) =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => new WebSocket(url.replace(/^http/, "ws"), { perMessageDeflate: false })),
      (opened) => Effect.sync(() => opened.terminate())
    )
    // Whoever reads is told of errors; what remains of them after the end is nobody's.
    socket.on("error", () => {})
    if (deaf) socket.on("open", () => socket.pause())
    return {
      socket: yield* Socket.fromWebSocket(Effect.succeed(socket)),
      lose: Effect.sync(() => socket.terminate())
    }
  })
