/** A server of raw bytes on a free port of 127.0.0.1, or on a unix socket, to misbehave as no HTTP library would. */
import { Effect, type Scope } from "effect"
import { createServer, type Server, type Socket } from "node:net"

export interface RawServer {
  /** `http://127.0.0.1:<port>`; empty for a unix socket. */
  readonly url: string
  /** What each connection sent, in the order in which they were opened. */
  readonly received: ReadonlyArray<string>
  /** Connections that are open now. */
  readonly openCount: Effect.Effect<number>
}

/** Gives each connection to `serve` once its first bytes have come, or at once when `serve.atOnce` is set. */
export const rawServer = (
  serve: (socket: Socket, index: number) => void,
  options: { readonly path?: string; readonly atOnce?: boolean } = {}
): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const received: Array<string> = []
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      const index = received.push("") - 1
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      // Resets are what these servers are for.
      socket.on("error", () => {})
      socket.on("data", (bytes) => {
        const isFirst = received[index] === ""
        received[index] += bytes.toString("latin1")
        if (isFirst && options.atOnce !== true) serve(socket, index)
      })
      if (options.atOnce === true) serve(socket, index)
    })
    yield* Effect.acquireRelease(listen(server, options.path), () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
    )
    const address = server.address()
    return {
      url: typeof address === "object" && address !== null ? `http://127.0.0.1:${address.port}` : "",
      received,
      openCount: Effect.sync(() => sockets.size)
    }
  })

const listen = (server: Server, path: string | undefined) =>
  Effect.callback<void>((resume) => {
    const done = () => resume(Effect.void)
    if (path === undefined) server.listen(0, "127.0.0.1", done)
    else server.listen(path, done)
  })

/** An HTTP response with this body, its length announced unless headers say otherwise. */
export const http = (body: string, head = `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}`): string =>
  `${head}\r\nContent-Type: text/xml\r\n\r\n${body}`
