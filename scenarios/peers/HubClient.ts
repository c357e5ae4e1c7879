/** A modelled client of the hub: a browser tab or a script that connects, reads frames, answers pings and leaves. */
import { Effect, Schema, type Scope } from "effect"
import { Socket } from "effect/socket"
import type { Network } from "../../sim/net/Network.ts"
import * as WebSocketClient from "../../sim/net/WebSocketClient.ts"

const closeNormally = new Socket.CloseEvent(1000, "bye")

/** A frame as it arrived, decoded no further than its type and number. */
export interface Received {
  readonly type: string
  readonly seq: number | undefined
  readonly text: string
}

export interface HubClientOptions {
  readonly from: string
  readonly host: string
  readonly port: number
  /** Added to the path, such as `?since=5`. */
  readonly query?: string
}

export interface HubClient {
  /** Frames so far, oldest first. */
  readonly received: Effect.Effect<ReadonlyArray<Received>>
  readonly send: (text: string) => Effect.Effect<void>
  /** Reads and answers pings until the connection ends; gives the close code. */
  readonly read: Effect.Effect<number>
  /** Says goodbye by a close frame. */
  readonly close: Effect.Effect<void>
}

const Frame = Schema.fromJsonString(Schema.Struct({ type: Schema.String, seq: Schema.optionalKey(Schema.Int) }))
const decode = Schema.decodeUnknownSync(Frame)

/** A broadcast comes to many clients as one text, which is decoded once. */
let latest = { text: '{"type":""}', frame: decode('{"type":""}') }

const decodeFrame = (text: string): typeof Frame.Type => {
  if (text !== latest.text) latest = { text, frame: decode(text) }
  return latest.frame
}

/** What a client makes of a text of the hub. */
export const receivedOf = (text: string): Received => {
  const { seq, type } = decodeFrame(text)
  return { type, seq, text }
}

/** Connects; the connection breaks off with the scope, without a goodbye. */
export const connect = (
  options: HubClientOptions
): Effect.Effect<HubClient, Socket.SocketError, Network | Scope.Scope> =>
  Effect.flatMap(
    WebSocketClient.connect({ ...options, path: `/api/ws${options.query ?? ""}`, headers: { upgrade: "websocket" } }),
    over
  )

/** A client over a connection that is open already. */
export const over = Effect.fnUntraced(function* (
  socket: Socket.Socket
): Effect.fn.Return<HubClient, Socket.SocketError, Scope.Scope> {
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  const received: Array<Received> = []
  const pong = writer.write(JSON.stringify({ type: "pong" }))

  const take = (data: string | Uint8Array) => {
    const text = typeof data === "string" ? data : `binary of ${data.length} bytes`
    // A frame of the hub that is no JSON with a type is a bug of the hub: a defect.
    const frame = receivedOf(text)
    received.push(frame)
    return frame.type === "ping" ? pong : Effect.void
  }

  return {
    received: Effect.sync(() => received.slice()),
    send: (text) => Effect.ignore(writer.write(text)),
    close: Effect.ignore(writer.write(closeNormally)),
    read: reader.pull.pipe(
      Effect.flatMap(([frame, ...more]) =>
        more.length === 0 ? take(frame) : Effect.forEach([frame, ...more], take, { discard: true })
      ),
      Effect.forever,
      Effect.catchTag("SocketError", ({ reason }) =>
        Effect.succeed(reason._tag === "SocketCloseError" ? reason.code : 0)
      )
    )
  }
})
