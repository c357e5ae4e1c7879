/**
 * HttpServer of the real world, with two things added to the platform's. A write to a WebSocket waits while the peer
 * does not read: the platform hands every frame to `ws`, whose buffer has no bound; here the buffer of the TCP socket
 * is looked at after each write, so that a slow client is seen as slow, as in the simulation. And what is served writes
 * the frames of the hub in batches; see BatchedFrames.
 */
import { createServer } from "node:http"
import { Socket as TcpSocket } from "node:net"
import * as Platform from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, Layer } from "effect"
import { HttpServer, type HttpServerError, HttpServerRequest } from "effect/http"
import { Socket } from "effect/socket"
import { FrameWriter } from "../core/hub/FrameWriter.ts"
import * as BatchedFrames from "./BatchedFrames.ts"
import * as EarlyRequests from "./EarlyRequests.ts"

export interface NodeHttpServerOptions {
  readonly host: string
  readonly port: number
  /** How long requests under way may take once the server closes. */
  readonly gracefulShutdownTimeoutMs: number
  /** Larger frames end the connection. */
  readonly frameBytesMax: number
  /** A request that has not come whole by then is answered 408, and its connection closed. Default 20 s. */
  readonly requestTimeoutMs?: number
}

/** Whoever sends a body byte by byte holds a place among the requests, which are bounded. */
const requestTimeoutMsDefault = 20_000

/** How often Node looks for those, at least: four times in the time that they have. */
const looksInTimeout = 4

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
      const frames = BatchedFrames.make(bufferedBytesMax)
      // A value of its own, because the types of `ws` do not know `closeTimeout` yet.
      const websocket = {
        maxPayload: options.frameBytesMax,
        closeTimeout: closeTimeoutMs,
        WebSocket: tellsOfClosing(frames)
      }
      const requestTimeout = options.requestTimeoutMs ?? requestTimeoutMsDefault
      const http = createServer({
        requestTimeout,
        headersTimeout: requestTimeout,
        connectionsCheckingInterval: requestTimeout / looksInTimeout
      })
      const handOn = EarlyRequests.keep(http)
      const server = yield* Platform.make(() => http, {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: options.gracefulShutdownTimeoutMs,
        websocket
      })
      return HttpServer.make({
        address: server.address,
        serve: (app) =>
          Effect.andThen(
            server.serve(
              app.pipe(
                Effect.updateService(HttpServerRequest.HttpServerRequest, (request) =>
                  // What asks for no upgrade is left as it is: even to look at its `upgrade` makes an error each time.
                  request.headers["upgrade"] === undefined ? request : withBackpressure(request, frames)
                ),
                Effect.provideService(FrameWriter, frames)
              )
            ),
            Effect.sync(handOn)
          )
      })
    })
  )

/** A WebSocket of `ws` that tells when a close frame goes out: the server's own, or the answer to the client's. */
const tellsOfClosing = (frames: BatchedFrames.BatchedFrames) =>
  class extends NodeWS.WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      // Undeclared, but there since the first version; without it frames may follow the close frame, no worse.
      const tcp: unknown = Reflect.get(this, "_socket")
      if (tcp instanceof TcpSocket) frames.closing(tcp)
      super.close(code, reason)
    }
  }

const withBackpressure = (
  request: HttpServerRequest.HttpServerRequest,
  frames: BatchedFrames.BatchedFrames
): HttpServerRequest.HttpServerRequest => {
  const tcp = NodeHttpServerRequest.toIncomingMessage(request).socket
  const upgrade = Effect.map(request.upgrade, (socket) => {
    const waiting = Socket.make({
      reader: socket.reader,
      writer: Effect.map(socket.writer, (writer) => new PatientWriter(writer, tcp))
    })
    frames.register(waiting, tcp)
    return waiting
  })
  return new Proxy(request, {
    get: (target, key) => {
      if (key === "upgrade") return upgrade
      if (key === "modify") {
        return (changes: Parameters<typeof request.modify>[0]) => withBackpressure(target.modify(changes), frames)
      }
      const value: unknown = Reflect.get(target, key, target)
      return value
    }
  })
}

/** A class, since there is one for each client. */
class PatientWriter implements Socket.Writer {
  private readonly writer: Socket.Writer
  private readonly tcp: TcpSocket

  constructor(writer: Socket.Writer, tcp: TcpSocket) {
    this.writer = writer
    this.tcp = tcp
  }

  write(chunk: Parameters<Socket.Writer["write"]>[0]): Effect.Effect<void, Socket.SocketError> {
    return Effect.andThen(this.writer.write(chunk), drained(this.tcp))
  }

  writeAll(chunks: Parameters<Socket.Writer["writeAll"]>[0]): Effect.Effect<void, Socket.SocketError> {
    return Effect.andThen(this.writer.writeAll(chunks), drained(this.tcp))
  }
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
