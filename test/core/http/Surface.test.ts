/** What is the same for all endpoints: wrong requests, request ids, health, the description of the API, its client. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References, Schema } from "effect"
import { HttpClient } from "effect/http"
import type { ComponentStatus } from "../../../core/domain/ConsoleEvent.ts"
import { UnknownNode } from "../../../core/fleet/Fleet.ts"
import type { ComponentHealth } from "../../../core/health/Components.ts"
import * as Client from "../../../core/http/Client.ts"
import { ErrorBody, statusByCode } from "../../../core/http/ErrorBody.ts"
import { Health } from "../../../core/http/HealthApi.ts"
import { ask, batch, client, node } from "./FakeServices.ts"
import type { Ask, FakeServices } from "./FakeServices.ts"

const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), { onExcessProperty: "error" })
const decodeHealth = Schema.decodeUnknownSync(Schema.fromJsonString(Health), { onExcessProperty: "error" })

const unknown = (name: string) => Effect.fail(new UnknownNode({ node: name }))
const services: FakeServices = {
  fleet: {
    nodes: Effect.succeed([node("web")]),
    node: unknown,
    processes: unknown,
    operate: (_request: unknown, name: string) => unknown(name)
  }
}

/** The error that a request is answered with: its shape, its status by its code, and one request id everywhere. */
const errorOf = (http: HttpClient.HttpClient, path: string, options?: Ask) =>
  Effect.map(ask(http, path, options), ({ headers, status, text }) => {
    const body = decodeError(text)
    assert.strictEqual(status, statusByCode[body.code])
    assert.strictEqual(headers["x-request-id"], body.request_id)
    assert.match(body.request_id, /^[A-Za-z0-9._-]{1,64}$/)
    return { headers, body }
  })

/** Puts the request ids of errors that are logged into a list. */
const errorsTo = (lines: Array<string>) =>
  Logger.layer([
    Logger.make<unknown, void>(({ fiber, logLevel }) => {
      if (logLevel === "Error") lines.push(String(fiber.getRef(References.CurrentLogAnnotations)["request_id"]))
    })
  ])

describe("a path", () => {
  it.effect("has the same status and headers for HEAD", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      const { headers, status } = yield* ask(http, "/api/nodes", { method: "HEAD" })
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "application/json")
    })
  )

  it.effect("of OPTIONS names the methods that a path takes", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      const { headers, status, text } = yield* ask(http, "/api/nodes", { method: "OPTIONS" })
      assert.deepStrictEqual([status, headers["allow"], text], [204, "GET, HEAD, OPTIONS", ""])
    })
  )
})

const Fields = Schema.Array(Schema.Struct({ field: Schema.String, message: Schema.String }))

