import { Effect, type Scope } from "effect"
import type { RunContext } from "../../RunContext.ts"
import { Network } from "../Network.ts"
import { announce } from "./Announce.ts"
import { describeDirection, isOn } from "./Hosts.ts"
import type { Direction } from "./Hosts.ts"

/**
 * What is sent in this direction is held until the scope closes, and is then delivered in its order. Connection
 * attempts wait too; what was on its way before still arrives.
 */
export const clog = (direction: Direction): Effect.Effect<void, never, Network | RunContext | Scope.Scope> =>
  Effect.andThen(
    announce("clog", describeDirection(direction)),
    Network.use((network) => network.shape(isOn(direction), { held: true }))
  )
