/**
 * The protocol of the hub: JSON text frames over a WebSocket, each an object with `type`. See docs/protocol.md.
 *
 * From the hub: `hello`, then `snapshot` (the whole fleet after event `seq`) or, resumed, what the client missed; then
 * the events, each with its `seq`; in between `subscribed`, `log`, `ping`, `pong`, `gap` and `error`. From a client:
 * `subscribe`, `ping` and `pong`. Without a `subscribe` a client gets every event and no log.
 */
import { Schema } from "effect"
import type { BusEvent } from "../bus/BusEvent.ts"
import { LogId } from "../domain/Log.ts"

/** Kinds of events that can be subscribed to. */
export const Topic = Schema.Literals(["fleet", "node", "process", "activity", "log"])
export type Topic = typeof Topic.Type

export const topicOf = (event: BusEvent): Topic => {
  switch (event.type) {
    case "node.added":
    case "node.removed":
    case "component.status":
      return "fleet"
    case "node.status":
    case "node.restarted":
      return "node"
    case "process.added":
    case "process.removed":
    case "process.state":
    case "process.restarted":
      return "process"
    case "operation.started":
    case "operation.finished":
    case "batch.changed":
      return "activity"
    case "log":
      return "log"
  }
}

/**
 * Which events a client wants. A field left out stands for all; only logs have to be named. They are followed whatever
 * `topics` and `nodes` say.
 */
export const Subscription = Schema.Struct({
  topics: Schema.optionalKey(Schema.Array(Topic)),
  nodes: Schema.optionalKey(Schema.Array(Schema.String)),
  logs: Schema.optionalKey(Schema.Array(LogId))
})
export type Subscription = typeof Subscription.Type

/**
 * Whether the event is one that the client wants. An event of no node (`batch.changed`, `component.status`) concerns
 * them all: who narrowed `nodes` gets it only when `topics` names its topic.
 */
export const wants = ({ logs, nodes, topics }: Subscription, event: BusEvent): boolean => {
  if (event.type === "log") {
    const key = logKey(event)
    return logs?.some((log) => logKey(log) === key) ?? false
  }
  if (topics !== undefined && !topics.includes(topicOf(event))) return false
  return nodes === undefined || ("node" in event ? nodes.includes(event.node) : topics !== undefined)
}

/** Whether there are numbered events that it wants: then it has to know of those that were lost. */
export const wantsNumbered = ({ nodes, topics }: Subscription): boolean =>
  topics === undefined
    ? nodes === undefined || nodes.length > 0
    : // The only numbered event without a node is of this topic.
      topics.includes("activity") || (topics.some((topic) => topic !== "log") && nodes?.length !== 0)

/** A log as a key. Unlike the text for people it is never the same for two, whatever a client puts into the names. */
export const logKey = ({ channel, group, name, node }: LogId): string => JSON.stringify([node, group, name, channel])

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
  heartbeat: 4002,
  /** The client sends more frames a second than allowed. */
  tooManyFrames: 4003,
  /** What the client was let in by lets nobody in any more. */
  signedOut: 4004,
  /** Whoever it is sees more, or less, than before. */
  rightsChanged: 4005
} as const

/** How a client was closed, or closed itself. */
export interface CloseReason {
  readonly code: number
  readonly reason: string
}

export const slowClient: CloseReason = { code: CloseCode.slowClient, reason: "too slow: the outbox is full" }

export const signedOut: CloseReason = { code: CloseCode.signedOut, reason: "signed out" }

export const rightsChanged: CloseReason = { code: CloseCode.rightsChanged, reason: "rights changed; connect again" }

export const goingAway: CloseReason = { code: CloseCode.goingAway, reason: "the console shuts down" }
