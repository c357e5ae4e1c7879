/** Which requests are written to the activity log, and as what. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { HttpMethod } from "effect/http"
import { TestClock } from "effect/testing"
import { ActivityLog } from "../../../core/activity/ActivityLog.ts"
import type { ActivityOutcome, Attempt } from "../../../core/domain/ActivityEntry.ts"
import type { Principal } from "../../../core/domain/Access.ts"
import { outcomeOf } from "../../../core/http/AttemptOutcome.ts"
import * as AuditTrail from "../../../core/http/AuditTrail.ts"
import { RequestId, statusByCode } from "../../../core/http/ErrorBody.ts"
import { addressesMax, RefusalCount, toldMax } from "../../../core/http/RefusalCount.ts"
import { CurrentRequest, RequestFacts } from "../../../core/http/RequestFacts.ts"
import { routeAt } from "../../../core/http/Routes.ts"

const ann: Principal = {
  username: "ann",
  userId: "u1",
  actor: "ann/ci",
  credential: { _tag: "ApiToken", tokenId: "t1" },
  role: "operator",
  limits: []
}

interface Asking {
  readonly method: HttpMethod.HttpMethod
  readonly path: string
  readonly address?: string
  /** What the app does of it. */
  readonly facts?: Partial<Pick<RequestFacts, "principal" | "claimed" | "detail" | "code" | "outcome">>
  readonly status?: number
  readonly app?: Effect.Effect<HttpServerResponse.HttpServerResponse>
}

const request = (
  audited: AuditTrail.Audited,
  { address = "10.0.0.1", app, facts: found = {}, method, path, status = 200 }: Asking
) => {
  const at = routeAt(method, path.split("?", 1)[0] ?? path)
  const facts = new RequestFacts({ startedMs: 0, address, route: at?.route, params: at?.params ?? {} })
  const answer = Effect.suspend(() => {
    Object.assign(facts, found)
    return app ?? Effect.succeed(HttpServerResponse.empty({ status }))
  })
  const asked = HttpClientRequest.make(method)(`http://console${path}`)
  return audited(answer).pipe(
    Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(asked)),
    Effect.provideService(CurrentRequest, facts),
    Effect.provideService(RequestId, "r1")
  )
}

