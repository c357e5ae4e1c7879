import { Effect, type Scope } from "effect"
import type { RunContext } from "../../RunContext.ts"
import { Network } from "../Network.ts"
import { announce } from "./Announce.ts"
import { isOn } from "./Hosts.ts"

/**
 * The hosts read at most one message in so many milliseconds from each connection until the scope closes. What is not
 * read fills the window, and then its senders wait.
 */
export const slowReader = (
  hosts: ReadonlyArray<string>,
  readEveryMs: number
): Effect.Effect<void, never, Network | RunContext | Scope.Scope> =>
  Effect.andThen(
    announce("slow reader", `${hosts.join(", ")}, a message in ${readEveryMs} ms`),
    Network.use((network) => network.shape(isOn({ to: hosts }), { readEveryMs }))
  )
