/**
 * The protocol of the hub: JSON text frames over a WebSocket, each an object with `type`.
 *
 * From the hub: `hello`, then `snapshot` (the whole fleet after event `seq`), then the events from `seq + 1` on, each
 * with its `seq`; in between `subscribed`, `ping`, `pong`, `gap` and `error`. From a client: `subscribe`, `ping` and
 * `pong`. Without a `subscribe` a client gets every event.
 */
import { Schema } from "effect"
import type { FleetEvent } from "../domain/FleetEvent.ts"

/** Kinds of events that can be subscribed to. */
export const Topic = Schema.Literals(["node", "process"])
export type Topic = typeof Topic.Type

export const topicOf = (event: FleetEvent): Topic => (event.type === "node.status" ? "node" : "process")

/** Which events a client wants. A field left out stands for all. */
export const Subscription = Schema.Struct({
  topics: Schema.optionalKey(Schema.Array(Topic)),
  nodes: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Subscription = typeof Subscription.Type

export const wants = (subscription: Subscription, event: FleetEvent): boolean =>
  (subscription.topics === undefined || subscription.topics.includes(topicOf(event))) &&
  (subscription.nodes === undefined || subscription.nodes.includes(event.node))

const Subscribe = Schema.Struct({ type: Schema.Literal("subscribe"), ...Subscription.fields })
const Ping = Schema.Struct({ type: Schema.Literal("ping") })
const Pong = Schema.Struct({ type: Schema.Literal("pong") })

/** A frame that a client may send. */
export const ClientFrame = Schema.Union([Subscribe, Ping, Pong])
export type ClientFrame = typeof ClientFrame.Type

/** Unknown fields are refused: a misspelt `topics` must not silently mean all. */
export const decodeClientFrame = Schema.decodeUnknownResult(Schema.fromJsonString(ClientFrame), {
  onExcessProperty: "error"
})

/** Why the hub closes a connection: the code of the WebSocket close frame. 4000 and up are Muster's own. */
export const CloseCode = {
  /** The console shuts down. */
  goingAway: 1001,
  /** Too many frames that are not of this protocol. */
  invalidFrames: 1008,
  /** The client does not read fast enough. */
  slowClient: 4001,
  /** Nothing was heard from the client for too long. */
  heartbeat: 4002
} as const

/** How a client was closed, or closed itself. */
export interface CloseReason {
  readonly code: number
  readonly reason: string
}
