/**
 * The `HttpClient` of the real world: undici, over TCP, TLS and unix sockets.
 *
 * How a request is connected it says itself, by the `ConnectionOptions` around it: over a connection of its own, opened
 * for it and closed after it, or over one that is kept; with which certificates. What belongs to a call ends with it:
 * when it is interrupted its socket is destroyed, even while it still connects, and is never left to another call.
 *
 * There are no timeouts, no retries and no redirects here: whoever calls knows how long an answer is worth waiting for.
 * A unix socket is addressed as `http+unix://<socket path, percent-encoded>/<path>`.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { Dispatcher } from "@effect/platform-node/Undici"
import { Effect, FiberSet, Layer, type Scope, Semaphore } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { ConnectionOptions } from "../core/supervisor/Connection.ts"
import { HttpConnections, isUnix } from "./HttpConnections.ts"

export interface NodeHttpClientOptions {
  /**
   * Calls at once, over all peers; one beyond it waits for another to end. It keeps the process from running out of
   * file descriptors, together with the limit on idle connections. Calls to one slow peer are for the caller to bound.
   * Default 512.
   */
  readonly connectionsMax?: number
  /** Kept connections without a call, over all peers and for one. Default 256 and 2. */
  readonly idleMax?: number
  readonly idlePerPeerMax?: number
  /** A kept connection without a call is closed after this time. Default 15 seconds. */
  readonly idleMs?: number
}

/** Provides `HttpClient`. Closing the scope destroys the connections that are still open. */
export const layer = (options: NodeHttpClientOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(HttpClient.HttpClient, make(options))

const defaults = { connectionsMax: 512, idleMax: 256, idlePerPeerMax: 2, idleMs: 15_000 } as const

const make = Effect.fnUntraced(function* (
  options: NodeHttpClientOptions
): Effect.fn.Return<HttpClient.HttpClient, never, Scope.Scope> {
  const permits = yield* Semaphore.make(options.connectionsMax ?? defaults.connectionsMax)
  const run = yield* FiberSet.makeRuntime<never>()
  const connections = yield* Effect.acquireRelease(
    Effect.sync(() => new HttpConnections({ ...defaults, ...options })),
    (opened) => Effect.promise(() => opened.destroy())
  )
  const release = () => void run(Semaphore.release(permits, 1))

  const call = Effect.fnUntraced(function* (
    request: HttpClientRequest.HttpClientRequest,
    url: URL,
    signal: AbortSignal,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) {
    const wanted = yield* ConnectionOptions
    yield* restore(Semaphore.take(permits, 1))
    const connection = yield* Effect.try({
      try: () => connections.take(url, wanted, signal, release),
      catch: (cause) =>
        new HttpClientError.HttpClientError({ reason: new HttpClientError.InvalidUrlError({ request, cause }) })
    }).pipe(Effect.onError(() => Semaphore.release(permits, 1)))
    return yield* Effect.onError(restore(send(connection.dispatcher, request, url)), () =>
      Effect.sync(connection.giveUp)
    )
  })

  return HttpClient.make((request, url, signal) =>
    Effect.uninterruptibleMask((restore) => call(request, url, signal, restore))
  )
})

/** Sends over this connection. Spans and trace headers were left to the outer one. */
const send = (
  dispatcher: Dispatcher,
  request: HttpClientRequest.HttpClientRequest,
  url: URL
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> =>
  NodeHttpClient.makeUndici.pipe(
    Effect.provideService(NodeHttpClient.Dispatcher, dispatcher),
    Effect.flatMap((http) => http.execute(isUnix(url) ? HttpClientRequest.setUrl(request, overSocket(url)) : request)),
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )

/** The socket decides where the bytes go; HTTP still wants a host to name. */
const overSocket = (url: URL): string => `http://localhost${url.pathname}`
