/**
 * A connection between two hosts: a pipe each way, and what each end knows of the other.
 *
 * Ends are learnt by message, as over TCP: a close arrives behind what was sent before it, a reset arrives and destroys
 * what was under way, and what is sent to an end that is gone is answered by a reset. Under a partition none of these
 * arrives, and the connection is half open.
 */
import { Effect } from "effect"
import type { Medium } from "./Medium.ts"
import type { Message } from "./Message.ts"
import type { NetworkError } from "./NetworkError.ts"
import type { Ends } from "./Packet.ts"
import { Pipe } from "./Pipe.ts"
import type { Wake } from "./Pipe.ts"

/** One end of a connection. Messages arrive in order; `receive` and `send` fail once the connection has ended. */
export interface Connection {
  /** Name of the host at the other end. */
  readonly peer: string
  /** Waits while the window is full. */
  readonly send: (message: Message) => Effect.Effect<void, NetworkError>
  readonly receive: Effect.Effect<Message, NetworkError>
  /** Lets the peer read what is under way, then fails its `receive` with `Closed`. */
  readonly close: Effect.Effect<void>
  /** The same for who runs no effects, as the listener of an abort signal. */
  readonly closeUnsafe: () => void
  /** Fails this end with `Reset` at once, and the other when it hears of it. */
  readonly reset: Effect.Effect<void>
}

/** How a crashed host leaves its peers: told by a reset, or without a word. */
export type CrashKind = "reset" | "silent"

class Side {
  readonly host: string
  readonly out: Pipe
  readonly inward: Pipe
  /** Not closed, not reset, and not aware that the peer has. */
  isOpen = true
  /** Its host has crashed: nothing that still runs there has any effect. */
  private isDead = false
  private released: (() => void) | undefined
  private readonly medium: Medium
  private readonly peer: () => Side

  constructor(medium: Medium, out: Pipe, inward: Pipe, peer: () => Side) {
    this.medium = medium
    this.host = out.ends.from
    this.out = out
    this.inward = inward
    this.peer = peer
  }

  /** This end belongs to somebody, who has to end it. */
  take(): Connection {
    const { from, port, to } = this.out.ends
    this.released = this.medium.context.hold("connection", `${from} to ${to}, port ${port}`)
    if (!this.isOpen) this.released()
    return {
      peer: to,
      send: (message) => this.out.send(message),
      receive: this.inward.receive,
      close: Effect.sync(() => this.close()),
      closeUnsafe: () => this.close(),
      reset: Effect.sync(() => this.reset())
    }
  }

  close(): void {
    if (!this.end()) return
    const wakes = [this.inward.endReader(), this.out.endSender(this.out.error("Closed"))]
    this.out.sendEnd()
    for (const wake of wakes) wake()
  }

  reset(): void {
    if (!this.end()) return
    const { from, to } = this.out.ends
    this.medium.context.tell(() => `${from} -> ${to}: reset`, { kind: "message", from, to })
    this.breakOff()()
    this.postReset()
  }

  /** This end learns, or decides, that the connection is broken. */
  breakOff(): Wake {
    if (this.isDead) return () => {}
    this.end()
    const reader = this.inward.destroy(this.inward.error("Reset"))
    const sender = this.out.endSender(this.out.error("Reset"))
    return () => {
      reader()
      sender()
    }
  }

  /** The peer has sent its end and this one has read it: a whole connection ends, not a half. */
  learnOfClose(): void {
    if (this.end()) this.out.endSender(this.out.error("Closed"))()
  }

  crash(kind: CrashKind): void {
    if (this.isDead) return
    this.isDead = true
    const wasOpen = this.end()
    this.out.freezeSender()
    this.inward.freezeReader()
    if (wasOpen && kind === "reset") this.postReset()
  }

  /** Tells the peer that this end is gone, after what has to travel here first. */
  postReset(afterMs = 0): void {
    this.medium.post({
      packet: { kind: "message", what: "Reset", message: undefined, ...this.out.ends },
      afterMs,
      notBeforeMs: () => this.out.lastArrivalMs,
      arrive: () => this.peer().hearOfReset()
    })
  }

  /** What the peer sent before it was gone may still be read; everything else is over. */
  private hearOfReset(): void {
    if (this.inward.endIsUnderWay) this.out.endSender(this.out.error("Closed"))()
    else this.breakOff()()
  }

  /** False when it had ended before. */
  private end(): boolean {
    if (!this.isOpen) return false
    this.isOpen = false
    this.released?.()
    return true
  }
}

/** Both ends, as the network sees them. */
export class Wire {
  readonly near: Side
  readonly far: Side
  private readonly there: Pipe
  private readonly back: Pipe
  private bounced = false

  constructor(medium: Medium, ends: Ends) {
    const { from, port, to } = ends
    const broken = () => this.cut()
    this.there = new Pipe(medium, ends, {
      broken,
      readToEnd: () => this.far.learnOfClose(),
      undeliverable: () => this.bounce(medium, this.far, this.there)
    })
    this.back = new Pipe(
      medium,
      { from: to, to: from, port },
      {
        broken,
        readToEnd: () => this.near.learnOfClose(),
        undeliverable: () => this.bounce(medium, this.near, this.back)
      }
    )
    this.near = new Side(medium, this.there, this.back, () => this.far)
    this.far = new Side(medium, this.back, this.there, () => this.near)
  }

  get ends(): Ends {
    return this.there.ends
  }

  /** Neither end has ended. */
  get isOpen(): boolean {
    return this.near.isOpen && this.far.isOpen
  }

  /** Both ends know, or are those of crashed hosts. */
  get isOver(): boolean {
    return !this.near.isOpen && !this.far.isOpen
  }

  /** Breaks it off for both ends at once. */
  cut(): void {
    const wakes = [this.near.breakOff(), this.far.breakOff()]
    for (const wake of wakes) wake()
  }

  crash(host: string, kind: CrashKind): void {
    for (const side of [this.near, this.far]) if (side.host === host) side.crash(kind)
  }

  /** The links have changed, or a host is back that was without power. */
  release(): void {
    this.there.release()
    this.back.release()
  }

  /** What arrives where nobody reads is answered by a reset, once. */
  private bounce(medium: Medium, gone: Side, pipe: Pipe): void {
    if (this.bounced || medium.down.has(gone.host)) return
    this.bounced = true
    gone.postReset(medium.links.latencyMs(pipe.ends))
  }
}
