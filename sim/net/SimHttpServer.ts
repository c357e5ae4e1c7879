/**
 * HttpServer over the simulated network: one fiber a connection, one request a connection, WebSocket upgrades.
 *
 * A request whose connection breaks is interrupted as a client abort, as on Node. Closing the scope takes no new
 * connections and ends those under way. Does not model keep-alive, HTTP/2 and trailers.
 */
import { Effect, Fiber, Layer, Option, type Scope, Stream } from "effect"
import {
  HttpClientRequest,
  HttpEffect,
  HttpMethod,
  HttpServer,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { NetAddress } from "effect/net"
import type { Socket } from "effect/socket"
import type { Message } from "./Message.ts"
import { Network } from "./Network.ts"
import type { Connection, NetworkError } from "./Network.ts"
import { makeSocket } from "./SimSocket.ts"

export interface Options {
  readonly host: string
  readonly port: number
}

export const layer = (options: Options): Layer.Layer<HttpServer.HttpServer, NetworkError, Network> =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      const network = yield* Network
      const listener = yield* network.listen(options.host, options.port)
      return HttpServer.make({
        address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, options.port),
        serve: (app, middleware) =>
          Effect.gen(function* () {
            const scope = yield* Effect.scope
            // A connection that was taken is always served or closed, also when the scope closes in between.
            const serveNext = Effect.uninterruptible(
              Effect.flatMap(listener.accept, (connection) =>
                Effect.forkIn(serveConnection(connection, app, middleware), scope, { uninterruptible: true }).pipe(
                  // In a scope that has closed meanwhile the fiber ends without a step.
                  Effect.tap((fiber) => (fiber.pollUnsafe() === undefined ? Effect.void : connection.close))
                )
              )
            )
            yield* serveNext.pipe(Effect.forever, Effect.forkScoped)
          })
      })
    })
  )

type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  unknown,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>
type Middleware = Parameters<Parameters<typeof HttpServer.make>[0]["serve"]>[1]

const serveConnection = (connection: Connection, app: App, middleware: Middleware) =>
  Effect.gen(function* () {
    const message = yield* connection.receive
    if (message._tag !== "Request") return yield* connection.reset
    const { method } = message
    if (!HttpMethod.isHttpMethod(method)) return yield* connection.send({ _tag: "Head", status: 501, headers: {} })
    const exchange = { upgraded: false, withoutBody: message.method === "HEAD" }
    const request = serverRequest(connection, { ...message, method }, exchange)
    const handled = HttpEffect.toHandled(
      app,
      (_, response) => respond(connection, response, exchange),
      middleware
    ).pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request))
    const fiber = yield* Effect.forkChild(handled)
    if (message.upgrade) return yield* Fiber.await(fiber)
    // The client sends nothing more: whatever arrives is the end of the connection.
    const gone = Effect.flatMap(Effect.exit(connection.receive), () =>
      Effect.sync(() => fiber.interruptUnsafe(undefined, HttpServerError.ClientAbort.annotation))
    )
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.andThen(gone, Effect.never))
  }).pipe(
    Effect.interruptible,
    Effect.ensuring(connection.close),
    // A connection that breaks is the client's business; the request was interrupted, and nobody waits for the answer.
    Effect.catchTag("NetworkError", () => Effect.void)
  )

const respond = Effect.fnUntraced(function* (
  connection: Connection,
  response: HttpServerResponse.HttpServerResponse,
  exchange: { readonly upgraded: boolean; readonly withoutBody: boolean }
) {
  if (exchange.upgraded) return
  const client = HttpServerResponse.toClientResponse(response)
  yield* connection.send({ _tag: "Head", status: response.status, headers: { ...client.headers } })
  if (!exchange.withoutBody)
    yield* Stream.runForEach(client.stream, (bytes) => connection.send({ _tag: "Chunk", bytes }))
  yield* connection.send({ _tag: "End" })
})

type RequestMessage = Extract<Message, { readonly _tag: "Request" }> & { readonly method: HttpMethod.HttpMethod }

const serverRequest = (
  connection: Connection,
  message: RequestMessage,
  exchange: { upgraded: boolean }
): HttpServerRequest.HttpServerRequest => {
  const upgrade: Effect.Effect<Socket.Socket, HttpServerError.HttpServerError> = Effect.suspend(() => {
    if (!message.upgrade) return refuseUpgrade(decorated, "the request asks for no upgrade")
    if (exchange.upgraded) return refuseUpgrade(decorated, "the connection is upgraded already")
    exchange.upgraded = true
    return connection.send({ _tag: "Upgraded" }).pipe(
      Effect.as(makeSocket(connection)),
      Effect.catchTag("NetworkError", (error) => refuseUpgrade(decorated, error.message))
    )
  })
  const decorate = (base: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest =>
    new Proxy(base, {
      get: (target, key) => {
        if (key === "upgrade") return upgrade
        if (key === "upgradeWith") return () => upgrade
        if (key === "remoteAddress" || key === "peerAddress") return Option.some(connection.peer)
        if (key === "modify") return (changes: Parameters<typeof base.modify>[0]) => decorate(target.modify(changes))
        const value: unknown = Reflect.get(target, key, target)
        return value
      }
    })
  const decorated = decorate(HttpServerRequest.fromClientRequest(toClientRequest(message)))
  return decorated
}

const toClientRequest = (message: RequestMessage): HttpClientRequest.HttpClientRequest => {
  const request = HttpClientRequest.make(message.method)(message.url, { headers: message.headers })
  return message.body.length === 0
    ? request
    : HttpClientRequest.bodyUint8Array(request, message.body, message.headers["content-type"])
}

const refuseUpgrade = (request: HttpServerRequest.HttpServerRequest, description: string) =>
  Effect.fail(
    new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request, description }) })
  )
