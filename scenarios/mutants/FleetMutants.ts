/** Wrong versions of how the fleet is polled. */
import { Effect, Ref } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import type { FleetOptions } from "../../core/fleet/Fleet.ts"
import { withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"

export const withOptions =
  (change: (options: FleetOptions) => FleetOptions) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    fleet: (nodes, options) => parts.fleet(nodes, change(options))
  })

export const withGuard = (change: (guard: FleetOptions["guard"]) => FleetOptions["guard"]) =>
  withOptions((options) => ({ ...options, guard: change(options.guard) }))

export const unboundedPolls: Mutant = {
  id: "unbounded-polls",
  what: "the limit of polls under way is read from the wrong setting, which is far larger",
  mutate: withOptions((options) => ({
    ...options,
    poll: { ...options.poll, concurrency: options.guard.callsWaitingMax }
  }))
}

export const secondTryBesideTheFirst: Mutant = {
  id: "second-try-beside-the-first",
  what: "a poll that takes long is sent a second time beside the first, without a permit of its own",
  mutate: withDrivers((_, driver) => ({
    ...driver,
    processes: Effect.raceFirst(driver.processes, Effect.andThen(Effect.sleep(1_000), driver.processes))
  }))
}

export const pollsStopAfterFailure: Mutant = {
  id: "polls-stop-after-failure",
  what: "after a failure the next poll of a node waits for an event that never comes",
  mutate: withDrivers((_, driver) => {
    const failed = Ref.makeUnsafe(false)
    return {
      ...driver,
      processes: Effect.flatMap(Ref.get(failed), (before) =>
        before ? Effect.never : Effect.tapError(driver.processes, () => Ref.set(failed, true))
      )
    }
  })
}
