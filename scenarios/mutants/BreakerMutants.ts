/** Wrong versions of the circuit breaker of a node. */
import { Effect } from "effect"
import { verdictOf } from "../../core/fleet/NodeTrouble.ts"
import { mapCalls, withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"
import { withGuard } from "./FleetMutants.ts"

export const neverOpens: Mutant = {
  id: "never-opens",
  what: "failures are counted in the wrong direction, so that the circuit never opens",
  mutate: withGuard((guard) => ({ ...guard, breakerFailures: Number.MAX_SAFE_INTEGER }))
}

export const openTimeInSeconds: Mutant = {
  id: "open-time-in-seconds",
  what: "how long a circuit is open is taken for seconds where milliseconds are meant",
  mutate: withGuard((guard) => ({ ...guard, breakerOpenMs: guard.breakerOpenMs / 1_000 }))
}

export const probeIsRepeated: Mutant = {
  id: "probe-is-repeated",
  what: "a call that fails is sent once more at once, the probe of a circuit that is half open included",
  mutate: withDrivers((_, driver) => mapCalls(driver, () => (call) => Effect.retry(call, { times: 1 })))
}

export const twoProbes: Mutant = {
  id: "two-probes",
  what: "the place of the probe is not locked, so that a second call goes through a circuit that is half open",
  mutate: (parts) => ({
    ...parts,
    fleet: (nodes, options) =>
      withDrivers((_, driver) => {
        // In a row, as the breaker counts them: beyond those that open the circuit, every call is a probe.
        let failures = 0
        return mapCalls(driver, () => (call) => {
          const counted = Effect.tapError(call, ({ reason }) =>
            Effect.sync(() => {
              failures = verdictOf(reason, "node") === "bad" ? failures + 1 : 0
            })
          ).pipe(
            Effect.tap(() =>
              Effect.sync(() => {
                failures = 0
              })
            )
          )
          return Effect.suspend(() =>
            failures < options.guard.breakerFailures ? counted : Effect.raceFirst(counted, call)
          )
        })
      })(parts).fleet(nodes, options)
  })
}
