import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import type { HttpMethod } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { TestClock } from "effect/testing"
import * as Console from "../../../core/Console.ts"
import * as Errors from "../../../core/domain/NodeError.ts"
import type { NodeErrorReason } from "../../../core/domain/NodeError.ts"
import { NodeView } from "../../../core/domain/Node.ts"
import { ProcessInfo } from "../../../core/domain/Process.ts"
import { OperationResult } from "../../../core/fleet/Operation.ts"
import { Api, Health } from "../../../core/http/Api.ts"
import { ErrorBody, statusByCode } from "../../../core/http/ErrorBody.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as World from "../../../scenarios/World.ts"
import { fault, make as makeDriver, refuse, starts } from "../fleet/FakeDriver.ts"
import { processIn } from "../fleet/Processes.ts"
import { make } from "./MemoryConsole.ts"
import type { MemoryConsole } from "./MemoryConsole.ts"

interface Ask {
  readonly method?: HttpMethod.HttpMethod
  readonly headers?: Readonly<Record<string, string>>
}

const ask = (http: MemoryConsole["http"], path: string, { headers = {}, method = "GET" }: Ask = {}) =>
  Effect.gen(function* () {
    const response = yield* http.execute(HttpClientRequest.make(method)(`http://console${path}`, { headers }))
    return { status: response.status, headers: response.headers, text: yield* response.text }
  })

/** Takes no field more than the shape has. */
const strict = { onExcessProperty: "error" } as const
const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), strict)
const decoder = <A>(schema: Schema.Codec<A, unknown>) => Schema.decodeUnknownSync(Schema.fromJsonString(schema), strict)

const decoders = {
  nodes: decoder(Schema.Struct({ nodes: Schema.Array(NodeView) })),
  node: decoder(NodeView),
  processes: decoder(Schema.Struct({ processes: Schema.Array(ProcessInfo) })),
  operation: decoder(OperationResult),
  health: decoder(Health),
  live: decoder(Schema.Struct({ status: Schema.Literal("alive") }))
}

const running = makeDriver({ process: processIn("RUNNING") }).driver

/** The error that a request is answered with: its shape, its status by its code, and one request id everywhere. */
const errorOf = (http: MemoryConsole["http"], path: string, options?: Ask) =>
  Effect.map(ask(http, path, options), ({ headers, status, text }) => {
    const body = decodeError(text)
    assert.strictEqual(status, statusByCode[body.code])
    assert.strictEqual(headers["x-request-id"], body.request_id)
    assert.match(body.request_id, /^[A-Za-z0-9._-]{1,64}$/)
    return { headers, body }
  })

