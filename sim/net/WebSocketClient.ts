/** Opens a WebSocket over the simulated network, as a browser or a script would. */
import { Effect, type Scope } from "effect"
import { Socket } from "effect/socket"
import { Network } from "./Network.ts"
import type { NetworkError } from "./NetworkError.ts"
import { makeSocket } from "./SimSocket.ts"

export interface Options {
  /** Name of the host that connects. */
  readonly from: string
  readonly host: string
  readonly port: number
  /** Path and query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Waits for the answer to the upgrade. A refusal by HTTP fails with a `SocketOpenError` whose cause names the status.
 * The connection ends with the scope.
 */
export const connect = (options: Options): Effect.Effect<Socket.Socket, Socket.SocketError, Network | Scope.Scope> =>
  Effect.gen(function* () {
    const network = yield* Network
    const connection = yield* network.connect(options.from, options.host, options.port)
    const { headers = {}, path: url } = options
    yield* connection.send({ _tag: "Request", method: "GET", url, headers, body: new Uint8Array(), upgrade: true })
    const answer = yield* connection.receive
    if (answer._tag === "Upgraded") return makeSocket(connection)
    return yield* openError(
      new Error(answer._tag === "Head" ? `HTTP status ${answer.status}` : `unexpected ${answer._tag}`)
    )
  }).pipe(Effect.catchTag("NetworkError", (error: NetworkError) => openError(error)))

const openError = (cause: Error) =>
  Effect.fail(new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) }))
