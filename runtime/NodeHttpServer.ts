/**
 * HttpServer of the real world, with one thing added to the platform's: a write to a WebSocket waits while the peer
 * does not read. The platform hands every frame to `ws`, whose buffer has no bound; here the buffer of the TCP socket
 * is looked at after each write, so that a slow client is seen as slow, as in the simulation.
 */
import { createServer } from "node:http"
import type { Socket as TcpSocket } from "node:net"
import { NodeHttpServer as Platform, NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpServer, type HttpServerError, HttpServerRequest } from "effect/http"
import { Socket } from "effect/socket"

export interface NodeHttpServerOptions {
  readonly host: string
  readonly port: number
  /** How long requests under way may take once the server closes. */
  readonly gracefulShutdownTimeoutMs: number
  /** Larger frames end the connection. */
  readonly frameBytesMax: number
}

/**
 * After a close frame the client has so long to answer it and to read what was sent before; then its connection is cut
 * off. A client that does not read would hold its memory, and the end of the server, for the 30 s that `ws` grants.
 */
const closeTimeoutMs = 2_000

/** Bytes that wait in a TCP socket before writers do. */
const bufferedBytesMax = 256 * 1024

export const layer = (options: NodeHttpServerOptions): Layer.Layer<HttpServer.HttpServer, HttpServerError.ServeError> =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      // A value of its own, because the types of `ws` do not know `closeTimeout` yet.
      const websocket = { maxPayload: options.frameBytesMax, closeTimeout: closeTimeoutMs }
      const server = yield* Platform.make(createServer, {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: options.gracefulShutdownTimeoutMs,
        websocket
      })
      return HttpServer.make({
        address: server.address,
        serve: (app) => server.serve(Effect.updateService(app, HttpServerRequest.HttpServerRequest, withBackpressure))
      })
    })
  )

const withBackpressure = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const tcp = NodeHttpServerRequest.toIncomingMessage(request).socket
  const upgrade = Effect.map(request.upgrade, (socket) =>
    Socket.make({
      reader: socket.reader,
      writer: Effect.map(socket.writer, (writer) => ({
        write: (chunk) => Effect.andThen(writer.write(chunk), drained(tcp)),
        writeAll: (chunks) => Effect.andThen(writer.writeAll(chunks), drained(tcp))
      }))
    })
  )
  return new Proxy(request, {
    get: (target, key) => {
      if (key === "upgrade") return upgrade
      if (key === "modify") {
        return (changes: Parameters<typeof request.modify>[0]) => withBackpressure(target.modify(changes))
      }
      const value: unknown = Reflect.get(target, key, target)
      return value
    }
  })
}

/** Waits until the peer has taken enough of what was written, or the connection has ended. */
const drained = (tcp: TcpSocket): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (tcp.writableLength <= bufferedBytesMax || tcp.destroyed) return resume(Effect.void)
    const done = () => {
      tcp.off("drain", done)
      tcp.off("close", done)
      resume(Effect.void)
    }
    tcp.on("drain", done)
    tcp.on("close", done)
    return Effect.sync(() => {
      tcp.off("drain", done)
      tcp.off("close", done)
    })
  })