describe("a success", () => {
  it.effect("of every endpoint is what its schema says", () =>
    Effect.gen(function* () {
      const { http } = yield* make({ web: running })
      yield* TestClock.adjust(1)
      assert.strictEqual(decoders.nodes((yield* ask(http, "/api/nodes")).text).nodes[0]?.status, "up")
      assert.strictEqual(decoders.node((yield* ask(http, "/api/nodes/web")).text).name, "web")
      const { processes } = decoders.processes((yield* ask(http, "/api/nodes/web/processes")).text)
      assert.deepStrictEqual(processes, [processIn("RUNNING")])
      const start = yield* ask(http, "/api/nodes/web/processes/app/api/start", { method: "POST" })
      assert.strictEqual(start.status, 200)
      assert.strictEqual(decoders.operation(start.text).outcome, "unchanged")
      assert.strictEqual(decoders.live((yield* ask(http, "/health/live")).text).status, "alive")
      assert.strictEqual(decoders.health((yield* ask(http, "/health")).text).status, "healthy")
      assert.strictEqual(decoders.health((yield* ask(http, "/health/ready")).text).status, "healthy")
    })
  )

  it.effect("comes through the typed client, and so does an error", () =>
    Effect.gen(function* () {
      const { http } = yield* make({ web: running })
      yield* TestClock.adjust(1)
      const client = yield* HttpApiClient.makeWith(Api, { httpClient: http, baseUrl: "http://console" })
      assert.strictEqual((yield* client.nodes.list()).nodes.length, 1)
      assert.strictEqual((yield* client.nodes.get({ params: { node: "web" } })).status, "up")
      const params = { node: "web", group: "app", name: "api", operation: "start" } as const
      assert.strictEqual((yield* client.nodes.operate({ params })).state, "RUNNING")
      assert.strictEqual((yield* client.health.ready()).status, "healthy")
      const error = yield* Effect.flip(client.nodes.get({ params: { node: "db" } }))
      assert.strictEqual("code" in error ? error.code : error, "unknown_node")
    })
  )

  it.effect("has the same status and headers for HEAD", () =>
    Effect.gen(function* () {
      const { http } = yield* make({})
      const { headers, status } = yield* ask(http, "/api/nodes", { method: "HEAD" })
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "application/json")
    })
  )

  it.effect("of OPTIONS names the methods that a path takes", () =>
    Effect.gen(function* () {
      const { http } = yield* make({})
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
      { path: "/api/ws", code: "upgrade_required" },
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
        fields: [["params.operation", /^expected start, stop or restart$/]]
      }
    ]
  it.effect.each(table)("$method $path is $code", ({ code, fields, path, ...request }) =>
    Effect.gen(function* () {
      const { http, logged } = yield* make({ web: running })
      const { body, headers } = yield* errorOf(http, path, request)
      assert.strictEqual(body.code, code)
      assert.strictEqual(headers["allow"] !== undefined, code === "method_not_allowed")
      const named = Schema.decodeUnknownSync(Fields)(body.details?.["fields"] ?? [])
      for (const [i, [field, message]] of (fields ?? []).entries()) {
        assert.strictEqual(named[i]?.field, field)
        assert.match(named[i]?.message ?? "", message)
      }
      assert.deepStrictEqual(
        logged.filter(({ level }) => level === "Error"),
        []
      )
    })
  )

  it.effect("with a name of 200 characters is routed, whatever they are, and one more is refused", () =>
    Effect.gen(function* () {
      const { http } = yield* make({})
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

describe("a node that", () => {
  const table: ReadonlyArray<{ reason: NodeErrorReason; code: string; status: number }> = [
    { reason: new Errors.Unreachable({ detail: "refused" }), code: "node_unreachable", status: 502 },
    { reason: new Errors.ConnectionLost({ detail: "reset" }), code: "node_unreachable", status: 502 },
    { reason: new Errors.TimedOut({ afterMs: 5 }), code: "node_timeout", status: 504 },
    { reason: new Errors.Unauthorized(), code: "node_unauthorized", status: 502 },
    { reason: new Errors.HttpStatus({ status: 500 }), code: "node_invalid_reply", status: 502 },
    { reason: new Errors.TooLarge({ limitBytes: 9 }), code: "node_invalid_reply", status: 502 },
    { reason: new Errors.Malformed({ detail: "cut" }), code: "node_invalid_reply", status: 502 },
    { reason: new Errors.ShuttingDown(), code: "node_shutting_down", status: 503 },
    {
      reason: new Errors.Fault({ code: 10, name: "BAD_NAME", text: "BAD_NAME" }),
      code: "unknown_process",
      status: 404
    },
    { reason: new Errors.Fault({ code: 50, name: "SPAWN_ERROR", text: "no" }), code: "node_refused", status: 409 }
  ]
  it.effect.each(table)("fails by $reason._tag answers $code", ({ code, reason, status }) =>
    Effect.gen(function* () {
      const { driver } = makeDriver({ process: processIn("STOPPED"), look: () => refuse(reason) })
      const { http } = yield* make({ web: driver })
      const { body } = yield* errorOf(http, "/api/nodes/web/processes/app/api/start", { method: "POST" })
      assert.deepStrictEqual([body.code, statusByCode[body.code]], [code, status])
    })
  )

  it.effect("refuses is told with the name of its fault", () =>
    Effect.gen(function* () {
      const { driver } = makeDriver({
        process: processIn("STOPPED"),
        onStart: { fails: fault("NO_FILE"), turns: starts }
      })
      const { http } = yield* make({ web: driver })
      const { body } = yield* errorOf(http, "/api/nodes/web/processes/app/api/start", { method: "POST" })
      assert.deepStrictEqual(body.details, { fault: "NO_FILE", fault_code: 0 })
    })
  )
})

describe("a defect", () => {
  it.effect("is answered without a word of it, and logged with the request id", () =>
    Effect.gen(function* () {
      const driver = { ...running, timing: () => Effect.die(new Error("the secret is hunter2")) }
      const { http, logged } = yield* make({ web: driver })
      const { body } = yield* errorOf(http, "/api/nodes/web/processes/app/api/stop", { method: "POST" })
      assert.strictEqual(body.code, "internal")
      assert.notInclude(JSON.stringify(body), "hunter2")
      assert.isUndefined(body.details)
      const errors = logged.filter(({ level }) => level === "Error")
      assert.deepStrictEqual(
        errors.map(({ annotations }) => annotations["request_id"]),
        [body.request_id]
      )
    })
  )
})

describe("the request id", () => {
  it.effect("of the client is kept when it is safe, in the header and in the body", () =>
    Effect.gen(function* () {
      const { http } = yield* make({})
      const headers = { "x-request-id": "Trace_1.2-3" }
      assert.strictEqual((yield* errorOf(http, "/nope", { headers })).body.request_id, "Trace_1.2-3")
      assert.strictEqual((yield* ask(http, "/health/live", { headers })).headers["x-request-id"], "Trace_1.2-3")
    })
  )

  it.effect.each(["", "a b", "a\nlevel=fatal", "a\u001b[31m", "é", "<x>", '"', "x".repeat(65)])(
    "%j of the client is replaced",
    (hostile) =>
      Effect.gen(function* () {
        const { http } = yield* make({})
        const { body } = yield* errorOf(http, "/nope", { headers: { "x-request-id": hostile } })
        assert.match(body.request_id, /^[0-9a-f]{16}$/)
      })
  )

  it.effect("is another one for each request", () =>
    Effect.gen(function* () {
      const { http } = yield* make({})
      const ids = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(errorOf(http, "/nope"), ({ body }) => body.request_id)
      )
      assert.strictEqual(new Set(ids).size, 3)
    })
  )
})

describe("health", () => {
  it.effect("is not ready before every node was asked, alive all the time, and degraded when one is down", () =>
    Effect.gen(function* () {
      const hanging = { ...running, processes: Effect.never }
      const dead = { ...running, processes: Effect.fail(refuse(new Errors.Unauthorized())) }
      const { http } = yield* make({ hanging, web: running })
      yield* TestClock.adjust(1)
      const ready = yield* ask(http, "/health/ready")
      assert.strictEqual(ready.status, 503)
      assert.deepInclude(decoders.health(ready.text).components[0], {
        detail: { nodes: 2, up: 1, down: 0, connecting: 1 }
      })
      assert.strictEqual((yield* ask(http, "/health/live")).status, 200)
      const other = yield* make({ dead, web: running })
      yield* TestClock.adjust(1)
      const health = yield* ask(other.http, "/health")
      assert.strictEqual(health.status, 200)
      assert.strictEqual(decoders.health(health.text).status, "degraded")
      assert.strictEqual((yield* ask(other.http, "/health/ready")).status, 200)
    })
  )

  it.effect("counts the clients of the hub", () =>
    Effect.gen(function* () {
      const { http, hub } = yield* make({})
      const client = yield* hub.join
      const { text } = yield* ask(http, "/health")
      assert.deepInclude(decoders.health(text).components[1], { name: "hub", detail: { clients: 1 } })
      yield* client.leave
    })
  )
})

describe("the hub", () => {
  it.effect("refuses the upgrade in the one error shape when it closes", () =>
    Effect.gen(function* () {
      const { http, hub } = yield* make({})
      yield* hub.close
      const { body } = yield* errorOf(http, "/api/ws", { headers: { upgrade: "WebSocket" } })
      assert.strictEqual(body.code, "shutting_down")
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
            summary: Schema.String,
            responses: Schema.Record(Schema.String, Schema.Struct({ description: Schema.String }))
          })
        )
      ),
      components: Schema.Struct({ schemas: Schema.Record(Schema.String, Schema.Unknown) })
    })
  )

  it.effect("is OpenAPI 3.1 with every endpoint, every status, and no reference that leads nowhere", () =>
    Effect.gen(function* () {
      const { http } = yield* make({})
      const { text } = yield* ask(http, "/openapi.json")
      const { components, openapi, paths } = Schema.decodeUnknownSync(Document)(text)
      assert.match(openapi, /^3\.1\.\d$/)
      const listed = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(
          ([method, { responses }]) => `${method} ${path} ${Object.keys(responses).join(" ")}`
        )
      )
      assert.deepStrictEqual(listed.toSorted(), [
        "get /api/nodes 200 500",
        "get /api/nodes/{node} 200 400 404 500",
        "get /api/nodes/{node}/processes 200 400 404 500",
        "get /health 200 500",
        "get /health/live 200",
        "get /health/ready 200 500 503",
        "post /api/nodes/{node}/processes/{group}/{name}/{operation} 200 400 404 409 500 502 503 504"
      ])
      for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
        assert.property(components.schemas, name ?? "")
      }
    })
  )
})

describe("over the network", () => {
  it("answers every endpoint, and errors in the one shape", () => {
    const program = Effect.scoped(
      Effect.gen(function* () {
        const world = yield* World.make({ nodes: { web: [World.steady("app", "api")] }, parts: Console.parts })
        yield* Effect.sleep(3_000)
        decoders.nodes((yield* ask(world.http, "/api/nodes")).text)
        decoders.processes((yield* ask(world.http, "/api/nodes/web/processes")).text)
        const path = "/api/nodes/web/processes/app/api"
        const restarted = decoders.operation((yield* ask(world.http, `${path}/restart`, { method: "POST" })).text)
        if (restarted.outcome !== "done") return yield* Effect.die(restarted.detail)
        yield* errorOf(world.http, "/api/nodes/web/processes/app/nope/start", { method: "POST" })
        yield* errorOf(world.http, "/api/nodes/%ff")
        yield* errorOf(world.http, "/nope")
        if (world.errors().length > 0) return yield* Effect.die(world.errors().join("; "))
      })
    )
    const { failure } = Sim.check(program, { runs: 20, seed: 1 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
  })
})
