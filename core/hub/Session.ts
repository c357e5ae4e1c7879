/**
 * The session of one client: it reads frames, writes the outbox, keeps the heartbeat, and ends when any of these does
 * or the hub asks for it. However it ends, the hub holds nothing of the client afterwards.
 */
import { Clock, Effect, Ref, type Scope } from "effect"
import { Socket } from "effect/socket"
import { Hub } from "./Hub.ts"
import type { Client, JoinRefused } from "./Hub.ts"
import { CloseCode, decodeClientFrame } from "./Protocol.ts"
import type { ClientFrame, CloseReason } from "./Protocol.ts"

export interface SessionOptions {
  /** After so long without a frame from the client it is sent a `ping`. */
  readonly heartbeatIntervalMs: number
  /** After so long without a frame from the client it is closed. Larger than the interval. */
  readonly heartbeatTimeoutMs: number
  readonly frameBytesMax: number
  /** Invalid frames in all before the connection is closed. */
  readonly invalidFramesMax: number
  /** The longest wait for a close frame to be written. */
  readonly closeTimeoutMs: number
}

/** Serves a client that joined until it ends, and says why it ended. */
export const serve = Effect.fn("Session.serve")(function* (
  client: Client,
  socket: Socket.Socket,
  options: SessionOptions
): Effect.fn.Return<CloseReason, Socket.SocketError, Scope.Scope> {
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  const heard = yield* Ref.make(yield* Clock.currentTimeMillis)
  const ended = yield* Effect.raceFirst(
    client.closing,
    Effect.raceFirst(
      readFrames(client, reader, heard, options),
      Effect.raceFirst(writeFrames(client, writer), heartbeat(client, heard, options))
    )
  )
  // Nothing is written to one who does not read: a slow client's close frame may never get out.
  yield* writer
    .write(new Socket.CloseEvent(ended.code, ended.reason))
    .pipe(Effect.timeoutOption(options.closeTimeoutMs), Effect.ignore)
  return ended
})

/** Adds a client to the hub for the length of `use`. */
export const withClient = <A, E, R>(
  use: (client: Client) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | JoinRefused, R | Hub> =>
  Effect.flatMap(Hub, (hub) =>
    Effect.acquireUseRelease(hub.join, use, (client) =>
      Effect.andThen(client.close({ code: 1000, reason: "the session ended" }), client.gone)
    )
  )

const writeFrames = (client: Client, writer: Socket.Writer): Effect.Effect<never, Socket.SocketError> =>
  Effect.forever(
    Effect.flatMap(client.outbox.take, ([first, ...rest]) =>
      first === undefined ? Effect.void : writer.writeAll([first, ...rest])
    )
  )

const readFrames = (
  client: Client,
  reader: Socket.Reader,
  heard: Ref.Ref<number>,
  options: SessionOptions
): Effect.Effect<CloseReason, Socket.SocketError> =>
  Effect.gen(function* () {
    let invalid = 0
    for (;;) {
      const frames = yield* reader.pull
      yield* Ref.set(heard, yield* Clock.currentTimeMillis)
      for (const frame of frames) {
        const problem = yield* handleFrame(client, frame, options.frameBytesMax)
        if (problem === undefined) continue
        invalid++
        const left = options.invalidFramesMax - invalid
        yield* client.send(
          JSON.stringify({ type: "error", code: "invalid_frame", message: problem, invalid_frames_left: left })
        )
        if (left <= 0) return { code: CloseCode.invalidFrames, reason: `${invalid} invalid frames` }
      }
    }
  })

/** Acts on a frame; gives what is wrong with it when it is none of the protocol. */
const handleFrame = (
  client: Client,
  frame: string | Uint8Array,
  frameBytesMax: number
): Effect.Effect<string | undefined> => {
  if (typeof frame !== "string") return Effect.succeed("a binary frame; expected JSON text")
  if (frame.length > frameBytesMax) {
    return Effect.succeed(`a frame of ${frame.length} characters; expected at most ${frameBytesMax}`)
  }
  const decoded = decodeClientFrame(frame)
  if (decoded._tag === "Failure") return Effect.succeed(`not a frame of the protocol: ${decoded.failure.message}`)
  return Effect.as(act(client, decoded.success), undefined)
}

const act = (client: Client, frame: ClientFrame): Effect.Effect<void> => {
  switch (frame.type) {
    case "ping":
      return client.send(JSON.stringify({ type: "pong" }))
    case "pong":
      return Effect.void
    case "subscribe": {
      const { type: _, ...subscription } = frame
      return client.subscribe(subscription, JSON.stringify({ type: "subscribed", ...subscription }))
    }
  }
}

/** Pings at `interval` of silence and gives up at `timeout`; the wait for the answer is all of what lies between. */
const heartbeat = (client: Client, heard: Ref.Ref<number>, options: SessionOptions): Effect.Effect<CloseReason> =>
  Effect.gen(function* () {
    const ping = JSON.stringify({ type: "ping" })
    for (;;) {
      const silentMs = (yield* Clock.currentTimeMillis) - (yield* Ref.get(heard))
      if (silentMs >= options.heartbeatTimeoutMs) {
        return { code: CloseCode.heartbeat, reason: `nothing heard for ${Math.round(silentMs)} ms` }
      }
      if (silentMs >= options.heartbeatIntervalMs) {
        yield* client.send(ping)
        yield* Effect.sleep(options.heartbeatTimeoutMs - silentMs)
      } else yield* Effect.sleep(options.heartbeatIntervalMs - silentMs)
    }
  })
