/** Who is let in to what, over the whole API and all its routes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { isAtLeast } from "../../../core/domain/Access.ts"
import type { Role } from "../../../core/domain/Access.ts"
import { ErrorBody } from "../../../core/http/ErrorBody.ts"
import { routes } from "../../../core/http/Routes.ts"
import type { Route } from "../../../core/http/Routes.ts"
import * as FakeAccounts from "./FakeAccounts.ts"
import { csrfOf, session } from "./FakeAccounts.ts"
import { ask, client } from "./FakeServices.ts"
import type { Ask, FakeServices } from "./FakeServices.ts"

const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), { onExcessProperty: "error" })

const roles = ["viewer", "operator", "admin"] as const satisfies ReadonlyArray<Role>

/** Somebody of each role, by the name of it; and tokens that let nobody in. */
const people = () => {
  const fake = FakeAccounts.make()
  for (const role of roles) fake.tokens.set(role, session(role, role))
  for (const reason of ["expired", "revoked", "disabled"] as const) fake.tokens.set(reason, reason)
  return fake
}

const over = (fake: FakeAccounts.FakeAccounts, options: FakeServices["options"] = {}) =>
  client({ accounts: fake.service, options })

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookie = (token: string, more: Readonly<Record<string, string>> = {}) => ({
  cookie: `other=1; muster_session=${token}`,
  ...more
})

/** A path of the route. */
const pathOf = ({ params, path }: Route): string =>
  params.reduce((filled, name) => filled.replace(`:${name}`, name === "id" ? "7" : "web"), path)

const asked = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const
const methodOf = ({ method }: Route) => asked.find((each) => each === method) ?? "GET"

const guarded = routes.filter(({ access }) => access !== "public")

/** A refusal without the id of its request, and what comes with it. */
const refusalOf = (answer: { readonly status: number; readonly text: string; readonly headers: Headers }) => {
  const { request_id: _, ...body } = decodeError(answer.text)
  return { status: answer.status, body, challenge: answer.headers["www-authenticate"] }
}

type Headers = Readonly<Record<string, string | undefined>>

const unauthorized = {
  status: 401,
  body: { status: "error", code: "unauthorized", message: "nobody is let in without valid credentials" },
  challenge: 'Bearer realm="muster"'
} as const

const paths: ReadonlyArray<Ask & { readonly path: string }> = [
  ...guarded.map((route) => ({ path: pathOf(route), method: methodOf(route) })),
  ...guarded
    .filter(({ method }) => method === "GET")
    .map((route) => ({ path: pathOf(route), method: "HEAD" as const })),
  { path: "/nope" },
  { path: "/api/nodes/", method: "POST" },
  { path: "/api/nodes", method: "DELETE" },
  { path: "/api/nodes", method: "OPTIONS" },
  { path: "/api/nodes/%ff" },
  { path: "/API/NODES" },
  { path: "//api/nodes" },
  { path: "/api/users;x" }
]

describe("whoever shows nothing, or what is wrong, or over, or too much,", () => {
  const shown: ReadonlyArray<readonly [string, Headers]> = [
    ["nothing", {}],
    ["a token that never was", bearer("nobody")],
    ["one that has expired", bearer("expired")],
    ["one that was revoked", bearer("revoked")],
    ["one of a user who is disabled", bearer("disabled")],
    ["another scheme", { authorization: "Basic YWRtaW46YWRtaW4=" }],
    ["nothing behind the scheme", { authorization: "Bearer " }],
    ["two tokens in one header", { authorization: "Bearer admin, Bearer admin" }],
    ["a token with a space", { authorization: "Bearer admin admin" }],
    ["a token without end", bearer("a".repeat(5_000))],
    ["a wrong header beside a good cookie", { ...bearer("expired"), ...cookie("admin") }],
    ["a broken header beside a good cookie", { authorization: "Bearer", ...cookie("admin") }],
    ["two cookies of the name", { cookie: "muster_session=admin; muster_session=admin" }],
    ["a cookie in quotes", { cookie: 'muster_session="admin"' }],
    ["a cookie that has expired", cookie("expired")],
    ["a token in a cookie of another name", { cookie: "muster_refresh=admin; Muster_Session=admin" }]
  ]
  it.effect.each(shown)("%s: has the same answer on every path and with every method", ([, headers]) =>
    Effect.gen(function* () {
      const http = yield* over(people(), { publicHealth: false })
      const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value ?? ""]))
      for (const { path, ...request } of paths) {
        const answer = yield* ask(http, path, { ...request, headers: sent })
        if (request.method === "HEAD") assert.strictEqual(answer.status, 401, path)
        else assert.deepStrictEqual(refusalOf(answer), unauthorized, `${request.method} ${path}`)
      }
    })
  )

  it.effect("a token or a ticket in the query: is nobody, but for a ticket of the WebSocket", () =>
    Effect.gen(function* () {
      const fake = people()
      const http = yield* over(fake)
      fake.tickets.set("once", session("admin", "admin"))
      for (const path of [
        "/api/nodes?ticket=once",
        "/api/nodes?token=admin",
        "/api/ws?token=admin&access_token=admin"
      ]) {
        assert.deepStrictEqual(refusalOf(yield* ask(http, path)), unauthorized, path)
      }
      const two = yield* ask(http, "/api/ws?ticket=once&ticket=once")
      assert.deepStrictEqual(refusalOf(two), unauthorized)
      // It is let in, to where nothing is served in this test; a ticket is used up by that.
      assert.strictEqual(decodeError((yield* ask(http, "/api/ws?ticket=once")).text).code, "invalid_request")
      assert.deepStrictEqual(refusalOf(yield* ask(http, "/api/ws?ticket=once")), unauthorized)
    })
  )
})

