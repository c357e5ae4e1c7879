/**
 * The HTTP client for a collector: each request ends within a time, its answer is read up to a bound and thrown away,
 * and the gate learns how it went. Whatever is not a success is a failure of the connection for the exporters, who
 * retry a few times and then leave the collector alone for a minute: so no header of an answer can make them wait for
 * longer.
 */
import { ByteSize, Effect, Layer } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse, HttpIncomingMessage } from "effect/http"
import * as NodeHttpClient from "../NodeHttpClient.ts"
import type { Gate } from "./Gate.ts"

/** For one request, its answer included. */
export const requestMsMax = 5_000

const answerBytesMax = 64 * 1024

/** Requests under way at a time: three kinds, each with some to spare. */
const connectionsMax = 8

export const layer = (gate: Gate): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (http) =>
      HttpClient.make((request) => {
        const refused = (description: string) =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, description })
            })
          )
        return http.execute(request).pipe(
          Effect.tap((response) => response.arrayBuffer),
          Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(answerBytesMax)),
          Effect.flatMap(({ status }) =>
            status >= 200 && status < 300 ? Effect.void : refused(`the collector answers ${status}`)
          ),
          Effect.timeoutOrElse({
            duration: requestMsMax,
            orElse: () => refused(`the collector takes longer than ${requestMsMax} ms`)
          }),
          Effect.tap(() => Effect.sync(() => gate.delivered())),
          Effect.tapError(() => Effect.sync(() => gate.failed(performance.now()))),
          Effect.as(HttpClientResponse.fromWeb(request, new Response(null, { status: 200 })))
        )
      })
    )
  ).pipe(Layer.provide(NodeHttpClient.layer({ connectionsMax, idleMax: connectionsMax, idlePerPeerMax: 3 })))
