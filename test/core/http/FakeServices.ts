/** The API over services that a test makes up, as an app for whatever serves it. */
import { Effect, Layer, Result, type Scope, Stream } from "effect"
import {
  Cookies,
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
import { ActivityLog } from "../../../core/activity/ActivityLog.ts"
import { Accounts } from "../../../core/auth/Accounts.ts"
import { defaults } from "../../../core/config/ConfigFile.ts"
import { Settings } from "../../../core/config/Settings.ts"
import type { Principal } from "../../../core/domain/Access.ts"
import { Batches } from "../../../core/fleet/Batches.ts"
import { Fleet } from "../../../core/fleet/Fleet.ts"
import { Components } from "../../../core/health/Components.ts"
import { Api } from "../../../core/http/Api.ts"
import * as Handlers from "../../../core/http/Handlers.ts"
import { middleware } from "../../../core/http/Middleware.ts"
import type { MiddlewareOptions } from "../../../core/http/Middleware.ts"
import { openapiPath, segmentCharactersMax } from "../../../core/http/Routes.ts"
import * as FakeAccounts from "./FakeAccounts.ts"

/** What the test has an opinion about; asking for anything else is a defect. */
export interface FakeServices {
  readonly fleet?: Partial<Fleet["Service"]>
  readonly batches?: Partial<Batches["Service"]>
  readonly components?: Partial<Components["Service"]>
  readonly activity?: Partial<ActivityLog["Service"]>
  readonly accounts?: Accounts["Service"]
  readonly options?: Partial<MiddlewareOptions>
}

/** Whom requests without credentials are from, unless the test has accounts of its own. */
export const anybody: Principal = {
  username: "anonymous",
  userId: undefined,
  actor: "anonymous",
  credential: { _tag: "Anonymous" },
  role: "admin",
  limits: []
}

/** As in production, behind no proxy. */
const middlewareOptions: MiddlewareOptions = {
  sources: ["header", "cookie", "ticket"],
  publicHealth: true,
  publicMetrics: false,
  corsOrigins: [],
  trustedProxies: [],
  cookieSecure: "auto"
}

type Requested = HttpServerRequest.HttpServerRequest | Scope.Scope

/** The whole API as an app that answers every request. */
export const app = ({
  accounts,
  activity = {},
  batches = {},
  components = {},
  fleet = {},
  options = {}
}: FakeServices) => {
  const letsIn = accounts ?? FakeAccounts.make({ anonymous: anybody }).service
  const services = Layer.mergeAll(
    Layer.succeed(Accounts, letsIn),
    Layer.mock(Fleet, { nodes: Effect.succeed([]), ...fleet }),
    Layer.mock(Batches, batches),
    Layer.mock(Settings, { currentUnsafe: () => ({ version: 1, config: Result.getOrThrow(defaults({})) }) }),
    Layer.mock(ActivityLog, { all: () => Stream.empty, ...activity }),
    Layer.mock(Components, { all: Effect.succeed([]), ...components })
  )
  const routes = HttpApiBuilder.layer(Api, { openapiPath }).pipe(
    Layer.provide(Handlers.layer),
    Layer.provide(services),
    Layer.provide(HttpServer.layerServices)
  )
  return HttpRouter.toHttpEffect(routes).pipe(
    Effect.provideService(HttpRouter.RouterConfig, { maxParamLength: segmentCharactersMax }),
    Effect.map((served) =>
      Effect.provideService(middleware(served, { ...middlewareOptions, ...options }), Accounts, letsIn)
    )
  )
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  /** As they would stand in `set-cookie`. */
  readonly cookies: ReadonlyArray<string>
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
    const cookies = Cookies.toSetCookieHeaders(response.cookies)
    return { status: response.status, headers: response.headers, text: yield* response.text, cookies }
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
