/**
 * FrameWriter for many clients: an outbox that has frames marks its connection, and at the end of the turn of the event
 * loop each marked connection is given all that waits for it in one write, straight to its TCP socket. A write costs
 * much more than a frame, so that turns follow one another only after a pause: what comes singly goes out at once, and
 * what comes thick goes out together.
 *
 * A frame of a server is not masked, so its bytes are the same for all clients: they are made once, and clients that
 * get the same frames share one buffer. `ws` goes on to write its own control frames to the same socket; both sides
 * write whole frames only, so that none is torn. A connection whose peer does not read is given nothing more until it
 * has taken what was written: its frames wait in the outbox, where the hub sees that it is slow.
 */
import type { Socket as TcpSocket } from "node:net"
import { Effect } from "effect"
import type { Socket } from "effect/socket"
import type { FrameWriter, Writing } from "../core/hub/FrameWriter.ts"
import type { OutFrame } from "../core/hub/OutFrame.ts"
import type { Outbox } from "../core/hub/Outbox.ts"
import { encodeTextFrame } from "./WebSocketFrame.ts"

/** The writer, and the means to tell it which TCP socket a socket stands on. */
export interface BatchedFrames extends FrameWriter {
  readonly register: (socket: Socket.Socket, tcp: TcpSocket) => void
  /** A close frame is about to be written to the connection: it is given no other frame after that. */
  readonly closing: (tcp: TcpSocket) => void
}

/** `bufferedBytesMax`: bytes that wait in a TCP socket before its frames wait in the outbox. */
export const make = (bufferedBytesMax: number): BatchedFrames => {
  const turn = new Turn()
  const sockets = new WeakMap<Socket.Socket, TcpSocket>()
  const closing = new WeakSet<TcpSocket>()
  return {
    register: (socket, tcp) => {
      sockets.set(socket, tcp)
    },
    closing: (tcp) => {
      closing.add(tcp)
    },
    start: (outbox, { socket }) => {
      const tcp = sockets.get(socket)
      if (tcp === undefined) return Effect.die("the socket of a client is not one of this server")
      // It needs no fiber: the outbox and the connection call it. How the connection ends, its reader tells.
      return Effect.sync(() => new Line(outbox, tcp, { turn, closing, bufferedBytesMax }))
    }
  }
}

/** What all lines have in common. */
interface Shared {
  readonly turn: Turn
  readonly closing: WeakSet<TcpSocket>
  readonly bufferedBytesMax: number
}

/** The way from an outbox to a TCP socket. */
class Line implements Writing {
  private readonly outbox: Outbox
  private readonly tcp: TcpSocket
  private readonly shared: Shared
  /** It is to be flushed in this turn, or when the connection has taken what it has. */
  private isMarked = false
  private isFull = false

  constructor(outbox: Outbox, tcp: TcpSocket, shared: Shared) {
    this.outbox = outbox
    this.tcp = tcp
    this.shared = shared
    outbox.attach(this)
  }

  /** Called with each frame that comes into the outbox. */
  wake(): void {
    if (this.isMarked) return
    this.isMarked = true
    this.shared.turn.mark(this)
  }

  relieve(): void {
    if (!this.isFull) this.write()
  }

  flush(): void {
    this.isMarked = false
    if (!this.isFull) this.write()
  }

  /** Gives the connection what waits; what comes after that waits for whoever is next. */
  get stop(): Effect.Effect<void> {
    return Effect.sync(() => {
      if (!this.isFull) this.write()
      this.outbox.attach(undefined)
      this.tcp.off("drain", this.drained)
      // A turn that is about to come finds nothing to do.
      this.isFull = true
    })
  }

  private write(): void {
    const { outbox, shared, tcp } = this
    // Frames after a close frame are against the protocol; what waits is of no use to anybody any more.
    if (tcp.writableEnded || tcp.destroyed || shared.closing.has(tcp)) return
    if (tcp.writableLength > shared.bufferedBytesMax) {
      this.isFull = true
      tcp.once("drain", this.drained)
      return
    }
    const frames = outbox.take()
    if (frames.length > 0) tcp.write(shared.turn.bytesOf(frames))
  }

  private readonly drained = (): void => {
    this.isFull = false
    this.flush()
  }
}

/** Milliseconds from one turn to the next, at least. A client notices nothing, and many frames come together. */
const pauseMs = 5

/** Which lines to flush at the end of the turn, and the bytes that they share. */
class Turn {
  private marked: Array<Line> = []
  private endedMs = Number.NEGATIVE_INFINITY
  private readonly encoded = new WeakMap<OutFrame, Buffer>()
  private lastFrames: ReadonlyArray<OutFrame> = []
  private lastBytes: Buffer = Buffer.alloc(0)

  mark(line: Line): void {
    if (this.marked.push(line) > 1) return
    const leftMs = this.endedMs + pauseMs - performance.now()
    if (leftMs > 0) setTimeout(this.end, leftMs)
    else setImmediate(this.end)
  }

  /** The bytes of these frames in a row. Those of the last list are kept: the next client often gets the same. */
  bytesOf(frames: ReadonlyArray<OutFrame>): Buffer {
    if (areSame(frames, this.lastFrames)) return this.lastBytes
    const parts = frames.map((frame) => this.encode(frame))
    const [first] = parts
    this.lastBytes = first !== undefined && parts.length === 1 ? first : Buffer.concat(parts)
    this.lastFrames = frames
    return this.lastBytes
  }

  private readonly end = (): void => {
    const lines = this.marked
    this.marked = []
    for (const line of lines) line.flush()
    this.endedMs = performance.now()
    // Nothing of a client outlives the turn.
    this.lastFrames = []
    this.lastBytes = Buffer.alloc(0)
  }

  private encode(frame: OutFrame): Buffer {
    const known = this.encoded.get(frame)
    if (known !== undefined) return known
    const bytes = encodeTextFrame(frame.text)
    this.encoded.set(frame, bytes)
    return bytes
  }
}

const areSame = (some: ReadonlyArray<OutFrame>, others: ReadonlyArray<OutFrame>): boolean => {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false
  return true
}
