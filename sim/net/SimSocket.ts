/** A WebSocket as Effect's `Socket`, over an upgraded connection of the simulated network. */
import { Effect } from "effect"
import { Socket } from "effect/socket"
import type { Connection, NetworkError } from "./Network.ts"

/** Close code that an endpoint reports when the connection broke without a close frame (RFC 6455, 7.1.5). */
const abnormalClosure = 1006

/**
 * Unlike a real one, a write waits while the peer does not read: the window of the connection is the send buffer.
 * As on a real one, `pull` never ends cleanly: each end is a `SocketCloseError`, with 1006 when no close frame came.
 */
export const makeSocket = (connection: Connection): Socket.Socket => {
  let closed: Socket.SocketError | undefined
  const fail = (code: number, closeReason: string | undefined) => {
    closed ??= new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason }) })
    return Effect.fail(closed)
  }
  const broken = (error: NetworkError) => fail(abnormalClosure, error.reason)

  const pull: Socket.Reader["pull"] = Effect.suspend(() => {
    if (closed !== undefined) return Effect.fail(closed)
    return Effect.matchEffect(connection.receive, {
      onFailure: broken,
      onSuccess: (message) => {
        if (message._tag === "Frame") return Effect.succeed([message.data] as const)
        if (message._tag !== "CloseFrame") return fail(1002, `unexpected ${message._tag}`)
        return Effect.andThen(connection.close, fail(message.code, message.reason))
      }
    })
  })

  const write: Socket.Writer["write"] = (chunk) => {
    // As with a real socket, a write after the end succeeds and goes nowhere; the reader learns of the end.
    if (closed !== undefined) return Effect.void
    if (!Socket.isCloseEvent(chunk)) return Effect.ignore(connection.send({ _tag: "Frame", data: chunk }))
    const { code, reason = "" } = chunk
    // Before the connection closes: a reader that waits must find this code and not that of a break.
    const remember = Effect.sync(() => {
      closed ??= new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason: reason }) })
    })
    return connection
      .send({ _tag: "CloseFrame", code, reason })
      .pipe(Effect.ignore, Effect.andThen(remember), Effect.andThen(connection.close))
  }

  return Socket.make({
    reader: Effect.as(
      Effect.addFinalizer(() => connection.close),
      { pull, upgrade: Socket.SocketUpgradeError.unsupported }
    ),
    writer: Effect.succeed({
      write,
      writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true })
    })
  })
}
