import { Effect } from "effect"
import { RunContext } from "../../RunContext.ts"
import { Network } from "../Network.ts"
import { describeDirection, isOn } from "./Hosts.ts"
import type { Direction } from "./Hosts.ts"

/**
 * Resets the connections that exist now, for both ends at once; gives their number. `from` is who made a connection.
 * Counts as a fault only when there were any.
 */
export const cut = (direction: Direction): Effect.Effect<number, never, Network | RunContext> =>
  Effect.gen(function* () {
    const context = yield* RunContext
    const count = yield* (yield* Network).cut(isOn(direction))
    if (count === 0) return 0
    context.fault("network cut")
    context.tell(() => `network: ${count} connections ${describeDirection(direction)} are cut`, { kind: "fault" })
    return count
  })
