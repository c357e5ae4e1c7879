/**
 * A recorded run as data for a page: lanes of hosts and fibers on the virtual time axis, and on them what happened,
 * each event at its step. Times in milliseconds of virtual time since the start of the run.
 */
import { Schema } from "effect"

/** A row of the picture. The lanes of one host stand together, the host itself first. */
export const Lane = Schema.Struct({
  kind: Schema.Literals(["host", "fiber"]),
  /** As people read it: `console`, `fiber 12 (Poller.poll)`. */
  label: Schema.String,
  /** The host that it belongs to; "" for the scenario. */
  host: Schema.String
})
export type Lane = typeof Lane.Type

/**
 * - `stretch`: a fiber ran without a switch; `text` is what it did that touches the world.
 * - `switch`: the schedule left its dullest course here, and `to` goes on.
 * - `start`: a fiber started another, `to`.
 * - `message`: from the lane of one host to that of another, `to`.
 * - `fault`: a fault was injected.
 * - `log`: a line of the program's log.
 * - `told`: a service or the scenario told something.
 */
export const EventKind = Schema.Literals(["stretch", "switch", "start", "message", "fault", "log", "told"])
export type EventKind = typeof EventKind.Type

export const PictureEvent = Schema.Struct({
  kind: EventKind,
  /** Steps of the run before it. */
  step: Schema.Int,
  atMs: Schema.Finite,
  /** Index of a lane; -1 when it belongs to none. */
  lane: Schema.Int,
  text: Schema.String,
  /** Index of the lane at the other end. */
  to: Schema.optionalKey(Schema.Int),
  /** Of a stretch: how many steps it took. */
  steps: Schema.optionalKey(Schema.Int)
})
export type PictureEvent = typeof PictureEvent.Type

export const Picture = Schema.Struct({
  /** `done`, `failed`, `deadlock`, `step-limit` or `escaped`. */
  outcome: Schema.String,
  /** What went wrong; "" when the outcome is `done`. */
  message: Schema.String,
  steps: Schema.Int,
  virtualMs: Schema.Finite,
  /** Choices that were not the dullest. */
  deviations: Schema.Int,
  traceHash: Schema.String,
  /** Replays the run. */
  token: Schema.String,
  /** What the run drew about itself, such as the kinds of faults in play. */
  notes: Schema.Record(Schema.String, Schema.String),
  lanes: Schema.Array(Lane),
  /** In their order. */
  events: Schema.Array(PictureEvent),
  /** Events that were left out, to keep it readable: of the middle, and those that say least. */
  omitted: Schema.Int
})
export type Picture = typeof Picture.Type
