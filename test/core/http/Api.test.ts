/** The API of a whole console: of one without a network, and of one in the simulator. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import type { HttpMethod } from "effect/http"
import { TestClock } from "effect/testing"
import * as Console from "../../../core/Console.ts"
import * as Errors from "../../../core/domain/NodeError.ts"
import { NodeView } from "../../../core/domain/Node.ts"
import { ProcessInfo } from "../../../core/domain/Process.ts"
import { OperationResult } from "../../../core/domain/Operation.ts"
import { ErrorBody, statusByCode } from "../../../core/http/ErrorBody.ts"
import { Health } from "../../../core/http/HealthApi.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as World from "../../../scenarios/World.ts"
import { make as makeDriver, refuse } from "../fleet/FakeDriver.ts"
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
  it.effect("of the endpoints is what its schema says", () =>
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

describe("health", () => {
  it.effect("is not ready before every node was asked, alive all the time, and degraded when one is down", () =>
    Effect.gen(function* () {
      const hanging = { ...running, processes: Effect.never }
      const dead = { ...running, processes: Effect.fail(refuse(new Errors.Unauthorized())) }
      const { http } = yield* make({ hanging, web: running })
      yield* TestClock.adjust(1)
      const ready = yield* ask(http, "/health/ready")
      assert.strictEqual(ready.status, 503)
      assert.deepStrictEqual(decoders.health(ready.text).fleet, { nodes: 2, up: 1, down: 0, connecting: 1 })
      assert.strictEqual((yield* ask(http, "/health/live")).status, 200)
      const other = yield* make({ dead, web: running })
      yield* Effect.forEach([1, 1, 1], (ms) => TestClock.adjust(ms))
      const health = yield* ask(other.http, "/health")
      assert.strictEqual(health.status, 200)
      assert.strictEqual(decoders.health(health.text).status, "degraded")
      assert.strictEqual((yield* ask(other.http, "/health/ready")).status, 200)
    })
  )

  it.effect("counts the clients of the hub", () =>
    Effect.gen(function* () {
      const { http, hub } = yield* make({})
      const client = yield* hub.join()
      const { text } = yield* ask(http, "/health")
      assert.match(text, /"name":"hub".*?"clients":1\b/)
      const found = decoders.health(text).components.find(({ name }) => name === "hub")
      assert.strictEqual(found?.detail?.["clients"], 1)
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
