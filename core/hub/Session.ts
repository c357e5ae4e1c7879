/**
 * The session of one client: it reads frames and writes the outbox, and ends when either does or the hub or the
 * heartbeat asks for it. However it ends, the hub holds nothing of the client afterwards.
 */
import { Effect, Fiber, Result, type Scope } from "effect"
import { Socket } from "effect/socket"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import * as FrameRate from "./FrameRate.ts"
import { FrameWriter } from "./FrameWriter.ts"
import type { Connection, Writing } from "./FrameWriter.ts"
import type { Heartbeat, HeartbeatOptions, Watched } from "./Heartbeat.ts"
import { Hub } from "./Hub.ts"
import type { Client, JoinRefused, Joining } from "./Hub.ts"
import { CloseCode, decodeClientFrame } from "./Protocol.ts"
import type { ClientFrame, CloseReason } from "./Protocol.ts"

export interface SessionOptions extends HeartbeatOptions {
  /** Larger frames are invalid. Bytes of UTF-8. */
  readonly frameBytesMax: number
  /** Invalid frames in all before the connection is closed. */
  readonly invalidFramesMax: number
  /** Frames a second, on average over ten, before the connection is closed. */
  readonly framesPerSecondMax: number
  /** The longest wait for a close frame to be written. */
  readonly closeTimeoutMs: number
}

/**
 * Serves a client that joined until it ends, and says why it ended. Fails when the connection broke.
 *
 * There may be thousands of sessions, nearly all of them idle: each is this fiber and the one that reads, with little
 * on their stacks. Whatever ends a session asks the hub for it, and that wakes this fiber.
 */
export const serve = (
  client: Client,
  socket: Socket.Socket,
  heartbeat: Heartbeat,
  options: SessionOptions
): Effect.Effect<CloseReason, Socket.SocketError, Scope.Scope> =>
  Effect.flatMap(Effect.all([socket.reader, socket.writer]), ([reader, writer]) => {
    const session = new Session(client, heartbeat, options)
    const started = Effect.acquireRelease(session.start({ socket, writer }, reader), () => session.stop)
    return Effect.flatMap(Effect.andThen(started, client.closing), (reason) =>
      Effect.andThen(session.stop, session.sayGoodbye(writer, reason))
    )
  })

/** The connection broke: never sent, there is nobody to send it to. */
const brokenCode = 1006

/** What a session knows of its client. Everything happens in the fiber that reads, except its end. */
class Session {
  private readonly client: Client
  private readonly heartbeat: Heartbeat
  private readonly options: SessionOptions
  private allowance: FrameRate.Allowance | undefined
  private watched: Watched | undefined
  private writing: Writing | undefined
  private reading: Fiber.Fiber<void> | undefined
  private invalid = 0
  private isOver = false
  /** Explains the end to a program. */
  private lastFrame: string | undefined
  private broken: Socket.SocketError | undefined

  constructor(client: Client, heartbeat: Heartbeat, options: SessionOptions) {
    this.client = client
    this.heartbeat = heartbeat
    this.options = options
  }

