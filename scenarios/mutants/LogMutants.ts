/** Wrong versions of how logs are followed. */
import { Effect, Layer, Stream } from "effect"
import { LogFollow } from "../../core/fleet/LogFollow.ts"
import { withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"

export const logGapForgotten: Mutant = {
  id: "log-gap-forgotten",
  what: "what follows a gap in a log is passed on as if nothing were missing",
  mutate: withDrivers((_, driver) => ({
    ...driver,
    followLog: (id, channel) => Stream.filter(driver.followLog(id, channel), ({ _tag }) => _tag === "Bytes")
  }))
}

export const oneChannel: Mutant = {
  id: "one-channel",
  what: "whoever follows the errors of a program has its output followed",
  mutate: (parts) => ({
    ...parts,
    logFollow: Layer.effect(
      LogFollow,
      Effect.map(LogFollow, (real) => ({
        ...real,
        follow: (log) => real.follow({ ...log, channel: "stdout" })
      }))
    ).pipe(Layer.provide(parts.logFollow))
  })
}