describe("a bad request", () => {
  const table: ReadonlyArray<Ask & { path: string; code: string; fields?: ReadonlyArray<readonly [string, RegExp]> }> =
    [
      { path: "/nope", code: "unknown_route" },
      { path: "/nope", method: "OPTIONS", code: "unknown_route" },
      { path: "/api/nodes", method: "DELETE", code: "method_not_allowed" },
      { path: "/api/nodes/web/processes/app/api/start", code: "method_not_allowed" },
      { path: "/api/ws", method: "POST", code: "method_not_allowed" },
      { path: "/api/nodes/web/processes/app/api/signal", code: "method_not_allowed" },
      { path: "/api/nodes/web/update", method: "PUT", code: "method_not_allowed" },
      { path: "/api/batches/7", method: "DELETE", code: "method_not_allowed" },
      { path: "/api/nodes/%ff", code: "invalid_request" },
      { path: "/api/nodes/100%", code: "invalid_request" },
      { path: "/api/nodes/db", code: "unknown_node" },
      { path: "/api/nodes/db/processes", code: "unknown_node" },
      { path: "/api/nodes/db/processes/app/api/stop", method: "POST", code: "unknown_node" },
      {
        path: "/api/nodes/a%2Fb",
        code: "invalid_request",
        fields: [["params.node", /^expected a name without control characters, : and \/$/]]
      },
      {
        path: `/api/nodes/${"n".repeat(90)}%0A`,
        code: "invalid_request",
        fields: [["params.node", /^expected a name without control characters/]]
      },
      {
        path: "/api/nodes/web/processes/app/api/explode",
        method: "POST",
        code: "invalid_request",
        fields: [["params.operation", /^expected start, stop, restart or clear_log; /]]
      }
    ]
  it.effect.each(table)("$method $path is $code", ({ code, fields, path, ...request }) =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const http = yield* client(services)
      const { body, headers } = yield* errorOf(http, path, request).pipe(Effect.provide(errorsTo(logged)))
      assert.strictEqual(body.code, code)
      assert.strictEqual(headers["allow"] !== undefined, code === "method_not_allowed")
      const named = Schema.decodeUnknownSync(Fields)(body.details?.["fields"] ?? [])
      for (const [i, [field, message]] of (fields ?? []).entries()) {
        assert.strictEqual(named[i]?.field, field)
        assert.match(named[i]?.message ?? "", message)
      }
      assert.deepStrictEqual(logged, [])
    })
  )

  it.effect("with a name of 200 characters is routed, whatever they are, and one more is refused", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      for (const character of ["n", "€"]) {
        const longest = yield* errorOf(http, `/api/nodes/${encodeURIComponent(character.repeat(200))}`)
        assert.strictEqual(longest.body.code, "unknown_node")
        const longer = yield* errorOf(http, `/api/nodes/${encodeURIComponent(character.repeat(201))}`)
        assert.strictEqual(longer.body.code, "invalid_request")
      }
      assert.strictEqual((yield* errorOf(http, `/api/nodes/${"n".repeat(9_000)}`)).body.code, "invalid_request")
    })
  )
})

describe("the request id", () => {
  it.effect("of the client is kept when it is safe, in the header and in the body", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      const headers = { "x-request-id": "Trace_1.2-3" }
      assert.strictEqual((yield* errorOf(http, "/nope", { headers })).body.request_id, "Trace_1.2-3")
      assert.strictEqual((yield* ask(http, "/health/live", { headers })).headers["x-request-id"], "Trace_1.2-3")
    })
  )

  it.effect.each(["", "a b", "a\nlevel=fatal", "a\u001b[31m", "é", "<x>", '"', "x".repeat(65)])(
    "%j of the client is replaced",
    (hostile) =>
      Effect.gen(function* () {
        const http = yield* client(services)
        const { body } = yield* errorOf(http, "/nope", { headers: { "x-request-id": hostile } })
        assert.match(body.request_id, /^[0-9a-f]{16}$/)
      })
  )

  it.effect("is another one for each request", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      const ids = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(errorOf(http, "/nope"), ({ body }) => body.request_id)
      )
      assert.strictEqual(new Set(ids).size, 3)
    })
  )
})

describe("a defect", () => {
  it.effect("is answered without a word of it, and logged with the request id", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const http = yield* client({ fleet: { nodes: Effect.die(new Error("the secret is hunter2")) } })
      const { body } = yield* errorOf(http, "/api/nodes").pipe(Effect.provide(errorsTo(logged)))
      assert.strictEqual(body.code, "internal")
      assert.notInclude(JSON.stringify(body), "hunter2")
      assert.deepStrictEqual(logged, [body.request_id])
    })
  )
})

const component = (name: string, status: ComponentStatus): ComponentHealth => ({
  name,
  status,
  errors: 2,
  errorsInARow: 1,
  lastError: { atMs: 0, message: "it failed" },
  detail: { clients: 3, mode: "slow" }
})

const all = (...statuses: ReadonlyArray<ComponentStatus>) => ({
  all: Effect.succeed(statuses.map((status, i) => component(`c${i}`, status)))
})

