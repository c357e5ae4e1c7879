import { Effect, type Scope } from "effect"
import type { RunContext } from "../../RunContext.ts"
import { pass } from "../../Rules.ts"
import { Network } from "../Network.ts"
import { announce } from "./Announce.ts"
import { isOn } from "./Hosts.ts"

export interface PartitionOptions {
  readonly between: ReadonlyArray<string>
  readonly and: ReadonlyArray<string>
  /** Only what goes from the first group to the second is lost. */
  readonly oneWay?: boolean
}

/**
 * Two groups of hosts do not reach each other until the scope closes. Connection attempts get no answer; connections
 * over which anything is sent meanwhile, their end included, stay half open for good: whoever has one must notice by
 * itself. For a short partition that TCP bridges by sending again, use `clog`, once for each direction.
 */
export const partition = (options: PartitionOptions): Effect.Effect<void, never, Network | RunContext | Scope.Scope> =>
  Effect.gen(function* () {
    const { and: to, between: from, oneWay = false } = options
    const there = isOn({ from, to })
    const back = isOn({ from: to, to: from })
    yield* announce("partition", `${from.join(", ")} ${oneWay ? "->" : "|"} ${to.join(", ")}`)
    const network = yield* Network
    yield* network.rule((packet) => {
      const isAttempt = packet.kind === "connect"
      // A handshake needs both directions.
      const isLost = there(packet) || ((!oneWay || isAttempt) && back(packet))
      return isLost ? { _tag: "drop" } : pass
    })
  })
