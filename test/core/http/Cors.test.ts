/** Pages of other origins, the addresses that proxies tell of, and the headers that browsers obey. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References, Schema } from "effect"
import { clientAddress, isHttps, trustedProxies } from "../../../core/http/ClientAddress.ts"
import { ErrorBody } from "../../../core/http/ErrorBody.ts"
import { originVerdict } from "../../../core/http/Origins.ts"
import * as FakeAccounts from "./FakeAccounts.ts"
import { ask, client } from "./FakeServices.ts"

const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), { onExcessProperty: "error" })
const allowed = "https://ok.example"
const over = client({ options: { corsOrigins: [allowed] } })

describe("an origin", () => {
  it.effect("is the console's own, one of those that are named, or refused", () =>
    Effect.sync(() => {
      const table = [
        [undefined, "h:8080", "None"],
        ["http://h:8080", "h:8080", "Own"],
        ["https://H:8080", "h:8080", "Own"],
        ["https://h", "h:443", "Own"],
        ["https://h:443", "h", "Own"],
        ["http://h", "h:80", "Own"],
        ["http://h", "h:443", "Refused"],
        ["http://h:8081", "h:8080", "Refused"],
        ["http://h:8080.evil", "h:8080", "Refused"],
        ["http://h:8080/", "h:8080", "Refused"],
        ["http://evil@h:8080", "h:8080", "Refused"],
        ["ftp://h:8080", "h:8080", "Refused"],
        ["null", "h", "Refused"],
        ["", "h", "Refused"],
        ["", "", "Refused"],
        [allowed, "h", "Allowed"],
        [allowed.toUpperCase(), "h", "Refused"],
        [`${allowed}.evil`, "h", "Refused"],
        [`${allowed}, ${allowed}`, "h", "Refused"],
        ["https://sub.ok.example", "h", "Refused"]
      ] as const
      for (const [origin, host, verdict] of table) {
        assert.strictEqual(originVerdict({ headers: { origin, host } }, [allowed]), verdict, `${origin} at ${host}`)
      }
    })
  )

  it.effect("that is allowed may read what it is answered, errors included", () =>
    Effect.gen(function* () {
      const http = yield* over
      for (const path of ["/api/nodes", "/nope", "/api/batches/x"]) {
        const { headers } = yield* ask(http, path, { headers: { origin: allowed, host: "console" } })
        assert.strictEqual(headers["access-control-allow-origin"], allowed)
        assert.strictEqual(headers["access-control-allow-credentials"], "true")
        assert.strictEqual(headers["vary"], "Origin")
      }
      const own = yield* ask(http, "/api/nodes", { headers: { origin: "http://console", host: "console" } })
      assert.deepStrictEqual([own.status, own.headers["access-control-allow-origin"]], [200, undefined])
    })
  )

  it.effect("that is refused is told so whatever it asks for, and that is logged", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
        const annotations = JSON.stringify(fiber.getRef(References.CurrentLogAnnotations))
        lines.push(`${logLevel} ${String(message)} ${annotations}`)
      })
      const http = yield* over
      const asked = [
        { path: "/api/nodes" },
        { path: "/health/live" },
        { path: "/nope", method: "POST" },
        { path: "/api/nodes", method: "OPTIONS" },
        { path: "/api/ws", more: { upgrade: "websocket" } }
      ] as const
      for (const { path, ...request } of asked) {
        const more = "more" in request ? request.more : {}
        const headers = {
          origin: "http://evil\u0007",
          host: "console",
          "access-control-request-method": "GET",
          ...more
        }
        const method = "method" in request ? request.method : "GET"
        const answer = yield* ask(http, path, { method, headers }).pipe(Effect.provide(Logger.layer([logger])))
        assert.deepStrictEqual([answer.status, decodeError(answer.text).code], [403, "origin_refused"], path)
        assert.isUndefined(answer.headers["access-control-allow-origin"])
      }
      assert.strictEqual(lines.length, asked.length)
      for (const line of lines) assert.match(line, /^Info request refused .*"reason":"origin http:\/\/evil\?"/)
    })
  )

  it.effect("has its preflight answered, without credentials and the same for every path", () =>
    Effect.gen(function* () {
      const fake = FakeAccounts.make()
      const http = yield* client({ accounts: fake.service, options: { corsOrigins: [allowed] } })
      const preflight = (path: string) =>
        ask(http, path, {
          method: "OPTIONS",
          headers: { origin: allowed, host: "console", "access-control-request-method": "PATCH" }
        })
      const [known, unknown] = [yield* preflight("/api/users/bob"), yield* preflight("/nope")]
      assert.strictEqual(known.status, 204)
      assert.strictEqual(known.headers["access-control-allow-origin"], allowed)
      assert.include(known.headers["access-control-allow-methods"] ?? "", "PATCH")
      assert.include(known.headers["access-control-allow-headers"] ?? "", "x-csrf-token")
      assert.strictEqual(unknown.status, known.status)
      assert.strictEqual(fake.asked, 0)
    })
  )
})

describe("an answer", () => {
  it.effect("tells browsers to guess, keep and frame nothing, also when it is an error", () =>
    Effect.gen(function* () {
      const http = yield* over
      for (const path of ["/api/nodes", "/api/nope", "/api/batches/x"]) {
        const { headers } = yield* ask(http, path)
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.strictEqual(headers["referrer-policy"], "no-referrer")
        assert.strictEqual(headers["x-frame-options"], "DENY")
        assert.include(headers["content-security-policy"] ?? "", "default-src 'none'")
      }
      const live = yield* ask(http, "/health/live")
      assert.deepStrictEqual([live.headers["x-frame-options"], live.headers["cache-control"]], ["DENY", "no-store"])
    })
  )
})

describe("the address of a client", () => {
  const trusted = trustedProxies(["10.0.0.1", "10.0.0.2", "::1"])
  const table = [
    ["192.0.2.1", undefined, "192.0.2.1"],
    ["192.0.2.1", "198.51.100.7", "192.0.2.1"],
    ["10.0.0.1", undefined, "10.0.0.1"],
    ["10.0.0.1", "198.51.100.7", "198.51.100.7"],
    ["::ffff:10.0.0.1", "198.51.100.7:443", "198.51.100.7"],
    ["::1", "[2001:DB8::1]:443", "2001:db8::1"],
    ["10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"],
    ["10.0.0.1", "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"],
    ["10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"],
    ["10.0.0.1", "evil\nline", "10.0.0.1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", `${"10.0.0.2,".repeat(10_000)}10.0.0.2`, "10.0.0.2"],
    [undefined, "198.51.100.7", undefined]
  ] as const
  it.effect.each(table)("of %s that forwards %j is %s", ([peer, forwardedFor, address]) =>
    Effect.sync(() =>
      assert.strictEqual(clientAddress({ peer, forwardedFor, forwardedProto: undefined }, trusted), address)
    )
  )

  it.effect("came over https only when a trusted proxy says so", () =>
    Effect.sync(() => {
      const isOver = (peer: string, forwardedProto: string | undefined) =>
        isHttps({ peer, forwardedFor: undefined, forwardedProto }, trusted)
      assert.deepStrictEqual(
        [
          isOver("10.0.0.1", "https"),
          isOver("192.0.2.1", "https"),
          isOver("10.0.0.1", "http"),
          isOver("10.0.0.1", undefined)
        ],
        [true, false, false, false]
      )
    })
  )
})
