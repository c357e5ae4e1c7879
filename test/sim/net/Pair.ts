/** What tests of the simulated network share. */
import { Effect, type Scope } from "effect"
import type { Message } from "../../../sim/net/Message.ts"
import * as Network from "../../../sim/net/Network.ts"
import type { NetworkError } from "../../../sim/net/NetworkError.ts"
import * as Sim from "../../../sim/Sim.ts"

export type Program = Effect.Effect<unknown, NetworkError, Network.Network | Scope.Scope | Sim.RunContext>

/** Runs a program on a network of its own under many seeds. */
export const check = (
  program: Program,
  options: Partial<Network.NetworkOptions> & { readonly runs?: number } = {}
): Sim.CheckResult<unknown, NetworkError> =>
  Sim.check(Effect.provide(Effect.scoped(program), Network.layer(options)), {
    runs: options.runs ?? 100,
    leaks: "fail"
  })

export const expect = (condition: boolean, message: string) => (condition ? Effect.void : Effect.die(message))

export const frame = (data: string): Message => ({ _tag: "Frame", data })

export const text = (message: Message): string => (message._tag === "Frame" ? String(message.data) : message._tag)

/** A listener on `server:80`, a connection of `client` to it, and its other end, which is closed with the scope too. */
export const pair = Effect.gen(function* () {
  const network = yield* Network.Network
  const { accept } = yield* network.listen("server", 80)
  const client = yield* network.connect("client", "server", 80)
  const server = yield* Effect.acquireRelease(accept, (connection) => connection.close)
  return { network, client, server }
})

export const reasonOf = <A, R>(effect: Effect.Effect<A, NetworkError, R>) =>
  Effect.match(effect, { onFailure: ({ code, reason }) => code ?? reason, onSuccess: () => "Success" })
