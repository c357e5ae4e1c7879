/**
 * HttpClient over the simulated network, calling from one host. A fresh connection for each request; it is closed when
 * the body has been read or its reading was given up, or else with the scope of the layer.
 *
 * Failures look as they do on Node: a `TransportError` whose cause carries `code` (`ECONNREFUSED`, `ECONNRESET`,
 * `ENOTFOUND`). A body that breaks off fails the stream, whatever Content-Length said.
 */
import { Cause, Effect, Exit, Layer, type Pull, Scope, Stream } from "effect"
import { HttpClient, HttpClientError, HttpServerResponse } from "effect/http"
import type { HttpClientRequest } from "effect/http"
import { Network } from "./Network.ts"
import type { Connection, NetworkError } from "./Network.ts"

export const layer = (options: { readonly host: string }): Layer.Layer<HttpClient.HttpClient, never, Network> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const network = yield* Network
      const scope = yield* Effect.scope
      return HttpClient.make((request, url) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const requestScope = yield* Scope.fork(scope)
            return yield* restore(exchange(network, options.host, request, url, requestScope)).pipe(
              Effect.onError((cause) => Scope.close(requestScope, Exit.failCause(cause)))
            )
          })
        )
      )
    })
  )

const exchange = (
  network: Network["Service"],
  from: string,
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  scope: Scope.Closeable
) =>
  Effect.gen(function* () {
    const failed = (error: NetworkError) => transportError(request, error)
    const body = yield* bodyBytes(request)
    const { host, port } = target(url)
    const connection = yield* network.connect(from, host, port).pipe(Scope.provide(scope), Effect.mapError(failed))
    const headers =
      body.length === 0 ? { ...request.headers } : { ...request.headers, "content-length": String(body.length) }
    yield* connection
      .send({
        _tag: "Request",
        method: request.method,
        url: `${url.pathname}${url.search}`,
        headers,
        body,
        upgrade: false
      })
      .pipe(Effect.mapError(failed))
    const head = yield* Effect.mapError(connection.receive, failed)
    if (head._tag !== "Head") return yield* transportError(request, { reason: "Reset" })
    const stream = bodyStream(connection, request).pipe(Stream.ensuring(Scope.close(scope, Exit.void)))
    return HttpServerResponse.toClientResponse(
      HttpServerResponse.stream(stream, { status: head.status, headers: head.headers }),
      { request }
    )
  })

const bodyStream = (connection: Connection, request: HttpClientRequest.HttpClientRequest) => {
  const pull = connection.receive.pipe(
    Effect.mapError((error) => transportError(request, error)),
    Effect.flatMap((message): Pull.Pull<readonly [Uint8Array], HttpClientError.HttpClientError> => {
      if (message._tag === "Chunk") return Effect.succeed([message.bytes])
      return message._tag === "End" ? Cause.done() : Effect.fail(transportError(request, { reason: "Reset" }))
    })
  )
  return Stream.fromPull(Effect.succeed(pull))
}

/** Where a URL leads: `http+unix://%2Fpath/..` is the host `unix:/path` on port 0. */
const target = (url: URL): { readonly host: string; readonly port: number } =>
  url.protocol === "http+unix:"
    ? { host: `unix:${decodeURIComponent(url.hostname)}`, port: 0 }
    : { host: url.hostname, port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port) }

const bodyBytes = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<Uint8Array<ArrayBuffer>> => {
  const { body } = request
  switch (body._tag) {
    case "Empty":
      return Effect.succeed(new Uint8Array())
    case "Uint8Array":
      return Effect.succeed(new Uint8Array(body.body))
    default:
      return Effect.die(new Error(`SimHttpClient: a ${body._tag} body is not modelled; send bytes or text`))
  }
}

const codes: Record<NetworkError["reason"], string> = {
  UnknownHost: "ENOTFOUND",
  Refused: "ECONNREFUSED",
  AddressInUse: "EADDRINUSE",
  Reset: "ECONNRESET",
  Closed: "ECONNRESET"
}

const transportError = (request: HttpClientRequest.HttpClientRequest, error: Pick<NetworkError, "reason">) => {
  const code = codes[error.reason]
  return new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error(code), { code }) })
  })
}
