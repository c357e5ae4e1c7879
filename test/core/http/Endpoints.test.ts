/** Each endpoint: what it asks of the services, and how their answers and errors come back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { OperationRequest } from "../../../core/domain/Operation.ts"
import { BatchView } from "../../../core/domain/Operation.ts"
import * as Errors from "../../../core/domain/NodeError.ts"
import type { NodeErrorReason } from "../../../core/domain/NodeError.ts"
import { NodeView } from "../../../core/domain/Node.ts"
import { BadSelection, UnknownBatch } from "../../../core/fleet/Batches.ts"
import { UnknownNode, UnknownProcess } from "../../../core/fleet/Fleet.ts"
import { ErrorBody, statusByCode } from "../../../core/http/ErrorBody.ts"
import { JobRefused } from "../../../core/jobs/JobPool.ts"
import { processIn } from "../fleet/Processes.ts"
import { ask, batch, client, node } from "./FakeServices.ts"
import type { Ask, FakeServices } from "./FakeServices.ts"

const strict = { onExcessProperty: "error" } as const
const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), strict)
const decodeBatch = Schema.decodeUnknownSync(Schema.fromJsonString(BatchView), strict)

/** The error that a request is answered with, of which status and code belong together. */
const errorOf = (services: FakeServices, path: string, request: Ask = {}) =>
  Effect.gen(function* () {
    const { headers, status, text } = yield* ask(yield* client(services), path, request)
    const body = decodeError(text)
    assert.strictEqual(status, statusByCode[body.code])
    assert.strictEqual(headers["x-request-id"], body.request_id)
    return { body, headers, status }
  })

const post = (body?: unknown): Ask => (body === undefined ? { method: "POST" } : { method: "POST", body })
const process = "/api/nodes/web/processes/app/api"
const result = { outcome: "done", state: "RUNNING", detail: "", took_ms: 5, process: processIn("RUNNING") } as const
const nodeError = (reason: NodeErrorReason) => new Errors.NodeError({ operation: "supervisor.x", reason })

describe("the nodes", () => {
  const fleet = { nodes: Effect.succeed([node("a", { environment: "prod" }), node("b", { environment: "test" })]) }

  it.effect("are listed, all or those of an environment", () =>
    Effect.gen(function* () {
      const http = yield* client({ fleet })
      const names = (text: string) => Array.from(text.matchAll(/"name":"(\w+)"/g), ([, name]) => name)
      assert.deepStrictEqual(names((yield* ask(http, "/api/nodes")).text), ["a", "b"])
      assert.deepStrictEqual(names((yield* ask(http, "/api/nodes?environment=test")).text), ["b"])
      assert.deepStrictEqual(names((yield* ask(http, "/api/nodes?environment=none")).text), [])
    })
  )

  it.effect("are listed as their schema encodes them, as often as they are asked for", () =>
    Effect.gen(function* () {
      const breaker = { state: "open", retry_at: "2026-11-21T00:00:05.000Z" } as const
      const identity = { identifier: 'an "é"', version: "4.2.5", pid: 7 }
      const reason = { code: "TimedOut", message: "no reply\nwithin \u0001 ms" }
      const changing = [
        [node("a"), node("b", { environment: "prod", identity, breaker, processes: { RUNNING: 2, FATAL: 1 } })],
        [node("a", { status: "down", reason, stale: true, last_seen: "2026-11-21T00:00:00.000Z" })],
        []
      ]
      const Nodes = Schema.fromJsonString(Schema.Struct({ nodes: Schema.Array(NodeView) }))
      for (const nodes of changing) {
        const http = yield* client({ fleet: { nodes: Effect.succeed(nodes) } })
        for (let i = 0; i < 2; i++) {
          const { headers, text } = yield* ask(http, "/api/nodes")
          assert.deepStrictEqual(JSON.parse(text), JSON.parse(yield* Schema.encodeEffect(Nodes)({ nodes })))
          assert.match(headers["content-type"] ?? "", /^application\/json/)
        }
      }
    })
  )

  it.effect("are refreshed and updated, and errors of a node are told", () =>
    Effect.gen(function* () {
      const diff = { added: ["new"], changed: [], removed: [] }
      const updated = {
        diff,
        groups: [{ group: "new", change: "added", outcome: "done", detail: "" }],
        took_ms: 1
      } as const
      const http = yield* client({
        fleet: {
          refresh: (name: string) => Effect.succeed(node(name)),
          reread: () => Effect.succeed(diff),
          update: (name: string) =>
            name === "web" ? Effect.succeed(updated) : Effect.fail(new UnknownNode({ node: name }))
        }
      })
      assert.include((yield* ask(http, "/api/nodes/web/refresh", post())).text, '"name":"web"')
      assert.deepStrictEqual(JSON.parse((yield* ask(http, "/api/nodes/web/update")).text), diff)
      assert.deepStrictEqual(JSON.parse((yield* ask(http, "/api/nodes/web/update", post())).text), updated)
      assert.strictEqual((yield* ask(http, "/api/nodes/db/update", post())).status, 404)
    })
  )
})

