/**
 * P16, further, over what answers requests by itself: every typed error that the services behind the endpoints can fail
 * with, bugs and the end of the console come out in the one shape, with the status of the code that belongs to the
 * error, whatever was asked and however; and nothing that is for the log gets into an answer.
 *
 * Method: requests of any kind at a time, some more than allowed, over services that take time and then fail in every
 * way that they may, or not at all.
 */
import { Effect } from "effect"
import { HttpMethod } from "effect/http"
import * as fc from "fast-check"
import { statusByCode } from "../../core/http/ErrorBody.ts"
import { routes } from "../../core/http/Routes.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ApiErrors from "../oracles/ApiErrors.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"
import * as Troubles from "../stages/Troubles.ts"

/** What fills in the names of a path: things that exist, more often than not. */
const names: Readonly<Record<string, ReadonlyArray<string>>> = {
  node: ["n0", "n0", "n1", "n1", "n9"],
  group: ["app", "app", "app", "x%3Ay"],
  name: ["api", "api", "nothing"],
  operation: ["start", "stop", "restart", "clear_log", "dance"],
  username: ["vera", "nobody", "%20x"],
  id: ["1", "99", "x%20y", "-1"]
}

/** A body that each endpoint takes. */
const sound: Readonly<Record<string, unknown>> = {
  "processes.signal": { signal: "HUP" },
  "processes.stdin": { chars: "hello\n" },
  "batches.submit": { operation: { kind: "stop" }, select: [{}], wait: true },
  "auth.login": { username: "adam", password: ApiClient.passwordOf("adam") },
  "auth.refresh": { refresh_token: "of nobody" },
  "auth.password": { present: "not the one", next: "another password" },
  "users.create": { username: "vera", password: "a good password", role: "viewer" },
  "users.change": { role: "viewer" },
  "tokens.create": { name: "ci", role: "viewer" }
}

const bodies = {
  none: undefined,
  broken: "{",
  list: "[]",
  extra: '{"nothing":1}',
  deep: "[".repeat(2_000),
  large: `{"chars":"${"x".repeat(530_000)}"}`
} as const

const queries = ["", "", "?limit=0", "?format=csv", "?format=xml", "?offset=1&length=10", "?x=%00"]

/** Places of the routes behind which there is a node or the database. */
const talking = routes.flatMap(({ name }, place) =>
  /^(processes\.(operate|readLog|signal)|nodes\.(update|previewUpdate)|activity|users\.(create|change))/.test(name)
    ? [place]
    : []
)

/** Any request to any place. */
export const request = fc.record({
  atMs: fc.nat(3_000),
  route: fc.oneof(fc.nat(routes.length + 2), fc.constantFrom(...talking)),
  names: fc.array(fc.nat(20), { minLength: 4, maxLength: 4 }),
  query: fc.constantFrom(...queries),
  method: fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...HttpMethod.all) }
  ),
  body: fc.constantFrom("sound", "sound", "sound", "none", "broken", "list", "extra", "deep", "large"),
  type: fc.constantFrom("application/json", "application/json", "application/json", "text/plain"),
  who: fc.constantFrom("adam", "adam", "adam", "olga", "vera", "wrong", "nobody", "cookie"),
  sendsId: fc.constantFrom("sound", "sound", "none", "unsound")
})

type Request = ReturnType<typeof request.generate>["value"]

const strangePaths = ["/api/nothing", "/", "/api/nodes/%ff"] as const