  /** Begins to write and to read, until `stop` has run. */
  start(connection: Connection, reader: Socket.Reader): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const nowMs = yield* monotonicMs
      const writer = yield* FrameWriter
      this.writing = yield* writer.start(this.client.outbox, connection, (error) => this.broke(error))
      this.watched = this.heartbeat.watch(this.client, nowMs)
      this.reading = yield* Effect.forkChild(this.readAll(reader))
    })
  }

  /** Neither reads nor writes any more, and may be called again. */
  get stop(): Effect.Effect<void> {
    const { reading, watched, writing } = this
    if (watched !== undefined) this.heartbeat.forget(watched)
    return Effect.andThen(
      reading === undefined ? Effect.void : Fiber.interrupt(reading),
      writing === undefined ? Effect.void : writing.stop
    )
  }

  /** Acts on what comes until that ends the session. */
  readAll({ pull }: Socket.Reader): Effect.Effect<void> {
    const step = Effect.flatMap(pull, (frames) => Effect.flatMap(monotonicMs, (nowMs) => this.receive(frames, nowMs)))
    return Effect.whileLoop({ while: () => !this.isOver, body: () => step, step: () => {} }).pipe(
      Effect.catch((error) => this.broke(error))
    )
  }

  /** The connection has failed. */
  broke(error: Socket.SocketError): Effect.Effect<void> {
    this.broken = error
    return this.end({ code: brokenCode, reason: error.message })
  }

  /** Tells the client why, when there is a connection to tell it by. */
  sayGoodbye(writer: Socket.Writer, reason: CloseReason): Effect.Effect<CloseReason, Socket.SocketError> {
    const { broken, lastFrame, options } = this
    if (broken !== undefined && reason.code === brokenCode) return Effect.fail(broken)
    // Nothing is written to one who does not read: a slow client's close frame may never get out.
    return Effect.andThen(
      lastFrame === undefined ? Effect.void : writer.write(lastFrame),
      writer.write(new Socket.CloseEvent(reason.code, reason.reason))
    ).pipe(Effect.timeoutOption(options.closeTimeoutMs), Effect.ignore, Effect.as(reason))
  }

  private end(reason: CloseReason): Effect.Effect<void> {
    this.isOver = true
    return this.client.close(reason)
  }

  private receive(frames: ReadonlyArray<string | Uint8Array>, nowMs: number): Effect.Effect<void> {
    const { framesPerSecondMax } = this.options
    this.watched?.heard(nowMs)
    const allowance = this.allowance ?? FrameRate.full(framesPerSecondMax, nowMs)
    this.allowance = FrameRate.spend(allowance, frames.length, framesPerSecondMax, nowMs)
    if (this.allowance === undefined) {
      Marks.reached("a client sent frames too fast")
      return this.end({ code: CloseCode.tooManyFrames, reason: `more than ${framesPerSecondMax} frames a second` })
    }
    return Effect.forEach(frames, (frame) => this.handle(frame), { discard: true })
  }

  private handle(frame: string | Uint8Array): Effect.Effect<void> {
    if (this.isOver) return Effect.void
    const decoded = decodeFrame(frame, this.options.frameBytesMax)
    return decoded._tag === "Success" ? act(this.client, decoded.success) : this.refuse(decoded.failure)
  }

  private refuse(problem: string): Effect.Effect<void> {
    this.invalid++
    const left = this.options.invalidFramesMax - this.invalid
    const answer = JSON.stringify({ type: "error", code: "invalid_frame", message: problem, invalid_frames_left: left })
    if (left > 0) return this.client.send(answer)
    // The end of the session ends the writing of the outbox: the last answer has to go another way.
    this.lastFrame = answer
    Marks.reached("a client sent too many invalid frames")
    return this.end({ code: CloseCode.invalidFrames, reason: `${this.invalid} invalid frames` })
  }
}

/** Adds a client to the hub for the length of `joined`. */
export const withClient = <A, E, R, A2, E2, R2>(
  joining: Joining,
  use: {
    readonly joined: (client: Client) => Effect.Effect<A, E, R>
    readonly refused: (error: JoinRefused) => Effect.Effect<A2, E2, R2>
  }
): Effect.Effect<A | A2, E | E2, Hub | R | R2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Hub, (hub) =>
      Effect.matchEffect(hub.join(joining), {
        onFailure: (error) => restore(use.refused(error)),
        onSuccess: (client) => Effect.onExit(restore(use.joined(client)), () => leave(client))
      })
    )
  )

const leave = (client: Client): Effect.Effect<void> =>
  client
    .close({ code: 1000, reason: "the session ended" })
    .pipe(Effect.andThen(client.gone), Effect.andThen(client.leave))

/** A frame of the protocol, or what is wrong with it. */
const decodeFrame = (frame: string | Uint8Array, frameBytesMax: number): Result.Result<ClientFrame, string> => {
  if (typeof frame !== "string") return Result.fail("a binary frame; expected JSON text")
  const bytes = byteLength(frame, frameBytesMax)
  if (bytes > frameBytesMax) return Result.fail(`a frame of ${bytes} bytes; expected at most ${frameBytesMax}`)
  return Result.mapError(decodeClientFrame(frame), ({ message }) => `not a frame of the protocol: ${message}`)
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
      return client.subscribe(subscription)
    }
  }
}
