/**
 * The outbox of one client: frames waiting to be written, at most `framesMax`, and of more than one no more than
 * `bytesMax` bytes. Synchronous: each call is one step.
 *
 * A frame of an event is the same object in every outbox, so that it costs each client that does not read no more than
 * a reference. The bytes are bounded for what is a client's own: answers to it, which may be as large as its frames.
 *
 * `push` never waits, so a slow client cannot hold up the hub. When the outbox is full, whoever writes it is first
 * asked to take what it can at once. Then the policy decides:
 * - `disconnect`: the frame is refused and the hub closes the client;
 * - `dropOldest`: the oldest event makes room, and a `gap` frame stands in its place, so that the client is told which
 *   numbers it missed; a piece of a log is made up for by a note. A frame that is neither is refused when nothing is
 *   there to make room.
 *
 * Once it has refused a frame it refuses all: nothing follows a hole that the client was not told of.
 *
 * One that was shut holds nothing and takes nothing: whoever it is for may not be told any more.
 */
import * as Marks from "../Marks.ts"
import { gap as gapFrame } from "./OutFrame.ts"
import type { Gap, OutFrame } from "./OutFrame.ts"

export type SlowClientPolicy = "disconnect" | "dropOldest"

export interface OutboxOptions {
  readonly framesMax: number
  /** Bytes of text in UTF-8. A frame that waits alone may be larger. */
  readonly bytesMax: number
  readonly policy: SlowClientPolicy
}

/** What was taken from the outboxes that share it. */
export interface Sent {
  frames: number
  bytes: number
}

/** Whoever writes the outbox to the connection. Called in the middle of a `push`: must not wait, nor push itself. */
export interface Taker {
  /** There is something to take. Called again and again until it is taken. */
  readonly wake: () => void
  /** It is full: the last chance to take, and only sensible when the connection takes more at once. */
  readonly relieve: () => void
}

const nothing: ReadonlyArray<OutFrame> = []

export class Outbox {
  private readonly options: OutboxOptions
  private readonly sent: Sent
  private opening = nothing
  private frames: Array<OutFrame> = []
  /** Of `frames`. */
  private bytes = 0
  private refused = false
  private shutFor = false
  private missed: Gap | undefined
  /** Frames that stand in the place of pieces of logs that were dropped, one a log; they take no place of others. */
  private notes: ReadonlyArray<OutFrame> = nothing
  private opened = false
  private skipUpTo = -1
  private taker: Taker | undefined

  constructor(options: OutboxOptions, sent: Sent) {
    this.options = options
    this.sent = sent
  }

  /** Adds a frame at the end; false when it was refused because the outbox is, or was, full. */
  push(frame: OutFrame): boolean {
    if (this.refused) return false
    const due = this.without(frame)
    if (due === undefined) return true
    if (this.opened && this.isFullWith(1, due.bytes)) this.taker?.relieve()
    this.frames.push(due)
    this.bytes += due.bytes
    while (this.isFullWith(0, 0)) {
      if (this.options.policy === "dropOldest" && this.dropOldest()) continue
      this.frames.pop()
      this.bytes -= due.bytes
      this.refused = true
      return false
    }
    if (this.opened) this.taker?.wake()
    return true
  }

  /**
   * Puts these frames first, beyond `framesMax`, and lets all out. They tell everything up to event `seq`: events up
   * to that number are dropped, those that wait here and those that still come.
   */
  open(first: ReadonlyArray<OutFrame>, seq: number): void {
    if (this.shutFor) return
    this.skipUpTo = seq
    this.opening = first
    this.frames = this.frames.flatMap((frame) => this.without(frame) ?? [])
    this.bytes = this.frames.reduce((sum, frame) => sum + frame.bytes, 0)
    const { missed } = this
    this.missed =
      missed === undefined || missed.to <= seq ? undefined : { from: Math.max(missed.from, seq + 1), to: missed.to }
    this.opened = true
    this.taker?.wake()
  }

  /** Drops all that waits and lets nothing in any more. */
  shut(): void {
    this.shutFor = true
    this.refused = true
    this.opening = nothing
    this.frames = []
    this.bytes = 0
    this.missed = undefined
    this.notes = nothing
  }

  get isShut(): boolean {
    return this.shutFor
  }

  /** All frames waiting, in order; none when it is empty or not open yet. */
  take(): ReadonlyArray<OutFrame> {
    if (!this.opened || this.size === 0) return nothing
    const taken = this.told()
    this.opening = nothing
    this.frames = []
    this.bytes = 0
    this.missed = undefined
    this.notes = nothing
    this.sent.frames += taken.length
    for (const frame of taken) this.sent.bytes += frame.bytes
    return taken
  }

  /** Names who takes the frames from now on, and wakes it when there are some; undefined for nobody. */
  attach(taker: Taker | undefined): void {
    this.taker = taker
    if (this.opened && this.size > 0) taker?.wake()
  }

  /** Frames waiting now. */
  get size(): number {
    return this.opening.length + this.frames.length
  }

  /** The frame without what the snapshot holds; undefined when nothing is left of it. */
  private without(frame: OutFrame): OutFrame | undefined {
    const { numbers } = frame
    if (numbers === undefined || numbers.from > this.skipUpTo) return frame
    return numbers.to <= this.skipUpTo ? undefined : gapFrame({ from: this.skipUpTo + 1, to: numbers.to })
  }

  /** Frames that take a place. */
  private get counted(): number {
    return this.frames.length - this.notes.length
  }

  /** Whether it is too much, with so many frames and bytes more. */
  private isFullWith(frames: number, bytes: number): boolean {
    const { bytesMax, framesMax } = this.options
    if (this.counted + frames > framesMax) return true
    return this.frames.length + frames > 1 && this.bytes + bytes > bytesMax
  }

  private dropOldest(): boolean {
    const oldest = this.frames.findIndex(({ instead, numbers }) => numbers !== undefined || instead !== undefined)
    const dropped = this.frames[oldest]
    if (dropped === undefined) return false
    Marks.reached("an event made room in a full outbox")
    const { instead, numbers } = dropped
    this.bytes -= dropped.bytes
    if (numbers !== undefined) this.missed = { from: this.missed?.from ?? numbers.from, to: numbers.to }
    if (instead === undefined || this.notes.some(({ text }) => text === instead.text)) {
      this.frames.splice(oldest, 1)
    } else {
      this.frames[oldest] = instead
      this.bytes += instead.bytes
      this.notes = [...this.notes, instead]
    }
    return true
  }

  /** What waits, with what has to be said of what does not wait any more. */
  private told(): ReadonlyArray<OutFrame> {
    const { frames, missed, opening } = this
    if (missed === undefined) return opening.length === 0 ? frames : [...opening, ...frames]
    // The gap is older than every event that waits: it belongs before the first of them.
    const first = frames.findIndex(({ numbers }) => numbers !== undefined)
    const before = first < 0 ? frames.length : first
    return [...opening, ...frames.slice(0, before), gapFrame(missed), ...frames.slice(before)]
  }
}
