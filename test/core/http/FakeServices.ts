/** The API over services that a test makes up, as an app for whatever serves it. */
import { Effect, Layer, type Scope } from "effect"
import {
  HttpClient,
  HttpClientRequest,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import type { HttpMethod } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { NodeView } from "../../../core/domain/Node.ts"
import type { BatchView } from "../../../core/domain/Operation.ts"
import { Batches } from "../../../core/fleet/Batches.ts"
import { Fleet } from "../../../core/fleet/Fleet.ts"
import { Components } from "../../../core/health/Components.ts"
import { Api } from "../../../core/http/Api.ts"
import { middleware } from "../../../core/http/ErrorMiddleware.ts"
import * as Handlers from "../../../core/http/Handlers.ts"
import { openapiPath, segmentCharactersMax } from "../../../core/http/Routes.ts"

/** What the test has an opinion about; asking for anything else is a defect. */
export interface FakeServices {
  readonly fleet?: Partial<Fleet["Service"]>
  readonly batches?: Partial<Batches["Service"]>
  readonly components?: Partial<Components["Service"]>
}

type Requested = HttpServerRequest.HttpServerRequest | Scope.Scope

/** The whole API as an app that answers every request. */
export const app = ({ batches = {}, components = {}, fleet = {} }: FakeServices) => {
  const services = Layer.mergeAll(
    Layer.mock(Fleet, { nodes: Effect.succeed([]), ...fleet }),
    Layer.mock(Batches, batches),
    Layer.mock(Components, { all: Effect.succeed([]), ...components })
  )
  const routes = HttpApiBuilder.layer(Api, { openapiPath }).pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(services),
    Layer.provide(HttpServer.layerServices)
  )
  return HttpRouter.toHttpEffect(routes).pipe(
    Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: segmentCharactersMax }),
    Effect.map(middleware)
  )
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

export interface Ask {
  readonly method?: HttpMethod.HttpMethod
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, unless it is a string: then as it is. */
  readonly body?: unknown
}

/** An `HttpClient` that leads straight into the app, without a network. */
export const client = (services: FakeServices): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.map(app(services), (served: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, Requested>) =>
    HttpClient.make((request) =>
      served.pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
        Effect.scoped,
        // What the app lets through would be a bug of the console: it answers everything itself.
        Effect.orDie,
        Effect.map((response) => HttpServerResponse.toClientResponse(response, { request }))
      )
    )
  )

/** A request and its answer. */
export const ask = (
  http: HttpClient.HttpClient,
  path: string,
  { body, headers = {}, method = "GET" }: Ask = {}
): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    const bare = HttpClientRequest.make(method)(`http://console${path}`, { headers })
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const request =
      body === undefined ? bare : HttpClientRequest.bodyText(bare, text, headers["content-type"] ?? "application/json")
    const response = yield* http.execute(request)
    return { status: response.status, headers: response.headers, text: yield* response.text }
  }).pipe(Effect.orDie)

/** A node that is up. */
export const node = (name: string, changes: Partial<NodeView> = {}): NodeView => ({
  name,
  kind: "supervisord",
  status: "up",
  since: "2026-01-01T00:00:00.000Z",
  stale: false,
  incarnation: 1,
  processes: { RUNNING: 1 },
  ...changes
})

/** A batch that has just begun, with one process. */
export const batch = (changes: Partial<BatchView> = {}): BatchView => ({
  id: 7,
  kind: "restart",
  mode: "parallel",
  status: "running",
  stopped_early: false,
  counts: { pending: 1 },
  started: "2026-01-01T00:00:00.000Z",
  items: [{ node: "web", group: "app", name: "api", state: "pending", detail: "" }],
  ...changes
})
