/**
 * The outbox of one client: frames waiting to be written, at most `framesMax`.
 *
 * `push` never waits, so a slow client cannot hold up the hub. When the outbox is full, the policy decides:
 * - `disconnect`: the frame is refused and the hub closes the client;
 * - `dropOldest`: the oldest event makes room, and a `gap` frame stands in its place, so that the client is told which
 *   numbers it missed. A frame that is no event is refused when no event is there to make room.
 *
 * Once it has refused a frame it refuses all: nothing follows a hole that the client was not told of.
 */
import { Effect, Latch } from "effect"

export type SlowClientPolicy = "disconnect" | "dropOldest"

/** A frame on its way out. Events carry their number, everything else does not. */
export interface OutFrame {
  readonly text: string
  readonly seq: number | undefined
}

/** The numbers of events that were dropped, both ends included. */
export interface Gap {
  readonly from: number
  readonly to: number
}

export interface OutboxOptions {
  readonly framesMax: number
  readonly policy: SlowClientPolicy
}

export interface Outbox {
  /** Adds a frame at the end; false when it was refused because the outbox is, or was, full. Synchronous. */
  readonly pushUnsafe: (frame: OutFrame) => boolean
  /**
   * Puts these frames first, beyond `framesMax`, and lets all out. The last of them is a snapshot after event `seq`:
   * events up to that number are part of it and are dropped, those that wait here and those that still come.
   */
  readonly open: (first: ReadonlyArray<string>, seq: number) => Effect.Effect<void>
  /** All frames waiting, in order; waits until there is one and the outbox is open. */
  readonly take: Effect.Effect<ReadonlyArray<string>>
  /** Frames waiting now. */
  readonly size: Effect.Effect<number>
}

export const encodeGap = (gap: Gap): string => JSON.stringify({ type: "gap", from: gap.from, to: gap.to })

export const make = (options: OutboxOptions): Effect.Effect<Outbox> =>
  Effect.sync(() => {
    let opening: ReadonlyArray<string> = []
    let frames: Array<OutFrame> = []
    let refused = false
    let gap: Gap | undefined
    let opened = false
    let skipUpTo = -1
    const ready = Latch.makeUnsafe(false)

    const dropOldest = (): boolean => {
      const oldest = frames.findIndex((frame) => frame.seq !== undefined)
      const seq = frames[oldest]?.seq
      if (seq === undefined) return false
      frames.splice(oldest, 1)
      gap = { from: gap?.from ?? seq, to: seq }
      return true
    }

    const pushUnsafe = (frame: OutFrame): boolean => {
      if (refused) return false
      if (frame.seq !== undefined && frame.seq <= skipUpTo) return true
      frames.push(frame)
      if (frames.length > options.framesMax && (options.policy === "disconnect" || !dropOldest())) {
        frames.pop()
        refused = true
        return false
      }
      if (opened) ready.openUnsafe()
      return true
    }

    const open: Outbox["open"] = (first, seq) =>
      Effect.sync(() => {
        skipUpTo = seq
        opening = first
        frames = frames.filter((frame) => frame.seq === undefined || frame.seq > seq)
        // What was dropped before the snapshot is in it, unless it came later.
        gap = gap === undefined || gap.to <= seq ? undefined : { from: Math.max(gap.from, seq + 1), to: gap.to }
        opened = true
        ready.openUnsafe()
      })

    const drain = Effect.sync(() => {
      const texts = frames.map((frame) => frame.text)
      if (gap !== undefined) {
        // The gap is older than every event that waits: it belongs before the first of them.
        const first = frames.findIndex((frame) => frame.seq !== undefined)
        texts.splice(first < 0 ? texts.length : first, 0, encodeGap(gap))
      }
      const taken = [...opening, ...texts]
      opening = []
      frames = []
      gap = undefined
      ready.closeUnsafe()
      return taken
    })

    const size = Effect.sync(() => opening.length + frames.length)
    return { pushUnsafe, open, take: Effect.andThen(ready.await, drain), size }
  })
