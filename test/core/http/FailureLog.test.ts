/** What the log says of requests that could not be answered well. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import type { LogLevel } from "effect"
import * as NodeErrors from "../../../core/domain/NodeError.ts"
import { formatJson } from "../../../core/log/JsonLog.ts"
import { DatabaseError } from "../../../core/storage/DatabaseError.ts"
import { ask, client } from "./FakeServices.ts"
import type { Ask, FakeServices } from "./FakeServices.ts"

/** Asks, and gives the lines that were logged about it at this level. */
const linesOf = (services: FakeServices, path: string, request: Ask, level: LogLevel.LogLevel) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>((logged) => {
      if (logged.logLevel === level) lines.push(formatJson(logged, { traces: false }))
    })
    const answer = yield* Effect.flatMap(client(services), (http) => ask(http, path, request)).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
    return { answer, lines }
  })

const path = "/api/nodes/web/processes/app/api/start"
const request: Ask = { method: "POST", headers: { "x-request-id": "r-1" } }
const failing = (operate: Effect.Effect<never, NodeErrors.NodeError>): FakeServices => ({
  fleet: { operate: () => operate }
})

describe("a request that failed", () => {
  it.effect("through a node is one warning, with its id, what was asked for, and why", () =>
    Effect.gen(function* () {
      const reason = new NodeErrors.Unreachable({ detail: "ECONNREFUSED" })
      const error = new NodeErrors.NodeError({ operation: "supervisor.startProcess", reason })
      const { answer, lines } = yield* linesOf(failing(Effect.fail(error)), path, request, "Warn")
      assert.strictEqual(answer.status, 502)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /"message":"request failed","request_id":"r-1"/)
      assert.match(lines[0] ?? "", /"cause":\[\{"name":"NodeError","message":"supervisor.startProcess: .*ECONNREFUSED/)
      assert.match(lines[0] ?? "", /"operation":"processes.operate".*"status":502.*"code":"node_unreachable"/)
    })
  )

  it.effect("through the database tells the errors behind it, and the answer does not", () =>
    Effect.gen(function* () {
      const error = new DatabaseError({
        operation: "ActivityLog.page",
        reason: "Unavailable",
        detail: "gone",
        cause: new Error("the socket of db-7 broke")
      })
      const services = { activity: { page: () => Effect.fail(error) } }
      const { answer, lines } = yield* linesOf(services, "/api/activity", {}, "Warn")
      assert.strictEqual(answer.status, 503)
      assert.notInclude(answer.text, "db-7")
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /"name":"DatabaseError".*db-7/)
    })
  )

  it.effect("through a bug is one error, with the place of the bug", () =>
    Effect.gen(function* () {
      const { answer, lines } = yield* linesOf(failing(Effect.die(new Error("oops"))), path, request, "Error")
      assert.strictEqual(answer.status, 500)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /"request_id":"r-1".*"message":"oops","stack":"at /)
    })
  )

  it.effect("by itself is told to those who look closely only", () =>
    Effect.gen(function* () {
      const { lines } = yield* linesOf({}, "/api/nodes/%07", {}, "Debug")
      assert.isTrue(lines.some((line) => /"message":"request".*"code":"invalid_request"/.test(line)))
      for (const level of ["Info", "Warn", "Error"] as const) {
        assert.deepStrictEqual((yield* linesOf({}, "/api/nodes/%07", {}, level)).lines, [])
      }
    })
  )
})

describe("what goes wrong around a request", () => {
  it.effect("is answered in the one shape too", () =>
    Effect.gen(function* () {
      const services = { options: { audit: () => Effect.die(new Error("the audit broke")) } }
      const { answer, lines } = yield* linesOf(services, path, request, "Error")
      assert.strictEqual(answer.status, 500)
      assert.match(answer.text, /"code":"internal".*"request_id":"r-1"/)
      assert.match(lines[0] ?? "", /the audit broke/)
    })
  )
})
