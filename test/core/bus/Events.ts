/** Events and buses for tests. */
import { Context, Effect, Layer } from "effect"
import * as EventBus from "../../../core/bus/EventBus.ts"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"

const at = "1970-01-01T00:00:00.000Z"

/** A numbered event about a node. */
export const event = (seq: number, node = "web"): BusEvent => ({ type: "node.removed", seq, at, node })

export const events = (count: number, from = 1): ReadonlyArray<BusEvent> =>
  Array.from({ length: count }, (_, i) => event(from + i))

export const piece = (text: string): BusEvent => ({
  type: "log",
  node: "web",
  group: "app",
  name: "api",
  channel: "stdout",
  text,
  place: { following: 1, number: 1 }
})

export const status = (component: string): BusEvent => ({
  type: "component.status",
  component,
  from: "healthy",
  to: "degraded",
  at,
  detail: ""
})

/** The number of a numbered event, the text of a piece, the name of a component. */
export const label = (of: BusEvent): string =>
  of.type === "log" ? (of.text ?? "") : of.type === "component.status" ? of.component : String(of.seq)

export const options: EventBus.EventBusOptions = {
  workers: 4,
  queueEventsMax: { high: 100, normal: 500, low: 1000 },
  overflow: "wait",
  handlerTimeoutMs: 30_000
}

export const make = (changes: Partial<EventBus.EventBusOptions> = {}) =>
  Effect.map(Layer.build(EventBus.layer({ ...options, ...changes })), (context) =>
    Context.get(context, EventBus.EventBus)
  )
