/** Wrong versions of the limit on calls to a node. */
import { Effect, Semaphore } from "effect"
import { mapCalls, withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"
import { withGuard } from "./FleetMutants.ts"

export const permitLostOnInterruption: Mutant = {
  id: "permit-lost-on-interruption",
  what: "a permit is taken and given back by hand, and lost when the call is given up in between",
  mutate: withDrivers((_, driver) => {
    const permits = Semaphore.makeUnsafe(64)
    return mapCalls(
      driver,
      () => (call) =>
        Effect.gen(function* () {
          yield* permits.take(1)
          const result = yield* Effect.result(call)
          yield* permits.release(1)
          return yield* Effect.fromResult(result)
        })
    )
  })
}

export const onePermitMore: Mutant = {
  id: "one-permit-more",
  what: "the limit is compared with <= where < is meant",
  mutate: withGuard((guard) => ({ ...guard, callsMax: guard.callsMax + 1 }))
}

export const waitersNotCounted: Mutant = {
  id: "waiters-not-counted",
  what: "a call sends a probe beside itself to see whether the node is there, which takes no permit",
  mutate: withDrivers((_, driver) =>
    mapCalls(
      driver,
      (method) => (call) =>
        method === "processes" || method === "identify"
          ? call
          : Effect.map(
              Effect.all([call, Effect.ignore(driver.identify)], { concurrency: "unbounded" }),
              ([value]) => value
            )
    )
  )
}