describe("a role", () => {
  it.effect("is enough for the routes that ask for it or less, and for no others", () =>
    Effect.gen(function* () {
      const http = yield* over(people())
      for (const route of guarded) {
        for (const role of roles) {
          const { status, text } = yield* ask(http, pathOf(route), { method: methodOf(route), headers: bearer(role) })
          const allowed = route.access !== "public" && isAtLeast(role, route.access)
          const isForbidden = status === 403 && decodeError(text).code === "forbidden"
          assert.strictEqual(isForbidden, !allowed, `${role} ${route.name}: ${status} ${text}`)
          if (route.method !== "GET" || allowed) continue
          const head = yield* ask(http, pathOf(route), { method: "HEAD", headers: bearer(role) })
          assert.strictEqual(head.status, 403, `${role} HEAD ${route.name}`)
        }
      }
    })
  )

  it.effect("is that of now, not that of when the token was given", () =>
    Effect.gen(function* () {
      const fake = people()
      const http = yield* over(fake)
      const statusOf = () => Effect.map(ask(http, "/api/users", { headers: bearer("admin") }), ({ status }) => status)
      assert.strictEqual(yield* statusOf(), 500)
      fake.tokens.set("admin", session("admin", "viewer"))
      assert.strictEqual(yield* statusOf(), 403)
      fake.tokens.set("admin", "revoked")
      assert.strictEqual(yield* statusOf(), 401)
    })
  )

  it.effect("is needed for all but a handful of routes", () =>
    Effect.sync(() => {
      const open = routes.filter(({ access }) => access === "public").map(({ name }) => name)
      assert.deepStrictEqual(open.toSorted(), ["auth.login", "auth.refresh", "docs", "health.live", "openapi"])
      const acting = routes.filter(({ access, method }) => method !== "GET" && access === "viewer")
      assert.deepStrictEqual(acting.map(({ name }) => name).toSorted(), ["auth.logout", "auth.password", "auth.ticket"])
    })
  )
})

describe("public routes", () => {
  it.effect("do not look at credentials", () =>
    Effect.gen(function* () {
      const fake = people()
      const http = yield* over(fake)
      for (const headers of [{}, bearer("expired"), { authorization: "x" }]) {
        assert.strictEqual((yield* ask(http, "/health/live", { headers })).status, 200)
        assert.strictEqual((yield* ask(http, "/openapi.json", { headers })).status, 200)
      }
      assert.strictEqual(fake.asked, 0)
    })
  )

  it.effect("of the health answer by the states alone where they may, and refuse bad credentials like all others", () =>
    Effect.gen(function* () {
      const components = {
        all: Effect.succeed([
          {
            name: "hub",
            status: "degraded" as const,
            errors: 1,
            errorsInARow: 1,
            lastError: { atMs: 0, message: "to 10.0.0.7" },
            detail: { clients: 1 }
          }
        ])
      }
      const http = yield* client({ accounts: people().service, components })
      for (const path of ["/health", "/health/ready"]) {
        const brief = yield* ask(http, path)
        assert.strictEqual(brief.status, 200)
        assert.include(brief.text, '"components":[{"name":"hub","status":"degraded"}]')
        assert.include((yield* ask(http, path, { headers: bearer("viewer") })).text, "to 10.0.0.7")
        assert.deepStrictEqual(refusalOf(yield* ask(http, path, { headers: bearer("expired") })), unauthorized)
      }
    })
  )
})

