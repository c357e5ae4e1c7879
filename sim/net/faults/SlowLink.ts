import { Effect, type Scope } from "effect"
import type { RunContext } from "../../RunContext.ts"
import type { Latency } from "../Latency.ts"
import { Network } from "../Network.ts"
import { announce } from "./Announce.ts"
import { describeDirection, isOn } from "./Hosts.ts"
import type { Direction } from "./Hosts.ts"

export interface Slowness {
  readonly latency?: Latency
  /** Bytes that leave in a millisecond, over all connections from one host to another. */
  readonly bytesPerMs?: number
}

/** Other latencies or a bandwidth in this direction until the scope closes, instead of the network's own. */
export const slowLink = (
  direction: Direction,
  slowness: Slowness
): Effect.Effect<void, never, Network | RunContext | Scope.Scope> =>
  Effect.andThen(
    announce("slow link", describeDirection(direction)),
    Network.use((network) => network.shape(isOn(direction), slowness))
  )
