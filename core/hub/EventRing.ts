/**
 * The last numbered events, encoded once, for clients that come back. It holds a run without holes: when events were
 * lost on the way here, it starts anew after them, so that nobody is resumed over a hole. Synchronous.
 */
import type { FleetEvent } from "../domain/FleetEvent.ts"
import * as Marks from "../Marks.ts"
import { numbered } from "./OutFrame.ts"
import type { Gap, OutFrame } from "./OutFrame.ts"

export interface Kept {
  readonly event: FleetEvent
  readonly frame: OutFrame
}

/** What became of an event: it is not new, or it is kept, with the hole that was before it. */
export type Added = { readonly _tag: "Old" } | { readonly _tag: "New"; readonly kept: Kept; readonly hole?: Gap }

export class EventRing {
  private readonly capacity: number
  /** The event with number `n` at `n % capacity`. */
  private readonly slots: Array<Kept> = []
  /** Number of the newest event so far; undefined before it is known where the stream is. */
  private last: number | undefined
  /** Number of the oldest event that is kept, one more than `last` when there is none. */
  private first = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** The stream is after event `seq`, unless events have told so already. */
  begin(seq: number): void {
    if (this.last !== undefined) return
    this.last = seq
    this.first = seq + 1
  }

  add(event: FleetEvent): Added {
    const { seq } = event
    this.begin(seq - 1)
    const due = (this.last ?? 0) + 1
    if (seq < due) return { _tag: "Old" }
    const kept = { event, frame: numbered(event) }
    this.last = seq
    if (seq > due) this.first = seq
    if (this.capacity > 0) this.slots[seq % this.capacity] = kept
    this.first = Math.max(this.first, seq - this.capacity + 1)
    return seq > due ? { _tag: "New", kept, hole: { from: due, to: seq - 1 } } : { _tag: "New", kept }
  }

  /** Forgets what it keeps, and goes on from there. */
  clear(): void {
    this.slots.length = 0
    this.first = this.seq + 1
  }

  /** Number of the newest event. */
  get seq(): number {
    return this.last ?? 0
  }

  /** The events after event `seq`, oldest first; undefined when some are not here any more, or `seq` is yet to come. */
  after(seq: number): ReadonlyArray<Kept> | undefined {
    if (seq > this.seq || seq + 1 < this.first) return undefined
    const found: Array<Kept> = []
    for (let at = seq + 1; at <= this.seq; at++) {
      const kept = this.slots[at % this.capacity]
      if (kept !== undefined) found.push(kept)
    }
    if (found.length > 0) Marks.reached("a client came back and was sent what it missed")
    return found
  }
}