describe("health", () => {
  it.effect("tells each component as it is, its name first", () =>
    Effect.gen(function* () {
      const http = yield* client({ ...services, components: { all: Effect.succeed([component("hub", "healthy")]) } })
      const { text } = yield* ask(http, "/health")
      assert.deepStrictEqual(decodeHealth(text), {
        status: "healthy",
        fleet: { nodes: 1, up: 1, down: 0, connecting: 0 },
        components: [
          {
            name: "hub",
            status: "healthy",
            errors: 2,
            errors_in_a_row: 1,
            last_error: { at: "1970-01-01T00:00:00.000Z", message: "it failed" },
            detail: { clients: 3, mode: "slow" }
          }
        ]
      })
      assert.strictEqual(/"name":"hub".*?"clients":(\d+)/.exec(text)?.[1], "3")
    })
  )

  it.effect("is the worst of the components, with 503 when one is failing or has failed", () =>
    Effect.gen(function* () {
      const table = [
        [all(), "up", "healthy", 200, 200],
        [all("healthy", "degraded"), "up", "degraded", 200, 200],
        [all("failing", "degraded"), "up", "failing", 503, 503],
        [all("failing", "failed"), "up", "failed", 503, 503],
        [all("healthy"), "down", "degraded", 200, 200],
        [all("failing"), "down", "failing", 503, 503],
        [all("healthy"), "connecting", "healthy", 200, 503]
      ] as const
      for (const [components, nodeStatus, status, healthStatus, readyStatus] of table) {
        const fleet = { nodes: Effect.succeed([node("web", { status: nodeStatus })]) }
        const http = yield* client({ fleet, components })
        const health = yield* ask(http, "/health")
        assert.deepStrictEqual([decodeHealth(health.text).status, health.status], [status, healthStatus])
        assert.strictEqual((yield* ask(http, "/health/ready")).status, readyStatus)
        assert.strictEqual((yield* ask(http, "/health/live")).status, 200)
      }
    })
  )
})

