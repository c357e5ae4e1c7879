/**
 * P17, further, over what answers requests by itself, with the real schemas of every endpoint and services behind them
 * that know no more than they must: wrong inputs of every endpoint, several at a time, between logins that fail and
 * succeed.
 */
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ApiErrors from "../oracles/ApiErrors.ts"
import * as WrongInputs from "../oracles/WrongInputs.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"

const others = {
  login: { method: "POST", path: "/api/auth/login" },
  "wrong password": { method: "POST", path: "/api/auth/login" },
  "wrong token": { method: "GET", path: "/api/auth/me" },
  "wrong cookie": { method: "GET", path: "/api/auth/me" },
  "weak password": { method: "POST", path: "/api/users" },
  "new user": { method: "POST", path: "/api/users" },
  "own password": { method: "POST", path: "/api/auth/password" },
  users: { method: "GET", path: "/api/users" },
  me: { method: "GET", path: "/api/auth/me" },
  configuration: { method: "GET", path: "/api/config" },
  reload: { method: "POST", path: "/api/config/reload" },
  "node away": { method: "GET", path: "/api/nodes/away/update" },
  nodes: { method: "GET", path: "/api/nodes" },
  health: { method: "GET", path: "/health" },
  activity: { method: "GET", path: "/api/activity" }
} as const
type Other = keyof typeof others

const isOther = (name: string): name is Other => Object.hasOwn(others, name)

const spoilt = fc.record({ endpoint: fc.nat(100), flaws: fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }) })

/** What is sent. */
export const planned = {
  wrong: fc.array(spoilt, { minLength: 2, maxLength: 8 }),
  others: fc.subarray(Object.keys(others).filter(isOther), { maxLength: 5 }),
  number: fc.nat(1e9)
} as const

const bodyOf = (what: Other, hush: string): unknown => {
  switch (what) {
    case "login":
      return { username: "adam", password: ApiClient.passwordOf("adam") }
    case "wrong password":
      return { username: "adam", password: hush }
    case "weak password":
      return { username: "nora", password: hush.slice(0, 11), role: "viewer" }
    case "new user":
      return { username: "nora", password: hush, role: "viewer" }
    case "own password":
      return { present: hush, next: hush }
    default:
      return undefined
  }
}

const headersOf = (what: Other, token: string, hush: string): Readonly<Record<string, string>> => {
  switch (what) {
    case "wrong token":
      return { authorization: `Bearer mst_${hush}` }
    case "wrong cookie":
      return { cookie: `muster_session=${hush}.${hush}` }
    default:
      return { authorization: `Bearer ${token}` }
  }
}

const Fields = Schema.Array(Schema.Struct({ field: Schema.String, message: Schema.NonEmptyString }))
const isFields = Schema.is(Fields)

/** What is wrong with how it was answered; undefined when nothing is. */
export const wrongWith = (
  { fields, method, path }: WrongInputs.WrongRequest,
  answer: ApiClient.Answered
): string | undefined => {
  const what = `${method} ${path.slice(0, 200)} with ${fields.join(", ")} wrong`
  const error = ApiErrors.errorOf(answer)
  if (error?.code !== "invalid_request") return `${what}: answered ${answer.status} ${answer.body.slice(0, 500)}`
  const named: unknown = error.details?.["fields"]
  if (!isFields(named)) return `${what}: no fields with reasons are named: ${answer.body.slice(0, 500)}`
  const names = [...new Set(named.map(({ field }) => field))].toSorted()
  return names.join() === fields.join() ? undefined : `${what}: what is named is ${JSON.stringify(named)}`
}

const leakIn = ({ body, headers }: ApiClient.Answered, secrets: ReadonlyArray<string>): string | undefined => {
  const text = `${JSON.stringify(headers)} ${body}`
  return secrets.find((secret) => text.includes(secret))
}

export interface Checked {
  readonly plan: {
    readonly wrong: ReadonlyArray<{ readonly endpoint: number; readonly flaws: ReadonlyArray<number> }>
    readonly others: ReadonlyArray<Other>
  }
  /** Is in whatever is sent as a secret. */
  readonly hush: string
  /** Of an administrator. */
  readonly token: string
  readonly secrets: ReadonlyArray<string>
  readonly ask: (asked: ApiClient.Asked) => Effect.Effect<ApiClient.Answered>
}

/** Sends what is planned and looks at the answers. */
export const check = Effect.fnUntraced(function* ({
  ask: send,
  hush,
  plan,
  secrets,
  token
}: Checked): Effect.fn.Return<void, Violation, RunContext> {
  const ask = Effect.fnUntraced(function* (asked: ApiClient.Asked) {
    const answer = yield* send(asked)
    const leak = leakIn(answer, secrets)
    yield* holds(leak === undefined, () => `${asked.method} ${asked.path} answered ${leak}: ${answer.body}`)
    return answer
  })
  const endpoints = WrongInputs.endpoints(hush)
  for (const { endpoint, flaws } of plan.wrong) {
    const target = endpoints[endpoint % endpoints.length]
    if (target === undefined) continue
    const chosen = flaws.flatMap((flaw) => target.flaws.slice(flaw % target.flaws.length).slice(0, 1))
    const request = WrongInputs.spoilt(target, chosen)
    const answer = yield* ask({ ...request, headers: { authorization: `Bearer ${token}` } })
    const wrong = wrongWith(request, answer)
    yield* holds(wrong === undefined, () => wrong ?? "")
    yield* sometimes(`${target.method} ${target.path} with ${request.fields.length} wrong`)
  }
  for (const what of plan.others) {
    const body = bodyOf(what, hush)
    const answer = yield* ask({
      ...others[what],
      headers: headersOf(what, token, hush),
      body: body === undefined ? undefined : JSON.stringify(body)
    })
    yield* sometimes(`${what}: ${answer.status}`)
  }
})

const workload = fc.record({
  ...planned,
  wrong: fc.array(spoilt, { minLength: 1, maxLength: 4 }),
  others: fc.subarray(Object.keys(others).filter(isOther), { maxLength: 2 })
})

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const hush = `hush-${plan.number}`
  const password = ApiClient.passwordOf("adam")
  const services = AppModels.services({ passwordOf: (name) => (name === "adam" ? password : undefined) })
  const stage = yield* AppStage.make({ parts, services })
  const token = AppModels.tokenOf("adam")
  yield* check({ plan, hush, token, secrets: [hush, token, password, "4711471147"], ask: stage.ask })
  yield* holds(stage.errors().length === 0, () => `the console logged errors: ${stage.errors().join("; ")}`)
}, Effect.scoped)
