/**
 * One direction of a connection: messages in order, a window of what may be under way, and two ends that learn of the
 * end of the connection each in its own time.
 */
import { Effect } from "effect"
import type { Medium } from "./Medium.ts"
import { sizeOf } from "./Message.ts"
import type { Message } from "./Message.ts"
import { NetworkError } from "./NetworkError.ts"
import type { Ends, Packet } from "./Packet.ts"
import { Signal } from "./Signal.ts"

/** What the connection does about things that happen in a direction. */
export interface PipeEvents {
  /** A rule breaks the connection off, for both ends at once. */
  readonly broken: () => void
  /** The reader has read the end that the sender sent. */
  readonly readToEnd: () => void
  /** Something arrives, or will, at an end where nobody reads any more. */
  readonly undeliverable: () => void
}

interface Item {
  /** undefined is the end of the stream. */
  readonly message: Message | undefined
  readonly bytes: number
  readonly pace: Pace
  /** Infinity while it is held, and for good when it is lost. */
  arrivesAtMs: number
  readonly held: boolean
}

interface Pace {
  /** On top of the latency. */
  readonly extraMs: number
  /** At least so long after what was sent before. */
  readonly gapMs: number
}

const atOnce: Pace = { extraMs: 0, gapMs: 0 }
const later = (extraMs: number): Pace => ({ extraMs, gapMs: 0 })

interface Writer {
  readonly message: Message
  readonly resume: (outcome: Effect.Effect<void, NetworkError>) => void
}

/** Lets those who wait go on; to be called when both directions know of what happened. */
export type Wake = () => void

/** Times come through the clock as whole nanoseconds. */
const toleranceMs = 0.001

export class Pipe {
  readonly ends: Ends
  private readonly medium: Medium
  private readonly events: PipeEvents
  private items: Array<Item> = []
  private bytes = 0
  private count = 0
  private writers: Array<Writer> = []
  private readonly news = new Signal()
  /** When the last of what was sent has arrived, or will have. */
  lastArrivalMs = 0
  private nextReadMs = 0
  private senderEnd: NetworkError | undefined
  private readerEnd: NetworkError | undefined
  /** Nothing that is sent from now on arrives. */
  private silent = false
  private readerGone = false
  private isSenderFrozen = false
  private isReaderFrozen = false

  constructor(medium: Medium, ends: Ends, events: PipeEvents) {
    this.medium = medium
    this.ends = ends
    this.events = events
  }

  // Sender ------------------------------------------------------------------------------------------------------------

  /** Waits while the window is full; senders take turns in their order. */
  send(message: Message): Effect.Effect<void, NetworkError> {
    // All in one step: room that is made between a look and the wait would never be noticed.
    return Effect.callback<void, NetworkError>((resume) => {
      if (this.isSenderFrozen) return
      if (this.senderEnd !== undefined) return resume(Effect.fail(this.senderEnd))
      if (this.writers.length === 0 && this.hasRoom(message)) return resume(this.admit(message))
      const writer: Writer = { message, resume }
      this.writers.push(writer)
      return Effect.sync(() => {
        this.writers = this.writers.filter((other) => other !== writer)
      })
    })
  }

  /** Sends the end of the stream behind what is under way. */
  sendEnd(): void {
    if (this.silent || this.readerGone) return
    const verdict = this.medium.decide(this.packet("Close", undefined))
    if (verdict._tag === "drop") this.silent = true
    else if (verdict._tag === "refuse" || verdict._tag === "reset" || verdict._tag === "fail") this.events.broken()
    else this.push(undefined, verdict._tag === "delay" ? later(verdict.ms) : atOnce)
  }

  /** The sender sends no more, or learns that it cannot: its sends fail from now on. */
  endSender(error: NetworkError): Wake {
    this.senderEnd ??= error
    const failed = Effect.fail(this.senderEnd)
    const { writers } = this
    this.writers = []
    return () => {
      for (const { resume } of writers) resume(failed)
    }
  }

  private hasRoom(message: Message): boolean {
    const { bytes, messages } = this.medium.window
    return this.count < messages && (this.count === 0 || this.bytes + sizeOf(message) <= bytes)
  }

  /** Puts a message on its way, as the rules and alterations will have it. */
  private admit(message: Message): Effect.Effect<void, NetworkError> {
    if (this.silent) {
      this.push(message, atOnce)
      return Effect.void
    }
    this.medium.tell(this.ends, message)
    const verdict = this.medium.decide(this.packet(message._tag, message))
    switch (verdict._tag) {
      case "refuse":
      case "reset":
        this.events.broken()
        return Effect.fail(this.error("Reset"))
      case "fail":
        this.events.broken()
        return Effect.fail(this.error("Failed", verdict.code))
      case "drop":
        this.silent = true
        this.push(message, atOnce)
        return Effect.void
      case "corrupt":
        this.push(this.medium.spoil(message), atOnce)
        return Effect.void
      case "delay":
      case "pass":
        this.pushAltered(message, verdict._tag === "delay" ? verdict.ms : 0)
        return Effect.void
    }
  }

