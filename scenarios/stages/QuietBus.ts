/** The bus of scenarios in which nobody listens: what is published goes nowhere, while others may run. */
import { Effect, Layer } from "effect"
import { EventBus } from "../../core/bus/EventBus.ts"

export const layer: Layer.Layer<EventBus> = Layer.succeed(
  EventBus,
  EventBus.of({
    publish: () => Effect.yieldNow,
    subscribe: () => Effect.die("nobody listens"),
    stats: Effect.succeed([])
  })
)
