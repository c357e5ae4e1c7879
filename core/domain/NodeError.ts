/**
 * Why a conversation with a node failed. One error, a closed union of reasons: the caller can tell a node that is
 * away from one that is there and refuses, and a lost reply (the call may have acted) from a refusal (it did not).
 */
import { Schema } from "effect"

/** No connection could be made: nothing listens, the host or socket file is unknown, the network is cut. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", { detail: Schema.String }) {}

/** The connection broke before the whole reply was read: the call may have acted. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {
  detail: Schema.String
}) {}

/** No whole reply within the deadline: the call may have acted, and giving up does not cancel it. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { afterMs: Schema.Number }) {}

/** HTTP 401: the user name or the password is wrong. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}

/** An HTTP status other than 200 and 401. supervisord answers 500 where its own code raised. */
export class HttpStatus extends Schema.TaggedError<HttpStatus>()("HttpStatus", { status: Schema.Int }) {}

/** The reply is larger than the limit; the rest was not read. */
export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { limitBytes: Schema.Int }) {}

/** The reply is no XML-RPC, or not of the shape that the method promises. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", { detail: Schema.String }) {}

/** The node shuts down or restarts (fault 6): it answers nothing else until it is back. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {}

/** The node refused the call. `name` is supervisord's name of the code, such as `BAD_NAME`. */
export class Fault extends Schema.TaggedError<Fault>()("Fault", {
  code: Schema.Int,
  name: Schema.String,
  text: Schema.String
}) {}

/** The console does not ask: the node failed too often in a row, and is asked again after `retryAfterMs`. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", { retryAfterMs: Schema.Number }) {}

/** The console does not ask: as many calls to this node as allowed are under way, and as many wait. */
export class Busy extends Schema.TaggedError<Busy>()("Busy", { callsMax: Schema.Int, waitingMax: Schema.Int }) {}

/** Another supervisord answers than the one that is expected there. */
export class WrongIdentity extends Schema.TaggedError<WrongIdentity>()("WrongIdentity", {
  expected: Schema.String,
  found: Schema.String
}) {}

/** The node has no such method or ability: an older or another implementation. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", { what: Schema.String }) {}

export const NodeErrorReason = Schema.Union([
  Unreachable,
  ConnectionLost,
  TimedOut,
  Unauthorized,
  HttpStatus,
  TooLarge,
  Malformed,
  ShuttingDown,
  Fault,
  CircuitOpen,
  Busy,
  WrongIdentity,
  Unsupported
])
export type NodeErrorReason = typeof NodeErrorReason.Type

/** A call to a node failed. `operation` is what was asked, such as `supervisor.startProcess`. */
export class NodeError extends Schema.TaggedError<NodeError>()("NodeError", {
  operation: Schema.String,
  reason: NodeErrorReason
}) {
  /** One line for people: what was asked and why it failed. Holds no credentials. */
  override get message(): string {
    return `${this.operation}: ${describeReason(this.reason)}`
  }
}

/** Characters of a reason that are told: a node can put as much as a whole reply into a fault. */
const shownCharactersMax = 500

/** What breaks a line, moves a cursor or reverses the reading direction. */
const disturbing = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu

/** One line of a bounded length for people about a reason, whatever the node has put into it. */
export const describeReason = (reason: NodeErrorReason): string => {
  const text = describe(reason)
  const shown = text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}...` : text
  return shown.replace(disturbing, " ").toWellFormed()
}

const describe = (reason: NodeErrorReason): string => {
  switch (reason._tag) {
    case "Unreachable":
      return `cannot be reached (${reason.detail})`
    case "ConnectionLost":
      return `connection lost before the whole reply was read (${reason.detail})`
    case "TimedOut":
      return `no reply within ${reason.afterMs} ms`
    case "Unauthorized":
      return "user name or password refused (HTTP 401)"
    case "HttpStatus":
      return `unexpected HTTP status ${reason.status}`
    case "TooLarge":
      return `reply larger than ${reason.limitBytes} bytes`
    case "Malformed":
      return `reply not understood: ${reason.detail}`
    case "ShuttingDown":
      return "the node is shutting down or restarting"
    case "Fault":
      return `refused with fault ${reason.code} ${reason.text}`
    case "CircuitOpen":
      return `not asked, because it failed too often in a row; next try in ${reason.retryAfterMs} ms`
    case "Busy":
      return `not asked, because ${reason.callsMax} calls to it are under way and ${reason.waitingMax} wait`
    case "WrongIdentity":
      return `another supervisord answers there: ${reason.found} instead of ${reason.expected}`
    case "Unsupported":
      return `the node cannot do that: ${reason.what}`
  }
}
