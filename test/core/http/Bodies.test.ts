/** Bodies of requests: how large, of which type and of which shape they may be. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { stdinCharactersMax } from "../../../core/domain/Operation.ts"
import { ErrorBody, statusByCode } from "../../../core/http/ErrorBody.ts"
import { bodyBytesMax } from "../../../core/http/Routes.ts"
import { processIn } from "../fleet/Processes.ts"
import { ask, client } from "./FakeServices.ts"
import type { Ask } from "./FakeServices.ts"

const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), { onExcessProperty: "error" })
const Fields = Schema.Array(Schema.Struct({ field: Schema.String, message: Schema.String }))

const result = { outcome: "done", state: "RUNNING", detail: "", took_ms: 5, process: processIn("RUNNING") } as const
const services = { fleet: { operate: () => Effect.succeed(result) } }
const process = "/api/nodes/web/processes/app/api"

const refusal = (path: string, request: Omit<Ask, "method">) =>
  Effect.gen(function* () {
    const { status, text } = yield* ask(yield* client(services), path, { method: "POST", ...request })
    const body = decodeError(text)
    assert.strictEqual(status, statusByCode[body.code])
    const fields = Schema.decodeUnknownSync(Fields)(body.details?.["fields"] ?? [])
    return { code: body.code, fields: fields.map(({ field, message }) => `${field}: ${message}`) }
  })

const select = [{ node: "web" }]
const operation = { kind: "start" }

describe("a body", () => {
  const table: ReadonlyArray<readonly [string, unknown, ReadonlyArray<RegExp>]> = [
    [`${process}/signal`, {}, [/^body\.signal: Missing/]],
    [`${process}/signal`, { signal: "kill -9" }, [/^body\.signal: expected a signal, such as "HUP"/]],
    [`${process}/signal`, { signal: "HUP", singal: 1 }, [/^body\.singal: /]],
    [`${process}/signal`, "", [/^body: /]],
    [`${process}/signal`, "{", [/^body: Expected a valid JSON body/]],
    [`${process}/signal`, [], [/^body: /]],
    [`${process}/stdin`, { chars: "" }, [/^body\.chars: expected at least one character/]],
    [`${process}/stdin`, { chars: "x".repeat(stdinCharactersMax + 1) }, [/^body\.chars: expected at most 65536/]],
    ["/api/batches", {}, [/^body\.operation: Missing/, /^body\.select: Missing/]],
    ["/api/batches", { operation, select: [] }, [/^body\.select/]],
    ["/api/batches", { operation: { kind: "explode" }, select }, [/^body\.operation/]],
    [
      "/api/batches",
      { operation: { kind: "signal" }, select },
      [/^body\.operation\.kind: /, /^body\.operation\.signal: Missing/]
    ],
    ["/api/batches", { operation, select: [{ nod: "web" }] }, [/^body\.select\.0\.nod: /]],
    ["/api/batches", { operation, select: [{ node: "" }] }, [/^body\.select\.0\.node: expected a name or a pattern/]],
    ["/api/batches", { operation, select, dryrun: true }, [/^body\.dryrun: /]],
    ["/api/batches", { operation, select, concurrency: 0, mode: "all" }, [/^body\.mode/, /^body\.concurrency/]]
  ]
  it.effect.each(table)("to %s of %j names each bad field", ([path, body, expected]) =>
    Effect.gen(function* () {
      const { code, fields } = yield* refusal(path, { body })
      assert.strictEqual(code, "invalid_request")
      assert.strictEqual(fields.length, expected.length, fields.join("\n"))
      for (const each of expected) {
        assert.isTrue(
          fields.some((field) => each.test(field)),
          `${String(each)} in ${fields.join("\n")}`
        )
      }
    })
  )

  it.effect("of another type than JSON is refused", () =>
    Effect.gen(function* () {
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
        const request = { body: '{"signal":"HUP"}', headers: { "content-type": type } }
        assert.strictEqual((yield* refusal(`${process}/signal`, request)).code, "unsupported_media_type")
      }
    })
  )

  it.effect("of JSON may name its characters", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "Application/JSON; charset=utf-8" }
      const http = yield* client(services)
      const answer = yield* ask(http, `${process}/signal`, { method: "POST", body: { signal: "HUP" }, headers })
      assert.strictEqual(answer.status, 200)
    })
  )

  it.effect("that is too large is refused unread, also where none is expected", () =>
    Effect.gen(function* () {
      const body = " ".repeat(bodyBytesMax + 1)
      const headers = { "content-length": String(body.length) }
      for (const path of [`${process}/signal`, `${process}/start`, "/api/batches"]) {
        assert.strictEqual((yield* refusal(path, { body, headers })).code, "payload_too_large")
      }
    })
  )

  it.effect("of the longest stdin is taken, whatever its characters", () =>
    Effect.gen(function* () {
      const http = yield* client(services)
      const body = `{"chars":"${"\\u0000".repeat(stdinCharactersMax)}"}`
      assert.strictEqual((yield* ask(http, `${process}/stdin`, { method: "POST", body })).status, 200)
    })
  )
})
