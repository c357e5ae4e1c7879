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
  /** After so long without a frame from the client, the interval included, it is closed. Larger than the interval. */
  readonly heartbeatTimeoutMs: number
  /** Larger frames are invalid. Bytes of UTF-8. */
  readonly frameBytesMax: number
  /** Invalid frames in all before the connection is closed. */
  readonly invalidFramesMax: number
  /** The longest wait for a close frame to be written. */
  readonly closeTimeoutMs: number
}

/** How a session ended: for the close frame, and a last frame that explains it to a program. */
interface Ending extends CloseReason {
  readonly lastFrame?: string
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
  const { code, lastFrame, reason }: Ending = yield* Effect.raceFirst(
    client.closing,
    Effect.raceFirst(
      readFrames(client, reader, heard, options),
      Effect.raceFirst(writeFrames(client, writer), heartbeat(client, heard, options))
    )
  )
  // Nothing is written to one who does not read: a slow client's close frame may never get out.
  yield* Effect.andThen(
    lastFrame === undefined ? Effect.void : writer.write(lastFrame),
    writer.write(new Socket.CloseEvent(code, reason))
  ).pipe(Effect.timeoutOption(options.closeTimeoutMs), Effect.ignore)
  return { code, reason }
})

/** Adds a client to the hub for the length of `use`. */
export const withClient = <A, E, R>(
  use: (client: Client) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | JoinRefused, R | Hub> =>
  Effect.flatMap(Hub, (hub) =>
    Effect.acquireUseRelease(hub.join, use, (client) =>
      client
        .close({ code: 1000, reason: "the session ended" })
        .pipe(Effect.andThen(client.gone), Effect.andThen(client.leave))
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
): Effect.Effect<Ending, Socket.SocketError> =>
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
        const answer = { type: "error", code: "invalid_frame", message: problem, invalid_frames_left: left }
        // The end of the session ends the writing of the outbox: the last answer has to go another way.
        if (left <= 0) {
          const reason = `${invalid} invalid frames`
          return { code: CloseCode.invalidFrames, reason, lastFrame: JSON.stringify(answer) }
        }
        yield* client.send(JSON.stringify(answer))
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
  const bytes = byteLength(frame, frameBytesMax)
  if (bytes > frameBytesMax) {
    return Effect.succeed(`a frame of ${bytes} bytes; expected at most ${frameBytesMax}`)
  }
  const decoded = decodeClientFrame(frame)
  if (decoded._tag === "Failure") return Effect.succeed(`not a frame of the protocol: ${decoded.failure.message}`)
  return Effect.as(act(client, decoded.success), undefined)
}

const utf8 = new TextEncoder()

/** Length in UTF-8, which is at least one and at most three bytes a UTF-16 unit: most frames need no counting. */
const byteLength = (frame: string, frameBytesMax: number): number =>
  frame.length * 3 <= frameBytesMax ? frame.length : utf8.encode(frame).length

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
const heartbeat = (
  client: Client,
  heard: Ref.Ref<number>,
  { heartbeatIntervalMs, heartbeatTimeoutMs }: SessionOptions
): Effect.Effect<CloseReason> =>
  Effect.gen(function* () {
    const ping = JSON.stringify({ type: "ping" })
    let pingedSinceMs: number | undefined
    for (;;) {
      const heardMs = yield* Ref.get(heard)
      const silentMs = (yield* Clock.currentTimeMillis) - heardMs
      if (silentMs >= heartbeatTimeoutMs) {
        return { code: CloseCode.heartbeat, reason: `nothing heard for ${Math.round(silentMs)} ms` }
      }
      // One ping a silence. The wait for its answer is looked at again after an interval: by then the next ping may be
      // due, since the client may have answered at once.
      if (silentMs >= heartbeatIntervalMs && pingedSinceMs !== heardMs) {
        pingedSinceMs = heardMs
        yield* client.send(ping)
      }
      const restMs = silentMs < heartbeatIntervalMs ? heartbeatIntervalMs - silentMs : heartbeatIntervalMs
      yield* Effect.sleep(Math.min(restMs, heartbeatTimeoutMs - silentMs))
    }
  })
