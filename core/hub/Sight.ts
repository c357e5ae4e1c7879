/** What of an event a client is told that does not see the whole fleet. Pure. */
import { Hash } from "effect"
import type { BusEvent } from "../bus/BusEvent.ts"
import { seesNode, seesProcess } from "../domain/Access.ts"
import type { Limited } from "../domain/Access.ts"
import { summaryFor } from "../fleet/BatchSight.ts"
import * as OutFrame from "./OutFrame.ts"

/** The same event when it is seen whole, another one when it is seen in part, undefined when it is not seen. */
export const sightOf = (limited: Limited, event: BusEvent): BusEvent | undefined => {
  switch (event.type) {
    case "node.added":
    case "node.removed":
    case "node.status":
    case "node.restarted":
      return seesNode(limited, event.node) ? event : undefined
    case "process.added":
    case "process.state":
    case "process.restarted":
      return seesProcess(limited, event.node, event.process) ? event : undefined
    case "process.removed":
    case "operation.started":
    case "operation.finished":
    case "log":
      return seesProcess(limited, event.node, event) ? event : undefined
    case "batch.changed": {
      const batch = summaryFor(limited, event.batch)
      if (batch === event.batch) return event
      return batch === undefined ? undefined : { ...event, batch }
    }
    case "component.status":
      return event
  }
}

/** The frame of the event for this one: the one that all share, unless only part of it is seen. */
export const frameFor = (
  limited: Limited | undefined,
  event: BusEvent,
  frame: OutFrame.OutFrame
): OutFrame.OutFrame | undefined => {
  if (limited === undefined) return frame
  const seen = sightOf(limited, event)
  if (seen === undefined) return undefined
  return seen === event || seen.type !== "batch.changed" ? frame : OutFrame.numbered(seen)
}

/**
 * The stream as this one sees it. Streams of other sights are other streams: what is missed of one does not make a
 * picture of another right.
 */
export const streamFor = (stream: string, limited: Limited | undefined): string => {
  if (limited === undefined) return stream
  const text = JSON.stringify(limited.limits.map(({ nodes, programs }) => [nodes ?? null, programs ?? null]))
  return `${stream}${hex(Hash.string(text))}${hex(Hash.string(`sight ${text}`))}`
}

const hex = (hash: number): string => (hash >>> 0).toString(16).padStart(8, "0")
