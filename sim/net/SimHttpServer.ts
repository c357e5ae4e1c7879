/**
 * HttpServer over the simulated network: one fiber a connection, one request a connection, WebSocket upgrades.
 *
 * A request whose connection breaks is interrupted as a client abort, as on Node. Bodies come whole or in chunks; one
 * that breaks off fails its reader. What is no HTTP gets a 400. Closing the scope takes no new connections and ends
 * those under way. Does not model keep-alive, pipelining, HTTP/2, trailers, `Expect`, and timeouts of the server
 * itself.
 */
import { Cause, Effect, Exit, Fiber, Layer, Option, type Pull, Queue, type Scope, Stream } from "effect"
import {
  Cookies,
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
import type { Connection } from "./Connection.ts"
import type { Message } from "./Message.ts"
import { Network } from "./Network.ts"
import type { NetworkError } from "./NetworkError.ts"
import { makeSocket } from "./SimSocket.ts"
import type { SocketOptions } from "./SimSocket.ts"

export interface Options {
  readonly host: string
  readonly port: number
  readonly websocket?: Omit<SocketOptions, "leavesWith">
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
            const serving = { app, middleware, websocket: { ...options.websocket, leavesWith } }
            // A connection that was taken is always served or closed, also when the scope closes in between.
            const serveNext = Effect.uninterruptible(
              Effect.flatMap(listener.accept, (connection) =>
                Effect.forkIn(serveConnection(connection, serving), scope, { uninterruptible: true }).pipe(
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

/** As Node's server: 1001 when it stops, 1011 when its handler fails. */
const leavesWith = (exit: Exit.Exit<unknown, unknown>): number =>
  Exit.isSuccess(exit) ? 1000 : Cause.hasInterruptsOnly(exit.cause) ? 1001 : 1011

interface Serving {
  readonly app: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    unknown,
    HttpServerRequest.HttpServerRequest | Scope.Scope
  >
  readonly middleware: Parameters<Parameters<typeof HttpServer.make>[0]["serve"]>[1]
  readonly websocket: SocketOptions
}

/** One request and its answer. */
interface Exchange {
  readonly connection: Connection
  readonly websocket: SocketOptions
  readonly message: RequestMessage
  /** What comes of the body after the request; undefined when it came whole. */
  readonly chunks: BodyQueue | undefined
  upgraded: boolean
}

type RequestMessage = Extract<Message, { readonly _tag: "Request" }> & { readonly method: HttpMethod.HttpMethod }
type BodyQueue = Queue.Queue<Uint8Array, NetworkError | Cause.Done>

/** Chunks of a body that wait for the handler to read them. */
const chunksMax = 4

const makeBodyQueue = Queue.bounded<Uint8Array, NetworkError | Cause.Done>(chunksMax)

const serveConnection = (connection: Connection, { app, middleware, websocket }: Serving) =>
  Effect.gen(function* () {
    const message = yield* connection.receive
    if (message._tag !== "Request") return yield* refuse(connection, 400)
    const { method } = message
    // Node's parser knows the same methods and takes others for no HTTP.
    if (!HttpMethod.isHttpMethod(method)) return yield* refuse(connection, 400)
    const chunks = message.body === undefined ? yield* makeBodyQueue : undefined
    const exchange: Exchange = { connection, websocket, message: { ...message, method }, chunks, upgraded: false }
    const handled = HttpEffect.toHandled(app, (_, response) => respond(exchange, response), middleware).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, serverRequest(exchange))
    )
    const fiber = yield* Effect.forkChild(handled)
    // It says goodbye before the connection closes.
    if (message.upgrade) return yield* Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
    const body = chunks === undefined ? Effect.void : readBody(connection, chunks)
    // Whatever arrives after the body is the end of the connection.
    const gone = Effect.flatMap(Effect.exit(Effect.andThen(body, connection.receive)), () =>
      Effect.sync(() => fiber.interruptUnsafe(undefined, HttpServerError.ClientAbort.annotation))
    )
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.andThen(gone, Effect.never))
  }).pipe(
    Effect.interruptible,
    Effect.ensuring(connection.close),
    // A connection that breaks is the client's business; the request was interrupted, and nobody waits for the answer.
    Effect.catchTag("NetworkError", () => Effect.void)
  )

const refuse = (connection: Connection, status: number) =>
  Effect.andThen(
    connection.send({ _tag: "Head", status, headers: { connection: "close" }, setCookies: [] }),
    connection.send({ _tag: "End" })
  )

/** Hands the chunks of a body on until its end; fails as the connection does. */
const readBody = (connection: Connection, chunks: BodyQueue): Effect.Effect<void, NetworkError> =>
  Effect.flatMap(connection.receive, (message) => {
    if (message._tag === "Chunk")
      return Effect.andThen(Queue.offer(chunks, message.bytes), readBody(connection, chunks))
    return message._tag === "End" ? Effect.asVoid(Queue.end(chunks)) : connection.reset
  }).pipe(Effect.tapError((error) => Queue.fail(chunks, error)))

const respond = Effect.fnUntraced(function* (
  { connection, message, upgraded }: Exchange,
  response: HttpServerResponse.HttpServerResponse
) {
  if (upgraded) return
  const client = HttpServerResponse.toClientResponse(response)
  const { status } = response
  const { "content-length": length, ...others } = { ...client.headers }
  const headers =
    length === undefined || status === 204 || status === 205 ? others : { ...others, "content-length": length }
  const setCookies = Cookies.toSetCookieHeaders(response.cookies)
  yield* connection.send({ _tag: "Head", status, headers, setCookies })
  if (!HttpServerResponse.omitsBody(response, message.method === "HEAD")) {
    // Handlers' answers are sent uninterruptibly, but a body may have no end: it stops when the client has gone.
    yield* Effect.interruptible(Stream.runForEach(client.stream, (bytes) => connection.send({ _tag: "Chunk", bytes })))
  }
  yield* connection.send({ _tag: "End" })
})

const serverRequest = (exchange: Exchange): HttpServerRequest.HttpServerRequest => {
  const { connection, message } = exchange
  const upgrade: Effect.Effect<Socket.Socket, HttpServerError.HttpServerError> = Effect.suspend(() => {
    if (!message.upgrade) return refuseUpgrade(decorated, "the request asks for no upgrade")
    if (exchange.upgraded) return refuseUpgrade(decorated, "the connection is upgraded already")
    exchange.upgraded = true
    return connection.send({ _tag: "Upgraded" }).pipe(
      Effect.as(makeSocket(connection, exchange.websocket)),
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
  const decorated = decorate(HttpServerRequest.fromClientRequest(toClientRequest(exchange)))
  return decorated
}

const toClientRequest = ({ chunks, message }: Exchange): HttpClientRequest.HttpClientRequest => {
  const { body, headers, method, url } = message
  const request = HttpClientRequest.make(method)(url, { headers })
  const contentType = headers["content-type"]
  if (chunks !== undefined) {
    return HttpClientRequest.bodyStream(request, Stream.fromPull(Effect.succeed(pullFrom(chunks))), { contentType })
  }
  return body === undefined || body.length === 0
    ? request
    : HttpClientRequest.bodyUint8Array(request, body, contentType)
}

const pullFrom = (chunks: BodyQueue): Pull.Pull<readonly [Uint8Array], NetworkError> =>
  Effect.map(Queue.take(chunks), (bytes) => [bytes] as const)

const refuseUpgrade = (request: HttpServerRequest.HttpServerRequest, description: string) =>
  Effect.fail(
    new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request, description }) })
  )
