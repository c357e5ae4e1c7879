/**
 * A WebSocket as Effect's `Socket`, over an upgraded connection of the simulated network.
 *
 * Models: frames in order, close frames answered with their own code, 1006 where the connection ends without one, a
 * limit to the size of frames (1009), an end by force when a close frame gets no answer. A write waits while the window
 * of the connection is full, as the console's server lets it; a browser would buffer without a bound.
 * Does not model: pings of the protocol itself, fragments, compression, close frames answered while nobody reads.
 */
import { Effect, type Exit, type Scope } from "effect"
import { Socket } from "effect/socket"
import type { Connection } from "./Connection.ts"

/** Codes of RFC 6455, 7.4.1. */
const code = { protocolError: 1002, abnormalClosure: 1006, tooBig: 1009 } as const

export interface SocketOptions {
  /** Larger frames end the connection with 1009. Bytes; characters of text count as one. */
  readonly frameBytesMax?: number
  /** So long a close frame may take to get out, and then stay without an answer. Default 2 s. */
  readonly closeTimeoutMs?: number
  /** The code to say when the scope of the reader closes before anybody has said one. Without it nothing is said. */
  readonly leavesWith?: (exit: Exit.Exit<unknown, unknown>) => number
}

const closeTimeoutMsDefault = 2_000

const closeError = (closeCode: number, closeReason: string) =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: closeCode, closeReason }) })

class SimSocket {
  private readonly connection: Connection
  private readonly options: SocketOptions
  /** Why it has ended for the reader. */
  private ended: Socket.SocketError | undefined
  private closing = false
  /** Of the reader; what waits for the peer ends with it. */
  private scope: Scope.Scope | undefined

  constructor(connection: Connection, options: SocketOptions) {
    this.connection = connection
    this.options = options
  }

  readonly reader = Effect.gen({ self: this }, function* () {
    this.scope = yield* Effect.scope
    yield* Effect.addFinalizer((exit) => this.leave(exit))
    return { pull: this.pull, upgrade: Socket.SocketUpgradeError.unsupported }
  })

  /** Never ends cleanly: each end is a `SocketError`, the same one from then on. */
  private readonly pull: Socket.Reader["pull"] = Effect.suspend(() => {
    if (this.ended !== undefined) return Effect.fail(this.ended)
    return Effect.matchEffect(this.connection.receive, {
      onFailure: () => this.end(code.abnormalClosure, ""),
      onSuccess: (message) => {
        if (message._tag === "Frame") return this.accept(message.data)
        if (message._tag === "CloseFrame") return this.answerClose(message.code, message.reason)
        return this.refuse(code.protocolError, new Error(`Invalid WebSocket frame: ${message._tag}`))
      }
    })
  })

  readonly write: Socket.Writer["write"] = (chunk) =>
    Effect.suspend(() => {
      // As with a real socket, a write after the end succeeds and goes nowhere; the reader learns of the end.
      if (this.ended !== undefined || this.closing) return Effect.void
      if (!Socket.isCloseEvent(chunk)) return Effect.ignore(this.connection.send({ _tag: "Frame", data: chunk }))
      this.closing = true
      return Effect.andThen(this.sendClose(chunk.code, chunk.reason ?? ""), this.giveUpLater)
    })

  private leave(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { closeTimeoutMs = closeTimeoutMsDefault, leavesWith } = this.options
    if (leavesWith === undefined || this.closing || this.ended !== undefined) return this.connection.close
    this.closing = true
    return this.sendClose(leavesWith(exit), "").pipe(
      Effect.timeoutOption(closeTimeoutMs),
      Effect.andThen(this.connection.close)
    )
  }

  private readonly giveUpLater = Effect.suspend(() =>
    this.scope === undefined
      ? Effect.void
      : Effect.sleep(this.options.closeTimeoutMs ?? closeTimeoutMsDefault).pipe(
          Effect.andThen(this.connection.close),
          Effect.forkIn(this.scope)
        )
  )

  private accept(data: string | Uint8Array) {
    const { frameBytesMax = Number.POSITIVE_INFINITY } = this.options
    return data.length > frameBytesMax
      ? this.refuse(code.tooBig, new RangeError("Max payload size exceeded"))
      : Effect.succeed([data] as const)
  }

  private answerClose(closeCode: number, reason: string) {
    return Effect.andThen(
      this.closing ? Effect.void : this.sendClose(closeCode, reason),
      Effect.suspend(() => this.end(closeCode, reason))
    )
  }

  /** Ends it over what the peer sent: the peer reads the code, and the reader here the cause. */
  private refuse(closeCode: number, cause: Error) {
    this.ended = new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) })
    return this.sendClose(closeCode, "").pipe(
      Effect.andThen(this.connection.close),
      Effect.andThen(Effect.fail(this.ended))
    )
  }

  private end(closeCode: number, reason: string) {
    this.ended ??= closeError(closeCode, reason)
    return Effect.andThen(this.connection.close, Effect.fail(this.ended))
  }

  private sendClose(closeCode: number, reason: string): Effect.Effect<void> {
    return Effect.ignore(this.connection.send({ _tag: "CloseFrame", code: closeCode, reason }))
  }
}

export const makeSocket = (connection: Connection, options: SocketOptions = {}): Socket.Socket => {
  const { reader, write } = new SimSocket(connection, options)
  const writeAll: Socket.Writer["writeAll"] = (chunks) => Effect.forEach(chunks, write, { discard: true })
  return Socket.make({ reader, writer: Effect.succeed({ write, writeAll }) })
}
