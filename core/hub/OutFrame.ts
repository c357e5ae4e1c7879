/** A frame on its way out, made once and shared by all clients that get it. */
import type { FollowedPiece, LogEvent, LogId } from "../domain/Log.ts"

/** Numbers of events that a client does not get, both ends included. */
export interface Gap {
  readonly from: number
  readonly to: number
}

const utf8 = new TextEncoder()

export class OutFrame {
  readonly text: string
  /** The numbers that it stands for: of an event its own, of a gap all that are missing, of all else none. */
  readonly numbers: Gap | undefined
  /** What has to be said instead when it is dropped; undefined when it must not be, or `numbers` tells. */
  readonly instead: OutFrame | undefined
  private counted = -1

  constructor(text: string, numbers?: Gap, instead?: OutFrame) {
    this.text = text
    this.numbers = numbers
    this.instead = instead
  }

  /** Bytes of its text in UTF-8. */
  get bytes(): number {
    if (this.counted < 0) this.counted = utf8.encode(this.text).length
    return this.counted
  }
}

interface Fields {
  readonly type: string
  readonly [field: string]: unknown
}

/** A frame that has no number. */
export const plain = (frame: Fields): OutFrame => new OutFrame(JSON.stringify(frame))

/** A numbered event. */
export const numbered = (event: { readonly type: string; readonly seq: number }): OutFrame =>
  new OutFrame(JSON.stringify(event), { from: event.seq, to: event.seq })

/** Tells of events that the client does not get. */
export const gap = ({ from, to }: Gap): OutFrame =>
  new OutFrame(JSON.stringify({ type: "gap", from, to }), { from, to })

/** A piece of a log, without its place. Text may be dropped, a note may not. */
export const log = ({ channel, detail, group, name, node, note, text, type }: FollowedPiece): OutFrame => {
  const id = { node, group, name, channel }
  const whole = plain({ type, ...id, text, note, detail })
  return text === undefined || note !== undefined
    ? whole
    : new OutFrame(whole.text, undefined, plain(logGap(id, slowClientDetail)))
}

/** What is said of pieces that the bus lost: text, or a note of the following. */
export const logHoleDetail = "lost within the console"

/** Text of a log that a client did not get because its outbox was full. */
export const slowClientDetail = "the client reads too slowly"

/** Tells of pieces of a log that were lost on the bus. One that is dropped stands for all that follow it at once. */
export const logHole = (id: LogId): OutFrame => {
  const { text } = plain(logGap(id, logHoleDetail))
  return new OutFrame(text, undefined, new OutFrame(text))
}

const logGap = ({ channel, group, name, node }: LogId, detail: string): LogEvent => ({
  type: "log",
  node,
  group,
  name,
  channel,
  note: "gap",
  detail
})