  private pushAltered(message: Message, extraMs: number): void {
    const alteration = this.medium.alter(this.ends, message)
    if (alteration === undefined) return this.push(message, later(extraMs))
    for (const step of alteration.messages) this.push(step.message, { extraMs, gapMs: step.afterMs })
    if (!alteration.ends) return
    this.push(undefined, later(extraMs))
    this.silent = true
  }

  private push(message: Message | undefined, pace: Pace): void {
    const bytes = message === undefined ? 0 : sizeOf(message)
    const held = !this.silent && (this.medium.links.isHeld(this.ends) || this.items.at(-1)?.held === true)
    const arrivesAtMs = this.silent || held ? Number.POSITIVE_INFINITY : this.arrivalMs(bytes, pace)
    this.items.push({ message, bytes, pace, arrivesAtMs, held })
    if (message !== undefined) {
      this.bytes += bytes
      this.count++
    }
    if (this.readerGone) this.tellUndeliverable()
    else this.news.raise()
  }

  private arrivalMs(bytes: number, { extraMs, gapMs }: Pace): number {
    const { links } = this.medium
    const departsAtMs = links.departsAtMs(this.ends, bytes, this.medium.nowMs())
    // Never before what was sent before it.
    const arrivesAtMs = departsAtMs + links.latencyMs(this.ends) + extraMs
    this.lastArrivalMs = Math.max(this.lastArrivalMs + gapMs, arrivesAtMs)
    return this.lastArrivalMs
  }

  /** Links have changed, or a host is back: what was held may set out. */
  release(): void {
    const moves = !this.medium.links.isHeld(this.ends) && this.items.some(({ held }) => held)
    if (moves) {
      this.items = this.items.map((item) =>
        item.held ? { ...item, held: false, arrivesAtMs: this.arrivalMs(item.bytes, item.pace) } : item
      )
    }
    if (this.readerGone) this.tellUndeliverable()
    else if (moves) this.news.raise()
  }

  // Reader ------------------------------------------------------------------------------------------------------------

  readonly receive: Effect.Effect<Message, NetworkError> = Effect.suspend(() => {
    if (this.isReaderFrozen) return Effect.never
    if (this.readerEnd !== undefined) return Effect.fail(this.readerEnd)
    const [first] = this.items
    if (first === undefined) return Effect.andThen(this.news.after(this.news.now), this.receive)
    const waitMs = Math.max(first.arrivesAtMs, this.nextReadMs) - this.medium.nowMs()
    if (waitMs > toleranceMs) return Effect.andThen(this.waitFor(waitMs), this.receive)
    return this.take(first)
  })

  private waitFor(ms: number): Effect.Effect<void> {
    const { news } = this
    return ms === Number.POSITIVE_INFINITY ? news.after(news.now) : news.within(news.now, ms, this.medium.context)
  }

  private take({ bytes, message }: Item): Effect.Effect<Message, NetworkError> {
    this.items.shift()
    if (message === undefined) {
      this.readerEnd = this.error("Closed")
      this.events.readToEnd()
      return Effect.fail(this.readerEnd)
    }
    this.bytes -= bytes
    this.count--
    const everyMs = this.medium.links.readEveryMs(this.ends)
    if (everyMs > 0) this.nextReadMs = this.medium.nowMs() + everyMs
    this.letWritersIn()
    return Effect.succeed(message)
  }

  private letWritersIn(): void {
    for (let [next] = this.writers; next !== undefined && this.hasRoom(next.message); [next] = this.writers) {
      this.writers = this.writers.slice(1)
      next.resume(this.admit(next.message))
    }
  }

  /** The reader reads no more. What is under way fills the window until the sender learns of it. */
  endReader(): Wake {
    if (this.readerGone) return () => {}
    this.readerGone = true
    this.readerEnd ??= this.error("Closed")
    return () => {
      this.tellUndeliverable()
      this.news.raise()
    }
  }

  private tellUndeliverable(): void {
    if (this.items.some(({ arrivesAtMs, message }) => message !== undefined && arrivesAtMs < Infinity)) {
      this.events.undeliverable()
    }
  }

  /** The connection is broken: what was under way is lost, and the reader learns of it unless it knows of an end. */
  destroy(error: NetworkError): Wake {
    this.readerEnd ??= error
    this.readerGone = true
    this.items = []
    return () => this.news.raise()
  }

  /** Whether the reader will come upon the end that the sender sent. */
  get endIsUnderWay(): boolean {
    return this.items.some(
      ({ arrivesAtMs, held, message }) => message === undefined && (held || arrivesAtMs < Infinity)
    )
  }

  /** The sender's host has crashed: whoever still sends waits for ever, and is not woken. */
  freezeSender(): void {
    this.writers = []
    this.isSenderFrozen = true
  }

  /** The reader's host has crashed. */
  freezeReader(): void {
    this.isReaderFrozen = true
    this.readerGone = true
  }

  error(reason: NetworkError["reason"], code?: string): NetworkError {
    const address = `${this.ends.to}:${this.ends.port}`
    return new NetworkError(code === undefined ? { reason, address } : { reason, address, code })
  }

  private packet(what: Packet["what"], message: Message | undefined): Packet {
    return { kind: "message", what, message, ...this.ends }
  }
}