describe("openapi.json", () => {
  const Document = Schema.fromJsonString(
    Schema.Struct({
      openapi: Schema.String,
      info: Schema.Struct({ title: Schema.String, version: Schema.String }),
      paths: Schema.Record(
        Schema.String,
        Schema.Record(
          Schema.String,
          Schema.Struct({
            operationId: Schema.String,
            summary: Schema.NonEmptyString,
            security: Schema.Array(Schema.Record(Schema.String, Schema.Array(Schema.String))),
            description: Schema.NonEmptyString,
            responses: Schema.Record(Schema.String, Schema.Struct({ description: Schema.String }))
          })
        )
      ),
      components: Schema.Struct({
        schemas: Schema.Record(Schema.String, Schema.Unknown),
        securitySchemes: Schema.Record(Schema.String, Schema.Unknown)
      })
    })
  )

  it.effect("is OpenAPI 3.1 with every endpoint, every status, and no reference that leads nowhere", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      const { text } = yield* ask(http, "/openapi.json")
      const { components, openapi, paths } = Schema.decodeUnknownSync(Document)(text)
      assert.match(openapi, /^3\.1\.\d$/)
      const listed = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(
          ([method, { responses }]) => `${method} ${path} ${Object.keys(responses).join(" ")}`
        )
      )
      assert.deepStrictEqual(listed.toSorted(), [
        "delete /api/tokens/{id} 204 400 401 403 404 413 500 503 504",
        "delete /api/users/{username} 204 400 401 403 404 409 413 500 503 504",
        "delete /api/users/{username}/sessions 204 400 401 403 404 413 500 503 504",
        "get /api/activity 200 400 401 403 413 500 503 504",
        "get /api/activity/export 200 400 401 403 413 500 503 504",
        "get /api/auth/me 200 401 403 413 500 503",
        "get /api/batches 200 401 403 413 500 503",
        "get /api/batches/{id} 200 400 401 403 404 413 500 503",
        "get /api/config 200 401 403 413 500 503",
        "get /api/nodes 200 400 401 403 413 500 503",
        "get /api/nodes/{node} 200 400 401 403 404 413 500 503",
        "get /api/nodes/{node}/processes 200 400 401 403 404 413 500 503",
        "get /api/nodes/{node}/processes/{group}/{name} 200 400 401 403 404 413 500 503",
        "get /api/nodes/{node}/processes/{group}/{name}/log 200 400 401 403 404 409 413 500 501 502 503 504",
        "get /api/nodes/{node}/update 200 400 401 403 404 409 413 500 501 502 503 504",
        "get /api/tokens 200 401 403 413 500 503",
        "get /api/users 200 401 403 413 500 503",
        "get /api/users/{username} 200 400 401 403 404 413 500 503",
        "get /api/users/{username}/sessions 200 400 401 403 404 413 500 503",
        "get /health 200 401 403 413 500 503",
        "get /health/live 200 403 413 503",
        "get /health/ready 200 401 403 413 500 503",
        "patch /api/users/{username} 200 400 401 403 404 409 413 415 500 503 504",
        "post /api/auth/login 200 400 401 403 413 415 429 500 503 504",
        "post /api/auth/logout 204 400 401 403 413 500 503 504",
        "post /api/auth/password 204 400 401 403 404 413 415 429 500 503 504",
        "post /api/auth/refresh 200 400 401 403 413 415 429 500 503 504",
        "post /api/auth/ticket 200 400 401 403 409 413 500 503",
        "post /api/batches 200 202 400 401 403 409 413 415 500 503",
        "post /api/batches/{id}/cancel 200 400 401 403 404 413 500 503",
        "post /api/config/reload 200 400 401 403 413 422 500 503",
        "post /api/nodes/{node}/processes/{group}/{name}/signal 200 400 401 403 404 409 413 415 500 501 502 503 504",
        "post /api/nodes/{node}/processes/{group}/{name}/stdin 200 400 401 403 404 409 413 415 500 501 502 503 504",
        "post /api/nodes/{node}/processes/{group}/{name}/{operation} 200 400 401 403 404 409 413 500 501 502 503 504",
        "post /api/nodes/{node}/refresh 200 400 401 403 404 413 500 503",
        "post /api/nodes/{node}/update 200 400 401 403 404 409 413 500 501 502 503 504",
        "post /api/tokens 201 400 401 403 404 409 413 415 500 503 504",
        "post /api/users 201 400 401 403 409 413 415 500 503 504"
      ])
      const publicPaths = Object.entries(paths).flatMap(([path, methods]) =>
        Object.values(methods).flatMap(({ security }) => (security.length === 0 ? [path] : []))
      )
      assert.deepStrictEqual(publicPaths.toSorted(), ["/api/auth/login", "/api/auth/refresh", "/health/live"])
      assert.hasAllKeys(components.securitySchemes, ["bearer", "cookie"])
      for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
        assert.property(components.schemas, name ?? "")
      }
    })
  )
})

describe("the typed client", () => {
  const over = (given: FakeServices) =>
    Effect.flatMap(client(given), (http) =>
      Effect.provideService(Client.make("http://console"), HttpClient.HttpClient, http)
    )

  it.effect("gets what the endpoints answer, whatever the status of the success", () =>
    Effect.gen(function* () {
      const api = yield* over({ ...services, batches: { submit: () => Effect.succeed(batch()) } })
      assert.strictEqual((yield* Client.typed(api.nodes.list({ query: {} }))).nodes.length, 1)
      const payload = { operation: { kind: "stop" }, select: [{ node: "a" }] } as const
      assert.strictEqual((yield* Client.typed(api.batches.submit({ payload }))).id, 7)
      const dry = yield* Client.typed(api.batches.submit({ payload: { ...payload, dry_run: true } }))
      assert.deepStrictEqual(dry, batch())
    })
  )

  it.effect("fails with the error of the console, or with its health", () =>
    Effect.gen(function* () {
      const api = yield* over({ ...services, components: all("failed") })
      const error = yield* Effect.flip(Client.typed(api.nodes.get({ params: { node: "db" } })))
      assert.strictEqual(error._tag === "ConsoleRefused" ? error.error.code : error._tag, "unknown_node")
      const health = yield* Effect.flip(Client.typed(api.health.detail()))
      assert.strictEqual(health._tag === "ConsoleUnwell" ? health.health.status : health._tag, "failed")
    })
  )
})