describe("a cookie", () => {
  const path = "/api/auth/ticket"
  const letsIn = (fake: FakeAccounts.FakeAccounts, headers: Record<string, string>, method: "GET" | "POST" = "POST") =>
    Effect.flatMap(over(fake, { corsOrigins: ["https://ok.example"] }), (http) =>
      Effect.map(ask(http, method === "GET" ? "/api/auth/me" : path, { method, headers }), ({ status, text }) =>
        status < 300 ? "ok" : decodeError(text).code
      )
    )

  it.effect("lets in to look, and to act with the token of its own session alone", () =>
    Effect.gen(function* () {
      const fake = FakeAccounts.make({ issueTicket: () => Effect.succeed(Redacted.make("t")) })
      fake.tokens.set("admin", session("admin", "admin"))
      fake.tokens.set("mst_x", session("admin", "admin", { credential: { _tag: "ApiToken", tokenId: "x" } }))
      assert.strictEqual(yield* letsIn(fake, cookie("admin"), "GET"), "ok")
      assert.strictEqual(yield* letsIn(fake, cookie("admin")), "csrf_refused")
      const own = csrfOf("admin")
      for (const wrong of ["", "x", csrfOf("other"), own.slice(1), `${own}x`, own.toUpperCase()]) {
        assert.strictEqual(yield* letsIn(fake, cookie("admin", { "x-csrf-token": wrong })), "csrf_refused", wrong)
      }
      assert.strictEqual(yield* letsIn(fake, cookie("admin", { "x-csrf-token": own })), "ok")
      assert.strictEqual(yield* letsIn(fake, cookie("admin", { origin: "https://ok.example" })), "csrf_refused")
      assert.strictEqual(yield* letsIn(fake, cookie("mst_x", { "x-csrf-token": own })), "csrf_refused")
      assert.strictEqual(yield* letsIn(fake, bearer("admin")), "ok")
    })
  )

  it.effect("opens the WebSocket for a page of the console or an allowed one, and for nobody else", () =>
    Effect.gen(function* () {
      const fake = people()
      const http = yield* over(fake, { corsOrigins: ["https://ok.example"] })
      const upgrade = (headers: Record<string, string>) =>
        Effect.map(
          ask(http, "/api/ws", { headers: { upgrade: "websocket", host: "console", ...cookie("admin"), ...headers } }),
          ({ text }) => decodeError(text).code
        )
      assert.strictEqual(yield* upgrade({}), "csrf_refused")
      assert.strictEqual(yield* upgrade({ origin: "http://evil.example" }), "origin_refused")
      assert.strictEqual(yield* upgrade({ origin: "http://console.evil" }), "origin_refused")
      for (const origin of ["http://console", "https://ok.example"]) {
        assert.strictEqual(yield* upgrade({ origin }), "invalid_request")
      }
    })
  )
})

describe("the sources", () => {
  it.effect("are looked at in their order, and those that are not named not at all", () =>
    Effect.gen(function* () {
      const both = { ...bearer("viewer"), ...cookie("expired") }
      const table = [
        [["header", "cookie"], 200],
        [["cookie", "header"], 401],
        [["header"], 200],
        [["cookie"], 401],
        [["ticket"], 401],
        [[], 401]
      ] as const
      for (const [sources, status] of table) {
        const http = yield* over(people(), { sources })
        assert.strictEqual((yield* ask(http, "/api/auth/me", { headers: both })).status, status, sources.join())
      }
    })
  )
})

describe("while the accounts are not known", () => {
  it.effect("whoever shows anything is told so, and whoever shows nothing is nobody", () =>
    Effect.gen(function* () {
      const fake = people()
      fake.isUnknown = true
      const http = yield* over(fake)
      const { status, text } = yield* ask(http, "/api/nodes", { headers: bearer("admin") })
      assert.deepStrictEqual([status, decodeError(text).code], [503, "database_unavailable"])
      assert.deepStrictEqual(refusalOf(yield* ask(http, "/api/nodes")), unauthorized)
      assert.strictEqual((yield* ask(http, "/health")).status, 200)
    })
  )
})
