/** Wrong versions of what is measured, and of how it is shown. */
import { Effect, Layer, Option } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import { Hub } from "../../core/hub/Hub.ts"
import { families } from "../../core/metrics/Families.ts"
import { Measurements } from "../../core/metrics/Measurements.ts"
import { MetricsPage } from "../../core/metrics/MetricsPage.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import type { Mutant } from "../Property.ts"

const msPerSecond = 1_000

/** The fleet with other measurements. */
const withMeasurements =
  (change: (measurements: Measurements["Service"]) => Partial<Measurements["Service"]>) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    fleet: (nodes, options) =>
      Layer.unwrap(
        Effect.map(
          Effect.serviceOption(Measurements),
          Option.match({
            onNone: () => parts.fleet(nodes, options),
            onSome: (real) =>
              Layer.provide(parts.fleet(nodes, options), Layer.succeed(Measurements, { ...real, ...change(real) }))
          })
        )
      )
  })

export const measuredBehindAuthentication: Mutant = {
  id: "measured-behind-authentication",
  what: "requests are measured within the authentication, so that those it refuses are not",
  mutate: (parts) => ({
    ...parts,
    middleware: (app, { measure, ...options }) => parts.middleware(measure === undefined ? app : measure(app), options)
  })
}

export const failedPollsUnmeasured: Mutant = {
  id: "failed-polls-unmeasured",
  what: "polls are measured when they succeed only",
  mutate: withMeasurements(({ board, driver: measured }) => ({
    driver: (driver) => ({
      ...measured(driver),
      processes: Effect.flatMap(monotonicMs, (startMs) =>
        Effect.tap(driver.processes, () =>
          Effect.map(monotonicMs, (endMs) => board.record(families.fleet.poll, (endMs - startMs) / msPerSecond, "ok"))
        )
      )
    })
  }))
}

export const operationsTimedAtTheirEnd: Mutant = {
  id: "operations-timed-at-their-end",
  what: "the time of an operation is taken when its answer is made, after all that it waited for",
  mutate: withMeasurements((real) => ({
    operation: (kind) => (effect) => Effect.flatMap(Effect.exit(effect), (exit) => real.operation(kind)(exit))
  }))
}

/** How long a page is kept. */
const keptMs = 10_000

export const pageIsKept: Mutant = {
  id: "metrics-page-is-kept",
  what: "a page that was made lately is answered again",
  mutate: (parts) => ({
    ...parts,
    metrics: (version) =>
      Layer.effect(
        MetricsPage,
        Effect.map(MetricsPage, (service) => {
          let kept: { readonly atMs: number; readonly text: string } | undefined
          const page = Effect.flatMap(monotonicMs, (nowMs) =>
            kept !== undefined && nowMs - kept.atMs < keptMs
              ? Effect.succeed(kept.text)
              : Effect.tap(service.page, (text) => Effect.sync(() => (kept = { atMs: nowMs, text })))
          )
          return { ...service, page }
        })
      ).pipe(Layer.provide(parts.metrics(version)))
  })
}

export const leftWhenClosed: Mutant = {
  id: "joined-counts-the-present",
  what: "of clients that joined only those are counted that are still there",
  mutate: (parts) => ({
    ...parts,
    hub: (options) =>
      Layer.effect(
        Hub,
        Effect.map(Hub, (hub) => ({
          ...hub,
          counts: Effect.map(hub.counts, (counts) => ({ ...counts, joined: counts.connected }))
        }))
      ).pipe(Layer.provide(parts.hub(options)))
  })
}
