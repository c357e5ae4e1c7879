/** HTTP and WebSockets over the simulated network. */
import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Scope } from "effect"
import { HttpClient, HttpServer } from "effect/http"
import type { Connection } from "../../sim/net/Connection.ts"
import * as Network from "../../sim/net/Network.ts"
import type { NetworkError } from "../../sim/net/NetworkError.ts"
import * as SimHttpClient from "../../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../../sim/net/SimHttpServer.ts"
import * as WebSocketClient from "../../sim/net/WebSocketClient.ts"
import * as Sim from "../../sim/Sim.ts"
import { announcedBytes, frameBytesMax, part } from "./HttpSides.ts"
import type { Declare, HttpSides, Misbehaviour } from "./HttpSides.ts"

const runs = 30

export const declare: Declare = (name, test) =>
  it(`${name}, simulated`, () => {
    const program = Effect.scoped(Effect.flatMap(sides, test)).pipe(Effect.provide(Network.layer()))
    assert.isUndefined(Sim.check(program, { runs, leaks: "fail" }).failure?.message)
  })

const sides: Effect.Effect<HttpSides, never, Network.Network | Scope.Scope> = Effect.gen(function* () {
  const network = yield* Network.Network
  const here = Effect.provideService(Network.Network, network)
  const clients = yield* Layer.build(SimHttpClient.layer({ host: "client" }))
  return {
    client: Context.get(clients, HttpClient.HttpClient),
    serve: (app) =>
      Effect.gen(function* () {
        const layer = SimHttpServer.layer({ host: "server", port: 80, websocket: { frameBytesMax } })
        const server = Context.get(yield* Layer.build(layer), HttpServer.HttpServer)
        yield* server.serve(Effect.interruptible(app))
        return "http://server"
      }).pipe(here, Effect.orDie),
    misbehave: (how) => misbehave(network, how),
    closedPort: Effect.as(Effect.orDie(network.listen("idle", 81)), "http://idle:82"),
    unknownHost: "http://nobody.invalid",
    dial: (url) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const options = { from: "client", host: "server", port: 80, path: new URL(url).pathname }
        const socket = yield* Scope.provide(WebSocketClient.connect(options), scope)
        return { socket, lose: Scope.close(scope, Exit.void) }
      }).pipe(here)
  }
})

const misbehave = (network: Network.Network["Service"], how: Misbehaviour) =>
  Effect.gen(function* () {
    const left = yield* Deferred.make<void>()
    const { accept } = yield* network.listen("peer", 80)
    const serve = Effect.gen(function* () {
      const connection = yield* Effect.acquireRelease(accept, (accepted) => accepted.close)
      yield* connection.receive
      yield* act(connection, how)
      return yield* Effect.forever(connection.receive)
    }).pipe(
      Effect.scoped,
      Effect.catchTag("NetworkError", () => Deferred.succeed(left, undefined))
    )
    yield* Effect.forkScoped(Effect.forever(serve))
    return { url: "http://peer", left: Deferred.await(left) }
  }).pipe(Effect.orDie)

const act = (connection: Connection, how: Misbehaviour): Effect.Effect<void, NetworkError> => {
  switch (how._tag) {
    case "silence":
      return Effect.void
    case "garbage":
      return connection.send({ _tag: "Garbage" })
    case "end": {
      const headers = { "content-length": String(announcedBytes) }
      const some =
        how.after === "nothing"
          ? Effect.void
          : Effect.andThen(
              connection.send({ _tag: "Head", status: 200, headers, setCookies: [] }),
              connection.send({ _tag: "Chunk", bytes: new TextEncoder().encode(part) })
            )
      // What was sent has arrived by then: a reset overtakes nothing that a client could have read.
      const settle = how.after === "nothing" ? Effect.void : Effect.sleep(100)
      const end = how.by === "close" ? connection.close : connection.reset
      return Effect.andThen(Effect.andThen(some, settle), end)
    }
  }
}
