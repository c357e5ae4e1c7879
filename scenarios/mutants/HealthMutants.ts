/** Wrong versions of how the console says how it is. */
import { Effect, Layer } from "effect"
import { componentName as configuration } from "../../core/config/LiveSettings.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import * as ComponentHealth from "../../core/health/Components.ts"
import { Components } from "../../core/health/Components.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"

/** The components with some other methods. */
const withComponents =
  (change: (components: Components["Service"]) => Partial<Components["Service"]>) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    components: Layer.effect(
      Components,
      Effect.map(Components, (components) => ({ ...components, ...change(components) }))
    ).pipe(Layer.provide(parts.components))
  })

export const neverForgiven: Mutant = {
  id: "health-never-forgives",
  what: "errors are never made good by successes",
  mutate: (parts) => ({
    ...parts,
    components: ComponentHealth.layer({ healthyAfter: Infinity, quietMs: Infinity })
  })
}

/** How long a report is kept. */
const keptMs = 20_000

export const reportIsKept: Mutant = {
  id: "health-report-is-kept",
  what: "what the components say is kept for a while, to spare them",
  mutate: withComponents(({ all }) => {
    let kept: { readonly atMs: number; readonly all: Effect.Success<typeof all> } | undefined
    return {
      all: Effect.flatMap(monotonicMs, (nowMs) =>
        kept !== undefined && nowMs - kept.atMs < keptMs
          ? Effect.succeed(kept.all)
          : Effect.tap(all, (now) => Effect.sync(() => (kept = { atMs: nowMs, all: now })))
      )
    }
  })
}

export const assessmentsForgotten: Mutant = {
  id: "health-counts-assessments-once",
  what: "what a component finds itself to be counts as one error among others",
  mutate: withComponents(({ errored, succeeded }) => ({
    assessed: (name, status, message) => (status === "healthy" ? succeeded(name) : errored(name, message))
  }))
}

export const repairGoesUnnoticed: Mutant = {
  id: "health-repair-goes-unnoticed",
  what: "a configuration that is repaired by taking the old one again leaves its component degraded",
  mutate: withComponents(({ assessed }) => ({
    assessed: (name, status, message) =>
      name === configuration && status === "healthy" ? Effect.void : assessed(name, status, message)
  }))
}

export const lastAnswerCounts: Mutant = {
  id: "health-takes-last-answer",
  what: "a node that does not answer is shown as it was when it did",
  mutate: withDrivers((_, driver) => {
    let last: ReadonlyArray<ProcessInfo> | undefined
    return {
      ...driver,
      processes: driver.processes.pipe(
        Effect.tap((processes) => Effect.sync(() => (last = processes))),
        Effect.catch((error) => (last === undefined ? Effect.fail(error) : Effect.succeed(last)))
      )
    }
  })
}
