/**
 * P17, validation detail (R7.3, R7.5): of an input with wrong fields exactly these are named, each with its reason; and
 * no answer holds a secret: not a password that was sent, right or wrong or in a field that is misspelt or of another
 * type, nor a token, a cookie, or the password of a node.
 *
 * Method: sound inputs of every endpoint that takes any, of which some fields are spoilt in ways that are known: left
 * out, added, of another type, out of range, too long, several at once. What is wrong with the path is told before what
 * is wrong with the query, and that before the body. Between them logins that fail and succeed, and looks at the
 * configuration and at nodes that cannot be reached.
 */
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ErrorMutants from "../mutants/ErrorMutants.ts"
import * as ApiErrors from "../oracles/ApiErrors.ts"
import * as WrongInputs from "../oracles/WrongInputs.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

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

const workload = fc.record({
  wrong: fc.array(fc.record({ endpoint: fc.nat(100), flaws: fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }) }), {
    minLength: 2,
    maxLength: 8
  }),
  others: fc.subarray(Object.keys(others).filter(isOther), { maxLength: 5 }),
  isFromFile: fc.constantFrom(false, false, true),
  number: fc.nat(1e9)
})

const nodePassword = "hush-of-the-node"

/** A node that is never reached, and whose password nobody may see. */
const configFile = [
  "[[nodes]]",
  'name = "away"',
  'url = "http://away:9001"',
  'username = "muster"',
  `password = "${nodePassword}"`,
  ""
].join("\n")

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

const { consoleOptions } = World

const program: Property["program"] = (parts) =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* draw(workload)
      const hush = `hush-${plan.number}`
      const world = yield* World.make({
        nodes: {},
        options: { ...consoleOptions, accounts: { ...consoleOptions.accounts, anonymousRole: undefined } },
        ...(plan.isFromFile ? { config: configFile } : {}),
        parts
      })
      const tokens = yield* ApiClient.logins(world.accounts, ["adam"])
      const token = tokens.get("adam") ?? ""
      const secrets = [hush, token, ApiClient.passwordOf("adam"), World.adminPassword, nodePassword, "4711471147"]
      const ask = Effect.fnUntraced(function* (asked: ApiClient.Asked) {
        const answer = yield* ApiClient.ask(world, asked)
        if (answer === undefined) return yield* Effect.die(`${asked.method} ${asked.path}: no answer`)
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
      yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
    })
  )

export const P17: Property = {
  id: "P17",
  title: "validation detail",
  requirements: ["R7.3", "R7.5"],
  marks: ["GET /api/activity with 2 wrong", "POST /api/users with 2 wrong"],
  program,
  mutants: [ErrorMutants.firstFieldOnly, ErrorMutants.namesNoReason, ErrorMutants.echoesBodies]
}
