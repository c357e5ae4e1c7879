/**
 * The `HttpClient` of the real world: undici, over TCP, TLS and unix sockets.
 *
 * Each call has a connection of its own, opened for it and closed after it. Kept connections do not pay here:
 * supervisord answers more slowly over them once a reply exceeds 4 KiB (six small writes against delayed
 * acknowledgements), and a call that is given up could leave its socket to the next one. What belongs to a call ends
 * with it: when it is interrupted its socket is destroyed, even while it still connects.
 *
 * There are no timeouts, no retries and no redirects here: whoever calls knows how long an answer is worth waiting for.
 * A unix socket is addressed as `http+unix://<socket path, percent-encoded>/<path>`.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Client } from "@effect/platform-node/Undici"
import { Effect, FiberSet, Layer, type Scope, Semaphore } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"

export interface NodeHttpClientOptions {
  /**
   * Connections open at once, over all peers; a call beyond it waits for one to close. It keeps the process from
   * running out of file descriptors. Calls to one slow peer are for the caller to bound. Default 512.
   */
  readonly connectionsMax?: number
  /** PEM texts of the certificate authorities that https peers must be signed by, instead of the system's. */
  readonly certificateAuthorities?: ReadonlyArray<string>
}

/** Provides `HttpClient`. Closing the scope destroys the connections that are still open. */
export const layer = (options: NodeHttpClientOptions = {}): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(HttpClient.HttpClient, make(options))

const connectionsMaxDefault = 512

const make = Effect.fnUntraced(function* (
  options: NodeHttpClientOptions
): Effect.fn.Return<HttpClient.HttpClient, never, Scope.Scope> {
  const permits = yield* Semaphore.make(options.connectionsMax ?? connectionsMaxDefault)
  const run = yield* FiberSet.makeRuntime<never>()
  const open = new Set<Client>()
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(Array.from(open, (client) => client.destroy()))))

  /** Makes the client that holds one permit: until its connection has ended, or until it is released without one. */
  const connect = (url: URL, signal: AbortSignal) => {
    const client = makeClient(url, signal, options)
    open.add(client)
    const release = Effect.suspend(() => (open.delete(client) ? Semaphore.release(permits, 1) : Effect.void))
    client.once("disconnect", () => run(release))
    return { client, release }
  }

  return HttpClient.make((request, url, signal) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        yield* restore(Semaphore.take(permits, 1))
        const { client, release } = yield* Effect.try({
          try: () => connect(url, signal),
          catch: (cause) =>
            new HttpClientError.HttpClientError({ reason: new HttpClientError.InvalidUrlError({ request, cause }) })
        }).pipe(Effect.onError(() => Semaphore.release(permits, 1)))
        return yield* Effect.onError(restore(send(client, request, url)), () => release)
      })
    )
  )
})

/** Sends over this client. Spans and trace headers were left to the outer one. */
const send = (
  client: Client,
  request: HttpClientRequest.HttpClientRequest,
  url: URL
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> =>
  NodeHttpClient.makeUndici.pipe(
    Effect.provideService(NodeHttpClient.Dispatcher, client),
    Effect.flatMap((http) => http.execute(isUnix(url) ? HttpClientRequest.setUrl(request, overSocket(url)) : request)),
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )

const makeClient = (url: URL, signal: AbortSignal, options: NodeHttpClientOptions): Client =>
  new Client(isUnix(url) ? "http://localhost" : url.origin, {
    // No pipelining means that the connection is not kept after the reply.
    pipelining: 0,
    connect: {
      timeout: 0,
      allowH2: false,
      signal,
      ...(isUnix(url) ? { socketPath: decodeURIComponent(url.hostname) } : {}),
      ...(options.certificateAuthorities === undefined ? {} : { ca: [...options.certificateAuthorities] })
    }
  })

const isUnix = (url: URL): boolean => url.protocol === "http+unix:"

/** The socket decides where the bytes go; HTTP still wants a host to name. */
const overSocket = (url: URL): string => `http://localhost${url.pathname}`