describe("operations on a process", () => {
  it.effect("are asked of the fleet as the request says", () =>
    Effect.gen(function* () {
      const asked: Array<OperationRequest> = []
      const http = yield* client({
        fleet: {
          operate: (request: OperationRequest) =>
            Effect.as(
              Effect.sync(() => asked.push(request)),
              result
            )
        }
      })
      for (const kind of ["start", "stop", "restart", "clear_log"]) {
        assert.strictEqual((yield* ask(http, `${process}/${kind}`, post())).status, 200)
      }
      assert.strictEqual((yield* ask(http, `${process}/signal`, post({ signal: "HUP" }))).status, 200)
      assert.strictEqual((yield* ask(http, `${process}/stdin`, post({ chars: "x\n" }))).status, 200)
      assert.deepStrictEqual(asked, [
        { kind: "start" },
        { kind: "stop" },
        { kind: "restart" },
        { kind: "clear_log" },
        { kind: "signal", signal: "HUP" },
        { kind: "stdin", chars: "x\n" }
      ])
    })
  )

  const table: ReadonlyArray<{ reason: NodeErrorReason; code: string; status: number }> = [
    { reason: new Errors.Unreachable({ detail: "refused" }), code: "node_unreachable", status: 502 },
    { reason: new Errors.ConnectionLost({ detail: "reset" }), code: "node_unreachable", status: 502 },
    { reason: new Errors.TimedOut({ afterMs: 5 }), code: "node_timeout", status: 504 },
    { reason: new Errors.Unauthorized(), code: "node_unauthorized", status: 502 },
    { reason: new Errors.HttpStatus({ status: 500 }), code: "node_invalid_reply", status: 502 },
    { reason: new Errors.TooLarge({ limitBytes: 9 }), code: "node_invalid_reply", status: 502 },
    { reason: new Errors.Malformed({ detail: "cut" }), code: "node_invalid_reply", status: 502 },
    { reason: new Errors.ShuttingDown(), code: "node_shutting_down", status: 503 },
    { reason: new Errors.Fault({ code: 50, name: "SPAWN_ERROR", text: "no" }), code: "node_refused", status: 409 },
    { reason: new Errors.CircuitOpen({ retryAfterMs: 1_500 }), code: "node_circuit_open", status: 503 },
    { reason: new Errors.Busy({ callsMax: 4, waitingMax: 8 }), code: "node_busy", status: 503 },
    { reason: new Errors.WrongIdentity({ expected: "a", found: "b" }), code: "node_wrong_identity", status: 502 },
    { reason: new Errors.Unsupported({ what: "signals" }), code: "node_unsupported", status: 501 }
  ]
  it.effect.each(table)("that fail by $reason._tag are answered with $code", ({ code, reason, status }) =>
    Effect.gen(function* () {
      const fails = () => Effect.fail(nodeError(reason))
      for (const [fleet, path, request] of [
        [{ operate: fails }, `${process}/start`, post()],
        [{ readLog: fails }, `${process}/log`, {}],
        [{ reread: fails }, "/api/nodes/web/update", {}],
        [{ update: fails }, "/api/nodes/web/update", post()]
      ] as const) {
        const { body } = yield* errorOf({ fleet }, path, request)
        assert.deepStrictEqual([body.code, statusByCode[body.code]], [code, status])
      }
    })
  )

  it.effect("that are not asked of a node say when to try again", () =>
    Effect.gen(function* () {
      const fleet = { operate: () => Effect.fail(nodeError(new Errors.CircuitOpen({ retryAfterMs: 1_500 }))) }
      const { body, headers } = yield* errorOf({ fleet }, `${process}/stop`, post())
      assert.deepStrictEqual(body.details, { retry_after_ms: 1_500 })
      assert.strictEqual(headers["retry-after"], "2")
    })
  )

  it.effect("of processes and nodes that are not there are 404", () =>
    Effect.gen(function* () {
      const unknown = { node: "web", group: "app", name: "api" }
      const noProcess = { operate: () => Effect.fail(new UnknownProcess(unknown)) }
      const { body } = yield* errorOf({ fleet: noProcess }, `${process}/start`, post())
      assert.deepStrictEqual([body.code, body.details], ["unknown_process", unknown])
      const noNode = { operate: () => Effect.fail(new UnknownNode({ node: "web" })) }
      assert.strictEqual((yield* errorOf({ fleet: noNode }, `${process}/start`, post())).body.code, "unknown_node")
      const look = { process: () => Effect.fail(new UnknownProcess(unknown)) }
      assert.strictEqual((yield* errorOf({ fleet: look }, process)).body.code, "unknown_process")
    })
  )
})