/** As it is sent, by whoever has which of the tokens. */
export const toRequest = (plan: Request, id: number, tokens: ReadonlyMap<string, string>) => {
  const route = routes[plan.route]
  const chosen = [...plan.names]
  const pick = (name: string) => {
    const values = names[name] ?? [name]
    return values[(chosen.shift() ?? 0) % values.length] ?? ""
  }
  const path =
    route === undefined
      ? (strangePaths[plan.route - routes.length] ?? "/api")
      : route.path.replaceAll(/:([a-z]+)/g, (_, name: string) => pick(name))
  const own = route === undefined || !HttpMethod.isHttpMethod(route.method) ? "GET" : route.method
  const method = plan.method ?? own
  const soundBody = route === undefined || !(route.name in sound) ? undefined : JSON.stringify(sound[route.name])
  const body = plan.body === "sound" ? soundBody : bodies[plan.body]
  const token = tokens.get(plan.who)
  const ids = { sound: `r-${id}`, none: undefined, unsound: `r ${id} <b>` }
  const sentId = ids[plan.sendsId]
  const asked: ApiClient.Asked = {
    method,
    path: `${path}${plan.query}`,
    headers: {
      "content-type": plan.type,
      ...(sentId === undefined ? {} : { "x-request-id": sentId }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(plan.who === "cookie" ? { cookie: `muster_session=${tokens.get("adam") ?? ""}` } : {})
    },
    ...(HttpMethod.hasBody(method) ? { body } : {})
  }
  return asked
}

const adams = ApiClient.passwordOf("adam")

/** One that gets as far as to the services. */
const deep = request.map((plan): Request => ({
  ...plan,
  names: plan.names.map((name) => (name % 8 === 0 ? name : 0)),
  method: undefined,
  body: "sound",
  type: "application/json",
  who: "adam"
}))

const workload = fc.record({
  requests: fc.array(
    fc.record({
      request: fc.oneof({ weight: 1, arbitrary: request }, { weight: 2, arbitrary: deep }),
      accept: fc.constantFrom("*/*", "text/html", "application/json;q=0")
    }),
    {
      minLength: 2,
      maxLength: 5
    }
  ),
  troubles: fc.array(Troubles.drawnTrouble, { minLength: 1, maxLength: 4 }),
  requestsMax: fc.constantFrom(1_000, 1_000, 1_000, 1_000, 1),
  isShort: fc.constantFrom(false, false, false, true)
})

/** For the log alone. */
const hush = "for the log alone"

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { isShort, requests, requestsMax, troubles } = yield* draw(workload)
  const met = Troubles.meet(troubles, hush)
  const stage = yield* AppStage.make({
    parts,
    services: AppModels.services({ meets: met.meets, passwordOf: (name) => (name === "adam" ? adams : undefined) }),
    requestsMax,
    isShort: () => isShort
  })
  const tokens = new Map([...ApiClient.names, "wrong"].map((name) => [name, AppModels.tokenOf(name)]))
  const ask = Effect.fnUntraced(function* (plan: (typeof requests)[number], i: number) {
    const asked = toRequest(plan.request, i, tokens)
    yield* Effect.sleep(plan.request.atMs % 4)
    const answer = yield* stage.ask({ ...asked, headers: { ...asked.headers, accept: plan.accept } })
    const found = met.by(answer.headers["x-request-id"] ?? "")
    const which = `${asked.method} ${asked.path}, which met ${found?.name ?? "no trouble"}`
    const story = `${which}, was answered ${answer.status} ${answer.body.slice(0, 500)}`
    const error = ApiErrors.errorOf(answer)
    const isBug = found?.codes.includes("internal") === true && answer.status === statusByCode.internal
    const wrong = isBug ? undefined : ApiErrors.wrongWith(asked, answer)
    yield* holds(wrong === undefined, () => `${story}: ${wrong}`)
    const fits = found === undefined || found.codes.some((code) => statusByCode[code] === answer.status)
    yield* holds(fits, () => `${story}, not ${found?.codes.join(" or ")}`)
    const isSame = found === undefined || error === undefined || found.codes.includes(error.code)
    yield* holds(isSame, () => `${story}, not ${found?.codes.join(" or ")}`)
    yield* holds(!answer.body.includes(hush), () => `${story}: what is in it is for the log`)
    yield* sometimes(error?.code ?? `an answer with ${answer.status}`)
  })
  yield* Effect.forEach(requests, ask, { concurrency: "unbounded", discard: true })
  const unknown = stage.errors().filter((line) => !line.includes(hush))
  yield* holds(unknown.length === 0, () => `the console logged errors: ${unknown.join("; ")}`)
}, Effect.scoped)