/** An audit trail, and what it records. */
const trail = (
  onRecord: (attempt: Attempt) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<
  { readonly audited: AuditTrail.Audited; readonly recorded: ReadonlyArray<Attempt> },
  never,
  Scope.Scope
> => {
  const recorded: Array<Attempt> = []
  const record = (attempt: Attempt) =>
    Effect.andThen(
      Effect.sync(() => recorded.push(attempt)),
      onRecord(attempt)
    )
  const log = ActivityLog.of({
    record,
    page: () => Effect.die("not asked"),
    all: () => {
      throw new Error("not asked")
    },
    counts: Effect.die("not asked")
  })
  return Effect.map(Effect.provideService(AuditTrail.make, ActivityLog, log), (audited) => ({ audited, recorded }))
}

const start = "/api/nodes/web/processes/app/api/start"

describe("an attempt", () => {
  const table: ReadonlyArray<Asking & { readonly name: string; readonly entry: Partial<Attempt> | undefined }> = [
    {
      name: "that is done",
      method: "POST",
      path: `${start}?secret=x`,
      facts: { principal: ann },
      entry: {
        actor: "ann/ci",
        address: "10.0.0.1",
        action: "processes.operate",
        node: "web",
        process: "app:api",
        outcome: "done",
        detail: "start",
        request_id: "r1"
      }
    },
    {
      name: "whose result says that it failed",
      method: "POST",
      path: start,
      facts: { principal: ann, outcome: "failed", detail: "start: exited too quickly" },
      entry: { outcome: "failed", detail: "start: exited too quickly" }
    },
    {
      name: "on what does not exist",
      method: "POST",
      path: start,
      status: 404,
      facts: { principal: ann, code: "unknown_node" },
      entry: { outcome: "unknown", code: "unknown_node", node: "web", process: "app:api" }
    },
    {
      name: "at no route",
      method: "DELETE",
      path: "/api/nope?token=x",
      status: 404,
      facts: { principal: ann, code: "unknown_route" },
      entry: { action: "http.delete", detail: "/api/nope", outcome: "unknown" }
    },
    {
      name: "of a login that is refused",
      method: "POST",
      path: "/api/auth/login",
      status: 401,
      facts: { claimed: "bob", code: "unauthorized" },
      entry: { actor: "bob", outcome: "denied", code: "unauthorized" }
    },
    {
      name: "of nobody",
      method: "PATCH",
      path: "/api/users/bob",
      status: 401,
      facts: { code: "unauthorized" },
      entry: { actor: "?", outcome: "denied", detail: "username bob" }
    },
    {
      name: "to look that is refused",
      method: "GET",
      path: "/api/users",
      status: 403,
      facts: { principal: ann, code: "forbidden" },
      entry: { actor: "ann/ci", outcome: "denied" }
    },
    { name: "to look that is allowed", method: "GET", path: "/api/nodes", facts: { principal: ann }, entry: undefined },
    {
      name: "to look at what is not there",
      method: "GET",
      path: "/api/nodes/x",
      status: 404,
      facts: { principal: ann, code: "unknown_node" },
      entry: undefined
    },
    {
      name: "to open a socket that is refused",
      method: "GET",
      path: "/api/ws?ticket=secret",
      status: 503,
      facts: { principal: ann, code: "too_many_clients" },
      entry: { action: "hub.connect", outcome: "failed", code: "too_many_clients" }
    },
    {
      name: "to open a socket",
      method: "GET",
      path: "/api/ws",
      status: 204,
      facts: { principal: ann },
      entry: undefined
    }
  ]
  for (const { entry, name, ...asking } of table) {
    it.effect(`${name} is ${entry === undefined ? "not recorded" : "recorded"}`, () =>
      Effect.gen(function* () {
        const { audited, recorded } = yield* trail()
        const response = yield* request(audited, asking)
        assert.strictEqual(response.status, asking.status ?? 200)
        assert.strictEqual(recorded.length, entry === undefined ? 0 : 1)
        assert.deepStrictEqual({ ...recorded[0], ...entry }, { ...recorded[0] })
        assert.notInclude(JSON.stringify(recorded), "secret")
        assert.notInclude(JSON.stringify(recorded), "token=x")
      })
    )
  }

  it.effect("is answered when it is recorded", () =>
    Effect.gen(function* () {
      const written = yield* Deferred.make<void>()
      const { audited } = yield* trail(() => Deferred.await(written))
      const fiber = yield* Effect.forkChild(
        request(audited, { method: "POST", path: start, facts: { principal: ann } })
      )
      yield* TestClock.adjust(100)
      assert.isUndefined(fiber.pollUnsafe())
      yield* Deferred.succeed(written, undefined)
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    })
  )

  it.effect("that is cut off is recorded once, if it had begun, wherever that happens", () =>
    Effect.gen(function* () {
      for (const principal of [ann, undefined]) {
        const { audited, recorded } = yield* trail()
        const app = Effect.never
        const fiber = yield* Effect.forkChild(
          request(audited, { method: "POST", path: start, facts: { principal }, app })
        )
        yield* TestClock.adjust(1)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(
          recorded.map(({ actor, outcome }) => `${actor} ${outcome}`),
          principal === undefined ? [] : ["ann/ci timeout"]
        )
      }
      const written = yield* Deferred.make<void>()
      const { audited, recorded } = yield* trail(() => Deferred.await(written))
      const fiber = yield* Effect.forkChild(
        request(audited, { method: "POST", path: start, facts: { principal: ann } })
      )
      yield* TestClock.adjust(1)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust(1)
      yield* Deferred.succeed(written, undefined)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(
        recorded.map(({ outcome }) => outcome),
        ["done"]
      )
    })
  )
})

describe("refusals of nobody", () => {
  const refused = { status: 401, facts: { code: "unauthorized" } } as const
  const flood = (audited: AuditTrail.Audited, asking: Pick<Asking, "method" | "address">, times: number) =>
    Effect.forEach(
      Array.from({ length: times }),
      () => request(audited, { path: "/api/nodes", ...refused, ...asking }),
      { discard: true }
    )

  it.effect("are told one by one up to a bound, and then counted by address", () =>
    Effect.gen(function* () {
      const { audited, recorded } = yield* trail()
      yield* flood(audited, { method: "POST" }, 500)
      yield* flood(audited, { method: "GET", address: "10.0.0.2" }, 20)
      yield* request(audited, { method: "POST", path: start, facts: { principal: ann }, status: 403 })
      assert.strictEqual(recorded.length, toldMax.ofAddress + 1 + 1)
      yield* TestClock.adjust(60_000)
      assert.deepStrictEqual(
        recorded.slice(-2).map(({ action, address, detail, outcome }) => [action, address, outcome, detail]),
        [
          ["http.refused", "10.0.0.1", "denied", "470 more requests without valid credentials within a minute"],
          ["http.refused", "10.0.0.2", "denied", "19 more requests without valid credentials within a minute"]
        ]
      )
      const before = recorded.length
      yield* flood(audited, { method: "GET", address: "10.0.0.2" }, 1)
      assert.strictEqual(recorded.length, before + 1)
      yield* TestClock.adjust(600_000)
      assert.strictEqual(recorded.length, before + 1)
    })
  )

  it("are bounded over all addresses, and nothing of them is lost", () => {
    const count = new RefusalCount()
    let told = 0
    const total = 5_000
    for (let i = 0; i < total; i++) if (count.tells({ address: `a${i % 1_000}`, isUnsafe: true }, 0)) told++
    assert.strictEqual(told, toldMax.ofAll)
    const counted = count.end()
    assert.isAtMost(counted.length, addressesMax + 1)
    assert.strictEqual(
      counted.reduce((sum, { refusals }) => sum + refusals, told),
      total
    )
    assert.deepStrictEqual(count.end(), [])
    assert.isUndefined(count.leftMs(0))
  })
})

describe("the outcome of an answer", () => {
  const others: Readonly<Partial<Record<keyof typeof statusByCode, ActivityOutcome>>> = {
    too_many_attempts: "denied",
    config_invalid: "failed"
  }
  const byStatus: Readonly<Record<number, ActivityOutcome>> = {
    400: "invalid",
    401: "denied",
    403: "denied",
    404: "unknown",
    405: "invalid",
    409: "failed",
    413: "invalid",
    415: "invalid",
    500: "failed",
    501: "failed",
    502: "failed",
    503: "failed",
    504: "timeout"
  }
  it("follows from its code, or its status", () => {
    for (const status of [200, 201, 202, 204, 304]) assert.strictEqual(outcomeOf(status), "done")
    for (const [status, outcome] of Object.entries(byStatus)) assert.strictEqual(outcomeOf(Number(status)), outcome)
    const codes = Object.entries(statusByCode)
    for (const [code, status] of codes) {
      const other = Object.entries(others).find(([name]) => name === code)?.[1]
      assert.strictEqual(outcomeOf(status, code), other ?? byStatus[status], code)
    }
    assert.strictEqual(outcomeOf(404, "__proto__"), "unknown")
  })
})
