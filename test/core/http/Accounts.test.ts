/** The endpoints of logging in, of users and of API tokens: what they answer, and what they never do. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Errors from "../../../core/auth/Accounts.ts"
import type { Accounts, Grant, NewToken, NewUser } from "../../../core/auth/Accounts.ts"
import type { Principal } from "../../../core/domain/Access.ts"
import { ErrorBody, statusByCode } from "../../../core/http/ErrorBody.ts"
import { Granted } from "../../../core/http/SessionsApi.ts"
import { DatabaseError } from "../../../core/storage/DatabaseError.ts"
import * as FakeAccounts from "./FakeAccounts.ts"
import { csrfOf, session } from "./FakeAccounts.ts"
import { ask, client } from "./FakeServices.ts"
import type { Ask } from "./FakeServices.ts"

const decodeError = Schema.decodeUnknownSync(Schema.fromJsonString(ErrorBody), { onExcessProperty: "error" })

const decodeGranted = Schema.decodeUnknownSync(Schema.fromJsonString(Granted))

const root = session("root", "admin")
const bearer = { authorization: "Bearer root" }
const post = (body: unknown, headers: Record<string, string> = {}): Ask => ({ method: "POST", body, headers })

const grant: Grant = {
  accessToken: Redacted.make("access-1"),
  accessExpiresMs: 900_000,
  refreshToken: Redacted.make("refresh-1"),
  sessionExpiresMs: 43_200_000,
  csrfToken: csrfOf("root"),
  principal: root
}

const over = (given: Partial<Accounts["Service"]>, who: Principal = root, cookieSecure: "auto" | "always" = "auto") => {
  const fake = FakeAccounts.make(given)
  fake.tokens.set("root", who)
  return client({ accounts: fake.service, options: { cookieSecure } })
}

const codeOf = ({ status, text }: { readonly status: number; readonly text: string }) => {
  if (status < 400) return String(status)
  const { code } = decodeError(text)
  assert.strictEqual(status, statusByCode[code])
  return code
}

describe("a login", () => {
  const given = { login: () => Effect.succeed(grant), refresh: () => Effect.succeed(grant) }

  it.effect("gives the tokens in the body, or in cookies that no script reads, and never in both", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0)
      const http = yield* over(given, root, "always")
      const plain = yield* ask(http, "/api/auth/login", post({ username: "root", password: "p" }))
      const { user, ...tokens } = decodeGranted(plain.text)
      assert.deepStrictEqual(tokens, {
        token: "access-1",
        refresh_token: "refresh-1",
        expires: "1970-01-01T00:15:00.000Z",
        session_expires: "1970-01-01T12:00:00.000Z",
        csrf_token: csrfOf("root")
      })
      assert.deepInclude(user, { username: "root", role: "admin", via: "session" })
      for (const [path, body] of [
        ["/api/auth/login", { username: "root", password: "p", cookie: true }],
        ["/api/auth/refresh", {}]
      ] as const) {
        const inCookies = yield* ask(http, path, post(body, { cookie: "muster_refresh=refresh-0" }))
        assert.notMatch(inCookies.text, /access-1|refresh-1/)
        for (const [name, value, where, age] of [
          ["muster_session", "access-1", "/", 900],
          ["muster_refresh", "refresh-1", "/api/auth", 43_200]
        ] as const) {
          const cookie = inCookies.cookies.find((each) => each.startsWith(`${name}=`)) ?? ""
          assert.strictEqual(cookie.split(";")[0], `${name}=${value}`)
          for (const part of [`Path=${where}`, `Max-Age=${age}`, "HttpOnly", "Secure", "SameSite=Strict"]) {
            assert.include(cookie.split("; "), part)
          }
        }
      }
    })
  )

  it.effect("takes the refresh token of the body before that of the cookie, and nothing of none", () =>
    Effect.gen(function* () {
      const taken: Array<string> = []
      const http = yield* over({
        refresh: (token) =>
          Effect.suspend(() => {
            taken.push(Redacted.value(token))
            return Effect.fail(new Errors.NotAuthenticated({ reason: "revoked" }))
          })
      })
      const cookie = { cookie: "muster_refresh=of-cookie" }
      const answers = [
        yield* ask(http, "/api/auth/refresh", post({ refresh_token: "of-body" }, cookie)),
        yield* ask(http, "/api/auth/refresh", post({}, cookie)),
        yield* ask(http, "/api/auth/refresh", post({}))
      ]
      assert.deepStrictEqual(taken, ["of-body", "of-cookie"])
      assert.deepStrictEqual(answers.map(codeOf), ["unauthorized", "unauthorized", "unauthorized"])
    })
  )

  it.effect("that fails is answered alike for every reason, and says when to try again after too many", () =>
    Effect.gen(function* () {
      const answerTo = (
        error: Errors.NotAuthenticated | Errors.TooManyAttempts | DatabaseError | Errors.AccountsUnknown
      ) =>
        Effect.flatMap(over({ login: () => Effect.fail(error) }), (http) =>
          ask(http, "/api/auth/login", post({ username: "root", password: "wrong" }, { "x-request-id": "same" }))
        )
      const first = yield* answerTo(new Errors.NotAuthenticated({ reason: "wrong password" }))
      const token = yield* Effect.flatMap(over({}), (http) =>
        ask(http, "/api/nodes", { headers: { authorization: "Bearer x", "x-request-id": "same" } })
      )
      assert.deepStrictEqual(first, token)
      for (const reason of ["unknown", "disabled"] as const) {
        assert.deepStrictEqual(yield* answerTo(new Errors.NotAuthenticated({ reason })), first)
      }
      const one = yield* answerTo(new Errors.TooManyAttempts({ by: "account", retryAfterMs: 1_500 }))
      const other = yield* answerTo(new Errors.TooManyAttempts({ by: "address", retryAfterMs: 1_500 }))
      assert.deepStrictEqual(one, other)
      assert.deepStrictEqual([codeOf(one), one.headers["retry-after"]], ["too_many_attempts", "2"])
      assert.strictEqual(codeOf(yield* answerTo(new Errors.AccountsUnknown())), "database_unavailable")
      for (const [reason, code] of [
        ["Unavailable", "database_unavailable"],
        ["Exhausted", "database_busy"],
        ["TimedOut", "database_timeout"],
        ["Unacknowledged", "database_timeout"],
        ["Unwritable", "database_unavailable"],
        ["Conflict", "internal"],
        ["Failed", "internal"]
      ] as const) {
        const away = yield* answerTo(new DatabaseError({ operation: "login", reason, detail: "at 10.0.0.7" }))
        assert.strictEqual(codeOf(away), code)
        assert.notInclude(away.text, "10.0.0.7")
      }
    })
  )
})

describe("a secret", () => {
  const secret = "hunter2-and-more"
  const table = [
    ["/api/auth/login", { username: "root", password: secret, pasword: secret }],
    ["/api/auth/login", { username: 5, password: secret }],
    ["/api/auth/login", { username: "root", password: [secret] }],
    ["/api/auth/login", { username: "root", password: secret.repeat(100) }],
    ["/api/auth/login", `{"username":"root","password":"${secret}"`],
    ["/api/auth/login", [secret]],
    ["/api/auth/refresh", { refresh_token: { secret } }],
    ["/api/auth/password", { present: secret, next: "" }],
    ["/api/users", { username: "a b", password: secret, role: "admin" }],
    ["/api/users", { username: "bob", password: secret, role: secret }]
  ] as const
  it.effect.each(table)("is in no answer and no log line when %s gets %j", ([path, body]) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.map(Logger.formatJson, (line) => void lines.push(line))
      const http = yield* over({})
      const answer = yield* ask(http, path, post(body, bearer)).pipe(Effect.provide(Logger.layer([logger])))
      assert.strictEqual(codeOf(answer), "invalid_request", answer.text)
      assert.notInclude(answer.text + lines.join("\n"), secret)
    })
  )
})

describe("users and tokens", () => {
  const view = {
    id: "1",
    username: "bob",
    role: "viewer",
    limits: {},
    disabled: false,
    created: "2026-01-01T00:00:00.000Z"
  } as const

  it.effect("are made as the request says", () =>
    Effect.gen(function* () {
      const made: Array<NewUser | NewToken> = []
      const http = yield* over({
        createUser: (user) =>
          Effect.as(
            Effect.sync(() => made.push(user)),
            view
          ),
        createToken: (owner, token) =>
          Effect.sync(() => {
            made.push(token)
            const { name, role } = token
            const shown = { id: "t1", name, owner: owner.username, role, limits: {}, created: view.created }
            return { token: shown, secret: Redacted.make("mst_secret") }
          })
      })
      const limits = { nodes: ["web-*"] }
      const user = yield* ask(
        http,
        "/api/users",
        post({ username: "bob", password: "p", role: "viewer", limits }, bearer)
      )
      assert.deepStrictEqual([user.status, user.headers["location"]], [201, "/api/users/bob"])
      assert.deepStrictEqual(JSON.parse(user.text), view)
      const expires = "1970-01-01T01:00:00Z"
      const token = yield* ask(http, "/api/tokens", post({ name: "ci", role: "operator", expires }, bearer))
      assert.deepInclude(JSON.parse(token.text), { secret: "mst_secret", owner: "root" })
      const past = yield* ask(
        http,
        "/api/tokens",
        post({ name: "ci", role: "operator", expires: "1969-01-01T00:00Z" }, bearer)
      )
      assert.strictEqual(codeOf(past), "invalid_request")
      assert.deepStrictEqual(made, [
        { username: "bob", password: Redacted.make("p"), role: "viewer", limits },
        { name: "ci", role: "operator", limits: {}, expiresMs: 3_600_000 }
      ])
    })
  )

  it.effect("are handed out by no administrator who has limits, and no token by a token", () =>
    Effect.gen(function* () {
      const asked: ReadonlyArray<readonly [string, Ask]> = [
        ["/api/users", post({ username: "bob", password: "p", role: "admin" })],
        ["/api/users/root", { method: "PATCH", body: { limits: {} } }],
        ["/api/users/root", { method: "DELETE" }],
        ["/api/tokens", post({ name: "ci", role: "admin" })],
        ["/api/tokens/t1", { method: "DELETE" }]
      ]
      const limited = yield* over({}, { ...root, limits: [{ nodes: ["web-*"] }] })
      for (const [path, request] of asked) {
        assert.strictEqual(codeOf(yield* ask(limited, path, { ...request, headers: bearer })), "forbidden", path)
      }
      const token = yield* over({}, { ...root, credential: { _tag: "ApiToken", tokenId: "t" } })
      for (const path of ["/api/tokens", "/api/auth/logout", "/api/auth/password"]) {
        const body = { "/api/tokens": { name: "x", role: "admin" }, "/api/auth/password": { present: "a", next: "b" } }
        const request = path === "/api/auth/logout" ? { method: "POST" as const } : post(Reflect.get(body, path))
        assert.strictEqual(codeOf(yield* ask(token, path, { ...request, headers: bearer })), "forbidden", path)
      }
    })
  )

  it.effect("that cannot be made, changed or removed are refused with the reason", () =>
    Effect.gen(function* () {
      const create = post({ username: "bob", password: "p", role: "viewer" })
      const change: Ask = { method: "PATCH", body: { role: "viewer" } }
      const fail = (error: Errors.UsernameTaken | Errors.PasswordRefused | Errors.TooMany) => ({
        createUser: () => Effect.fail(error)
      })
      const noUser = new Errors.UnknownUser({ username: "bob" })
      const last = new Errors.LastAdmin({ username: "bob" })
      const unacknowledged = new DatabaseError({ operation: "logout", reason: "Unacknowledged", detail: "" })
      const table: ReadonlyArray<readonly [Partial<Accounts["Service"]>, string, Ask, string]> = [
        [fail(new Errors.UsernameTaken({ username: "bob" })), "/api/users", create, "username_taken"],
        [fail(new Errors.PasswordRefused({ message: "longer" })), "/api/users", create, "password_refused"],
        [fail(new Errors.TooMany({ what: "users", max: 3 })), "/api/users", create, "too_many_accounts"],
        [{ changeUser: () => Effect.fail(noUser) }, "/api/users/bob", change, "unknown_user"],
        [{ changeUser: () => Effect.fail(last) }, "/api/users/bob", change, "last_admin"],
        [{ removeUser: () => Effect.fail(last) }, "/api/users/bob", { method: "DELETE" }, "last_admin"],
        [{ removeUser: () => Effect.void }, "/api/users/bob", { method: "DELETE" }, "204"],
        [{ endSessions: () => Effect.void }, "/api/users/bob/sessions", { method: "DELETE" }, "204"],
        [{ logout: () => Effect.void }, "/api/auth/logout", { method: "POST" }, "204"],
        [{ logout: () => Effect.fail(unacknowledged) }, "/api/auth/logout", { method: "POST" }, "database_timeout"],
        [{ user: () => Effect.fail(noUser) }, "/api/users/bob", {}, "unknown_user"],
        [
          { removeToken: (id) => Effect.fail(new Errors.UnknownToken({ id })) },
          "/api/tokens/t1",
          { method: "DELETE" },
          "unknown_token"
        ],
        [
          { changeOwnPassword: () => Effect.fail(new Errors.NotAuthenticated({ reason: "wrong password" })) },
          "/api/auth/password",
          post({ present: "a", next: "b" }),
          "forbidden"
        ]
      ]
      for (const [given, path, request, code] of table) {
        const http = yield* over(given)
        assert.strictEqual(codeOf(yield* ask(http, path, { ...request, headers: bearer })), code, path)
      }
    })
  )
})