describe("a log", () => {
  it.effect("is read from where the request says, by default its newest bytes of stdout", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const chunk = { text: "x", offset: 0, next: 1, size: 1, gap: 0, rotated: false, lossy: false }
      const readLog = (log: unknown, range: unknown) =>
        Effect.as(
          Effect.sync(() => asked.push(log, range)),
          chunk
        )
      const http = yield* client({ fleet: { readLog } })
      assert.deepStrictEqual(JSON.parse((yield* ask(http, `${process}/log`)).text), chunk)
      yield* ask(http, `${process}/log?channel=stderr&offset=0&length=12`)
      const log = { node: "web", group: "app", name: "api" }
      assert.deepStrictEqual(asked, [
        { ...log, channel: "stdout" },
        { from: "end", lengthBytesMax: 65_536 },
        { ...log, channel: "stderr" },
        { from: 0, lengthBytesMax: 12 }
      ])
    })
  )

  it.effect.each([
    ["channel=both", "query.channel"],
    ["offset=-1", "query.offset"],
    ["offset=", "query.offset"],
    ["offset=1.5", "query.offset"],
    ["offset=1&offset=2", "query.offset"],
    ["length=0", "query.length"],
    ["length=1048577", "query.length"],
    ["lenght=5", "query.lenght"]
  ])("is not read for ?%s", ([query, field]) =>
    Effect.gen(function* () {
      const { body } = yield* errorOf({}, `${process}/log?${query}`)
      assert.strictEqual(body.code, "invalid_request")
      assert.include(JSON.stringify(body.details), `"field":"${field}"`)
    })
  )
})

describe("a batch", () => {
  const request = { operation: { kind: "restart" }, select: [{ node: "web-*" }] }
  const submit = () => Effect.succeed(batch())

  it.effect("that has begun is 202 with where to look, one that is over or a dry run 200", () =>
    Effect.gen(function* () {
      const http = yield* client({ batches: { submit } })
      const begun = yield* ask(http, "/api/batches", post(request))
      assert.deepStrictEqual([begun.status, begun.headers["location"]], [202, "/api/batches/7"])
      assert.strictEqual(decodeBatch(begun.text).id, 7)
      const dry = yield* ask(http, "/api/batches", post({ ...request, dry_run: true }))
      const over = yield* ask(http, "/api/batches", post({ ...request, wait: true }))
      assert.deepStrictEqual([dry.status, over.status], [200, 200])
      assert.deepStrictEqual(decodeBatch(over.text), batch())
    })
  )

  it.effect("is refused for a field in its query, which would be passed over", () =>
    Effect.gen(function* () {
      const http = yield* client({ batches: { submit: () => Effect.die("must not be asked") } })
      const { status, text } = yield* ask(http, "/api/batches?dry_run=true&x", post(request))
      const { code, details, message } = decodeError(text)
      assert.deepStrictEqual([status, code], [400, "invalid_request"])
      assert.strictEqual(message, "invalid query: query.dry_run, query.x")
      assert.deepStrictEqual(details, {
        fields: [
          { field: "query.dry_run", message: "there is no query here" },
          { field: "query.x", message: "there is no query here" }
        ]
      })
    })
  )

  it.effect("is listed without its items, looked at with them, and cancelled", () =>
    Effect.gen(function* () {
      const http = yield* client({
        batches: {
          all: Effect.succeed([batch({ id: 8 }), batch()]),
          get: (id) => (id === 7 ? Effect.succeed(batch()) : Effect.fail(new UnknownBatch({ id }))),
          cancel: (id) => Effect.succeed(batch({ id, status: "cancelled" }))
        }
      })
      const { text } = yield* ask(http, "/api/batches")
      assert.match(text, /"id":8.*"id":7/)
      assert.notInclude(text, "items")
      assert.deepStrictEqual(decodeBatch((yield* ask(http, "/api/batches/7")).text), batch())
      assert.strictEqual(decodeBatch((yield* ask(http, "/api/batches/7/cancel", post())).text).status, "cancelled")
      const missing = yield* ask(http, "/api/batches/9")
      assert.deepStrictEqual([missing.status, decodeError(missing.text).code], [404, "unknown_batch"])
      assert.strictEqual((yield* ask(http, "/api/batches/x")).status, 400)
    })
  )

  it.effect("that cannot begin is refused with the reason", () =>
    Effect.gen(function* () {
      const limits = { runningMax: 2, waitingMax: 3 }
      const table = [
        [new BadSelection({ reason: "nothing", items: 0, itemsMax: 5 }), "nothing_selected"],
        [new BadSelection({ reason: "too many", items: 9, itemsMax: 5 }), "too_many_selected"],
        [new JobRefused({ reason: "full", ...limits }), "too_many_batches"],
        [new JobRefused({ reason: "closing", ...limits }), "shutting_down"]
      ] as const
      for (const [error, code] of table) {
        const { body } = yield* errorOf(
          { batches: { submit: () => Effect.fail(error) } },
          "/api/batches",
          post(request)
        )
        assert.strictEqual(body.code, code)
      }
    })
  )
})
