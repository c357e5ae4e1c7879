/** A fleet of fake nodes, and what it tells on its bus. */
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { BusEvent } from "../../../core/bus/BusEvent.ts"
import { EventBus } from "../../../core/bus/EventBus.ts"
import * as Fleet from "../../../core/fleet/Fleet.ts"
import type { FleetOptions } from "../../../core/fleet/Fleet.ts"
import type { NodeDriver } from "../../../core/fleet/NodeDriver.ts"
import * as Registry from "../../../core/fleet/Registry.ts"

export const fleetOptions: FleetOptions = {
  poll: { intervalMs: 60_000, jitter: 0, concurrency: 4, concurrencyDown: 2 },
  guard: {
    callsMax: 64,
    callsWaitingMax: 64,
    breakerFailures: 5,
    breakerOpenMs: 5_000,
    breakerOpenMsMax: 30_000,
    deadlineMs: 600_000
  },
  staleAfterMs: 180_000,
  operations: {
    observeIntervalMs: 250,
    deadlineMs: { start: 30_000, stop: 30_000, restart: 60_000, signal: 5_000, stdin: 5_000, clear_log: 5_000 },
    readLogMs: 5_000,
    updateMs: 60_000
  }
}

/** A bus that keeps what is told. */
export const recordingBus = (told: Array<BusEvent>): Layer.Layer<EventBus> =>
  Layer.succeed(EventBus, {
    publish: (events) => Effect.sync(() => void told.push(...events)),
    subscribe: () => Effect.void,
    stats: Effect.succeed([])
  })

export const managed = (name: string, driver: NodeDriver): Fleet.ManagedNode => ({
  entry: { name, environment: undefined, kind: driver.kind },
  driver
})

/** The fleet with its registry; what it tells goes into `told`. */
export const fleetOf = (
  drivers: Readonly<Record<string, NodeDriver>>,
  { options = fleetOptions, told = [] }: { readonly options?: FleetOptions; readonly told?: Array<BusEvent> } = {}
): Layer.Layer<Fleet.Fleet | Registry.Registry | EventBus> =>
  Fleet.layer(Effect.succeed(Object.entries(drivers).map(([name, driver]) => managed(name, driver))), options).pipe(
    Layer.provideMerge(Registry.layer),
    Layer.provideMerge(recordingBus(told))
  )

const turnsMax = 100

/** Lets all fibers go as far as they come without time. */
export const settle = Effect.repeat(Effect.yieldNow, { times: turnsMax })

/** Lets time pass in steps, with everything settled at each: a long way between two fibers takes no time. */
export const pass = (ms: number, stepMs = 250): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* settle
    for (let left = ms; left > 0; left -= stepMs) {
      yield* TestClock.adjust(Math.min(stepMs, left))
      yield* settle
    }
  })
