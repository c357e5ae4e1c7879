/**
 * HttpClient over the simulated network: a connection for each request, which is closed when the body has been read or
 * the request is given up.
 *
 * Failures look like those of the real client: a `TransportError` before the answer and a `DecodeError` within its
 * body, whose cause has the code that Node or undici give (`ECONNREFUSED`, `ECONNRESET`, `ENOTFOUND`,
 * `UND_ERR_SOCKET`). A body ends well where the server ended it, and no earlier, whatever Content-Length said.
 */
import { Cause, Effect, Exit, Fiber, Layer, type Pull, Scope, Stream } from "effect"
import { Cookies, HttpClient, HttpClientError, HttpServerResponse } from "effect/http"
import type { HttpClientRequest } from "effect/http"
import type { Connection } from "./Connection.ts"
import type { Message } from "./Message.ts"
import { Network } from "./Network.ts"
import { NetworkError } from "./NetworkError.ts"

export const layer = (options: { readonly host: string }): Layer.Layer<HttpClient.HttpClient, never, Network> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const network = yield* Network
      const scope = yield* Effect.scope
      return HttpClient.make((request, url, signal) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const requestScope = yield* Scope.fork(scope)
            const connect = connectTo(network, options.host, request, url, signal).pipe(Scope.provide(requestScope))
            return yield* restore(Effect.flatMap(connect, (sent) => exchange(sent, request, url, requestScope))).pipe(
              Effect.onError((cause) => Scope.close(requestScope, Exit.failCause(cause)))
            )
          })
        )
      )
    })
  )

const failed = (request: HttpClientRequest.HttpClientRequest, cause: unknown) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

/** A connection until the scope closes, or the signal says that nobody wants the answer any more. */
const connectTo = (
  network: Network["Service"],
  from: string,
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  signal: AbortSignal
) =>
  Effect.gen(function* () {
    const { host, port } = target(url)
    const connection = yield* network
      .connect(from, host, port)
      .pipe(Effect.mapError((error) => failed(request, describe(error, "connect"))))
    yield* Effect.acquireRelease(
      Effect.sync(() => signal.addEventListener("abort", connection.closeUnsafe)),
      () => Effect.sync(() => signal.removeEventListener("abort", connection.closeUnsafe))
    )
    if (signal.aborted) yield* connection.close
    return connection
  })

const exchange = (
  connection: Connection,
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  scope: Scope.Closeable
) =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    yield* connection
      .send({
        _tag: "Request",
        method: request.method,
        url: `${url.pathname}${url.search}`,
        headers: { ...request.headers, ...body.headers, host: url.host },
        body: body.bytes,
        upgrade: false
      })
      .pipe(Effect.mapError((error) => failed(request, describe(error))))
    const head = yield* Effect.mapError(answer(connection, body.chunks, scope), (cause) => failed(request, cause))
    const stream = bodyStream(connection).pipe(Stream.ensuring(Scope.close(scope, Exit.void)))
    const { setCookies, status } = head
    const headers = setCookies.length === 0 ? head.headers : { ...head.headers, "set-cookie": setCookies.join(", ") }
    const cookies = Cookies.fromSetCookie(setCookies)
    return HttpServerResponse.toClientResponse(HttpServerResponse.stream(stream, { status, headers, cookies }), {
      request
    })
  })

/** Waits for the head of the answer, while the rest of the request is sent. */
const answer = Effect.fnUntraced(function* (
  connection: Connection,
  chunks: Stream.Stream<Uint8Array, unknown> | undefined,
  scope: Scope.Scope
) {
  const head = Effect.mapError(connection.receive, (error) => describe(error))
  // A request may be answered before it has been sent; what is left of it goes on.
  const first =
    chunks === undefined
      ? head
      : Effect.raceFirst(head, Fiber.join(yield* Effect.forkIn(sendBody(connection, chunks), scope)))
  const message = yield* first
  return message._tag === "Head" ? message : yield* Effect.fail(noHttp(message))
})

/** Never ends well: the answer decides. A connection that breaks is noticed by who waits for the answer. */
const sendBody = (connection: Connection, chunks: Stream.Stream<Uint8Array, unknown>) =>
  Stream.runForEach(chunks, (bytes) => connection.send({ _tag: "Chunk", bytes })).pipe(
    Effect.andThen(connection.send({ _tag: "End" })),
    Effect.catchIf(isNetworkError, () => Effect.void),
    Effect.andThen(Effect.never)
  )

const bodyStream = (connection: Connection) => {
  const pull = connection.receive.pipe(
    Effect.mapError((error) => describe(error)),
    Effect.flatMap((message): Pull.Pull<readonly [Uint8Array], Error> => {
      if (message._tag === "Chunk") return Effect.succeed([message.bytes])
      return message._tag === "End" ? Cause.done() : Effect.fail(noHttp(message))
    })
  )
  return Stream.fromPull(Effect.succeed(pull))
}

/** Where a URL leads: `http+unix://%2Fpath/..` is the host `unix:/path` on port 0. */
const target = (url: URL): { readonly host: string; readonly port: number } =>
  url.protocol === "http+unix:"
    ? { host: `unix:${decodeURIComponent(url.hostname)}`, port: 0 }
    : { host: url.hostname, port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port) }

interface Body {
  readonly bytes: Uint8Array<ArrayBuffer> | undefined
  readonly chunks: Stream.Stream<Uint8Array, unknown> | undefined
  readonly headers: Readonly<Record<string, string>>
}

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): Effect.Effect<Body> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed({ bytes: new Uint8Array(), chunks: undefined, headers: {} })
    case "Uint8Array":
      return Effect.succeed({
        bytes: new Uint8Array(body.body),
        chunks: undefined,
        headers: { "content-length": String(body.contentLength) }
      })
    case "Stream": {
      const length = body.contentLength
      const headers = length === undefined ? { "transfer-encoding": "chunked" } : { "content-length": String(length) }
      return Effect.succeed({ bytes: undefined, chunks: body.stream, headers })
    }
    default:
      return Effect.die(new Error(`SimHttpClient: a ${body._tag} body is not modelled; send bytes, text or a stream`))
  }
}

/** What Node and undici put on their errors. */
interface Known {
  readonly code: string
  readonly syscall?: string
  readonly name?: string
}

const known: Record<Exclude<NetworkError["reason"], "Failed">, Known> = {
  UnknownHost: { code: "ENOTFOUND", syscall: "getaddrinfo" },
  Refused: { code: "ECONNREFUSED", syscall: "connect" },
  AddressInUse: { code: "EADDRINUSE", syscall: "listen" },
  Reset: { code: "ECONNRESET", syscall: "read" },
  Closed: { code: "UND_ERR_SOCKET", name: "SocketError" }
}

const describe = ({ address, code, reason }: NetworkError, syscall = "read"): Error => {
  if (reason === "Failed") return Object.assign(new Error(`${syscall} ${code} ${address}`), { code, syscall })
  const fields = known[reason]
  const message = reason === "Closed" ? "other side closed" : `${fields.syscall} ${fields.code} ${address}`
  return Object.assign(new Error(message), fields)
}

const noHttp = ({ _tag }: Message): Error =>
  Object.assign(new Error(`Response does not match the HTTP/1.1 protocol (${_tag})`), { name: "HTTPParserError" })

const isNetworkError = (error: unknown): error is NetworkError => error instanceof NetworkError
