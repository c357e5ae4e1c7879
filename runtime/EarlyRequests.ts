/**
 * Requests that come while the server listens and nothing is served yet: a console that is starting ends first what an
 * earlier life has left behind, which may take seconds. Node would drop them without an answer, and their clients would
 * wait for ever; here they wait for the server to be ready.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"

/** Requests that wait, at most. The connection of one more is cut off. */
const waitingMax = 1_024

/** Keeps what comes from now on; what it gives ends that and hands all of it on, once there is somebody to take it. */
export const keep = (server: Server): (() => void) => {
  const waiting: Array<() => void> = []
  const add = (socket: Duplex, handOn: () => void): void => {
    if (waiting.length < waitingMax) waiting.push(handOn)
    else socket.destroy()
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
    add(request.socket, () => server.emit("request", request, response))
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Nobody else listens yet, and a client that goes away must not end the process.
    const gone = () => socket.destroy()
    socket.on("error", gone)
    add(socket, () => {
      socket.off("error", gone)
      if (!socket.destroyed) server.emit("upgrade", request, socket, head)
    })
  }
  server.on("request", onRequest)
  server.on("upgrade", onUpgrade)
  return () => {
    server.off("request", onRequest)
    server.off("upgrade", onUpgrade)
    for (const handOn of waiting.splice(0)) handOn()
  }
}
