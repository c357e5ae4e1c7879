/**
 * P22, further, over what takes input by itself: the middleware, the router, all schemas and handlers; the frames of
 * the hub; a configuration; and the activity log on its tables.
 *
 * Method: texts that have broken programs before, in requests, frames and configurations that are handed in as values,
 * also such as no client would send; now and then over the real activity log, which is searched and exported.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { HttpMethod } from "effect/http"
import * as fc from "fast-check"
import { ActivityLog } from "../../core/activity/ActivityLog.ts"
import { formatProblem } from "../../core/config/ConfigErrors.ts"
import { inspectConfig } from "../../core/config/ConfigFile.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import { decodeClientFrame } from "../../core/hub/Protocol.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as Neutralised from "../oracles/Neutralised.ts"
import type * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as AccountsStage from "../stages/AccountsStage.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"
import { consoleOptions } from "../World.ts"

const hostile = [
  "../../../../etc/passwd",
  "..\\..\\windows",
  "%2e%2e%2f",
  "/etc/muster.toml",
  "' OR '1'='1' --",
  "x'; DROP TABLE users; --",
  '"; DELETE FROM activity; --',
  "%' OR 1=1 ESCAPE '\\",
  "\u0000",
  "\u001b[2J\u001b[31m",
  "\r\nSet-Cookie: a=b\r\n\r\n<html>",
  '\n{"level":"ERROR"}',
  "\u2028\u202e\ufeff",
  "\ud800",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "<script>alert(1)</script>",
  "=cmd|' /C calc'!A0",
  "@SUM(1)",
  '+1,"2"\r\n-3',
  "${MUSTER_ADMIN_PASSWORD}",
  "x".repeat(5_000)
] as const

export const text = fc.constantFrom(...hostile)

/** Without what no XML can hold: a supervisord with such a name cannot report anything. */
export const textOfXml = fc.constantFrom(
  ...hostile.filter((each) => !/[\u0000-\u0008\u000b-\u001f\ud800-\udfff]/.test(each))
)

/** A text as it can stand in a path or a query. */
const escape = (value: string): string => encodeURIComponent(value.toWellFormed())

/** Escaped, escaped twice, and as it is, with percent signs that escape nothing. */
const inPath = [
  escape,
  (value: string) => escape(escape(value)),
  (value: string) => value.replaceAll(/[^!-~]|[?#]/g, "_")
]

const pathTo = fc.constantFrom<(value: string) => readonly [HttpMethod.HttpMethod, string]>(
  (value) => ["GET", `/api/nodes/${value}`],
  (value) => ["POST", `/api/nodes/n0/processes/${value}/api/start`],
  (value) => ["GET", `/api/nodes/n0/processes/app/${value}/log`],
  (value) => ["POST", `/api/nodes/n0/processes/app/api/${value}`],
  (value) => ["GET", `/api/users/${value}`],
  (value) => ["DELETE", `/api/users/${value}`],
  (value) => ["DELETE", `/api/tokens/${value}`],
  (value) => ["GET", `/api/batches/${value}`],
  (value) => ["GET", `/${value}`],
  (value) => ["GET", `/docs/${value}`],
  (value) => ["PATCH", `/api/${value}/${value}`]
)

const filter = fc.constantFrom("actor", "action", "node", "process", "request_id", "text", "from", "outcome", "limit")

const json = (value: unknown): string => JSON.stringify(value)

const deepList = "[".repeat(20_000)
const deepObject = `{"operation":${'{"kind":'.repeat(3_000)}1${"}".repeat(3_000)},"select":[{}]}`
const longName = `{"username":"${"x".repeat(300_000)}"}`

/** Bodies by what they are for; some of them are sound, and hostile in what they name. */
const bodyOf = fc.constantFrom<(value: string) => readonly [HttpMethod.HttpMethod, string, string]>(
  (value) => ["POST", "/api/users", json({ username: value, password: "a good password", role: "viewer" })],
  (value) => [
    "POST",
    "/api/users",
    json({ username: "nora", password: value, role: "viewer", limits: { nodes: [value], programs: ["*"] } })
  ],
  (value) => ["POST", "/api/users", json({ username: "nora", password: "a good password", role: value })],
  (value) => [
    "POST",
    "/api/users",
    `{"__proto__":{"role":"admin","polluted":1},"username":"nora","password":"a good password","role":"viewer"${
      value.length % 2 === 0 ? `,"constructor":{"prototype":{"polluted":1}}` : ""
    }}`
  ],
  (value) => ["POST", "/api/tokens", json({ name: value, role: "admin" })],
  (value) => ["PATCH", "/api/users/vera", json({ limits: { nodes: [value] } })],
  (value) => ["PATCH", "/api/users/vera", `{"role":"viewer","__proto__":{"role":"admin"},"disabled":${json(value)}}`],
  (value) => ["POST", "/api/batches", json({ operation: { kind: "stop" }, select: [{ name: value }], dry_run: true })],
  (value) => ["POST", "/api/nodes/n0/processes/app/api/stdin", json({ chars: value })],
  (value) => ["POST", "/api/nodes/n0/processes/app/api/signal", json({ signal: value })],
  (value) => ["POST", "/api/auth/login", json({ username: value, password: value })],
  () => ["POST", "/api/auth/login", deepList],
  () => ["POST", "/api/batches", deepObject],
  () => ["POST", "/api/users", longName]
)

const someHeaders = fc.record(
  {
    "user-agent": text,
    "x-forwarded-for": text,
    "x-request-id": text,
    "x-csrf-token": text,
    origin: text,
    cookie: text.map((value) => `muster_session=${value}`),
    "content-type": text
  },
  { requiredKeys: [] }
)

const headers = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: someHeaders })

/** As a header goes over the wire: no ends of lines, and bytes. */
export const onTheWire = (given: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value.replaceAll(/[^\x20-\xff]/g, "?").trim()] as const]
    )
  )

export const request = fc.oneof(
  fc.record({ what: fc.tuple(pathTo, text, fc.constantFrom(...inPath)), headers }).map((drawn) => {
    const [to, value, written] = drawn.what
    const [method, path] = to(written(value))
    return { method, path, headers: drawn.headers, body: undefined }
  }),
  fc.record({ what: fc.tuple(filter, text, fc.boolean()), headers }).map((drawn) => {
    const [name, value, isExport] = drawn.what
    const path = `/api/activity${isExport ? "/export?format=csv&" : "?"}${name}=${escape(value)}`
    return { method: "GET" as const, path, headers: drawn.headers, body: undefined }
  }),
  fc.record({ what: fc.tuple(bodyOf, text), headers }).map((drawn) => {
    const [make, value] = drawn.what
    const [method, path, body] = make(value)
    return { method, path, headers: drawn.headers, body }
  })
)
type Request = ReturnType<typeof request.generate>["value"]

export const frame = fc.oneof(
  text,
  text.map((value) => json({ type: value })),
  text.map((value) => json({ type: "subscribe", nodes: [value], topics: [value] })),
  text.map((value) =>
    json({ type: "subscribe", logs: [{ node: "n0", group: value, name: value, channel: "stdout" }] })
  ),
  fc.constant('{"type":"subscribe","__proto__":{"logs":[]}}'),
  fc.constant(`{"type":"subscribe","nodes":${"[".repeat(10_000)}`),
  fc.constant("x".repeat(70_000))
)

/** A place in a configuration, and what is put there. */
export const setting = fc.tuple(fc.nat(4), text)

export const admins = '[auth]\nanonymous_role = "viewer"\n'

/** A configuration with something hostile in one of its values. */
export const spoilt = (place: number, value: string): string => {
  const quoted = json(value)
  const lines = [
    `[[nodes]]\nname = ${quoted}\nurl = "http://x:9001"\n`,
    `[[nodes]]\nname = "x"\nurl = ${quoted}\n`,
    `[[nodes]]\nname = "x"\nurl = "https://x:9001"\ntls_ca = ${quoted}\n`,
    `[server]\ncors_origins = [${quoted}]\n`,
    `[[nodes]]\nname = "x"\nurl = "http://x:9001"\nenvironment = ${quoted}\n`
  ]
  return `${admins}${lines[place] ?? ""}`
}

/** A user whom the request made, if it did. */
export const madeBy = ({ body, method, path }: Request, { status }: ApiClient.Answered): string | undefined =>
  method === "POST" && path === "/api/users" && status === 201 && body !== undefined
    ? `${/"username":"([^"]*)"/.exec(body)?.[1]} viewer`
    : undefined

/** These cost as much as several requests. */
const seldom = <A>(arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | null> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

const workload = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 3 }),
  frames: fc.array(frame, { maxLength: 2 }),
  setting: seldom(setting),
  /** Over the real log, which is searched for that. */
  search: seldom(fc.tuple(fc.constantFrom("actor", "text"), text))
})

/** A frame is understood or it is not; what is understood holds nothing but what the protocol names. */
const readFrame = (sent: string): string | undefined => {
  const read = decodeClientFrame(sent)
  if (Result.isFailure(read)) return undefined
  const known = new Set(["type", "topics", "nodes", "logs", "id"])
  const other = Object.keys(read.success).find((name) => !known.has(name))
  return other === undefined ? undefined : `a frame came with ${JSON.stringify(other)}`
}

/** What is wrong with a configuration is told in lines that are no more than text. */
const readSetting = ([place, value]: readonly [number, string]): string | undefined => {
  const read = inspectConfig({ file: "/etc/muster.toml", text: spoilt(place, value), environment: {} })
  if (Result.isSuccess(read)) return undefined
  return read.failure.problems.flatMap((problem) => Neutralised.wrongLine(formatProblem(problem)) ?? [])[0]
}

/** The activity log on its tables. */
const onTables = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const { context, look } = yield* AccountsStage.surroundings
  const layer = Layer.provide(parts.activity(consoleOptions.activity), Layer.succeedContext(context))
  const tables = () => JSON.stringify(look("SELECT name, sql FROM sqlite_master ORDER BY name"))
  return { activity: Context.get(yield* Layer.build(layer), ActivityLog), tables }
})

const adams = { authorization: `Bearer ${AppModels.tokenOf("adam")}` }

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { frames, requests, search, setting: spoiltBy } = yield* draw(workload)
  const people = AppModels.accounts(AppModels.nothing, () => undefined)
  const real = search === null ? undefined : yield* onTables(parts)
  const tables = real?.tables()
  const services = AppModels.services()
  const stage = yield* AppStage.make({
    parts,
    services: { ...services, accounts: people.service, activity: real?.activity ?? services.activity },
    keepsLines: true
  })
  const users = () =>
    Array.from(people.users, ([name, role]) => `${name} ${role}`)
      .toSorted()
      .join("\n")
  const expected = new Set(users().split("\n"))
  const ask = Effect.fnUntraced(function* (asked: ApiClient.Asked) {
    const answer = yield* stage.ask(asked)
    const body = typeof asked.body === "string" ? asked.body.slice(0, 200) : ""
    const wrong = Neutralised.wrongAnswer(answer)
    yield* holds(wrong === undefined, () => `${asked.method} ${asked.path.slice(0, 200)} ${body}: ${wrong}`)
    return answer
  })
  for (const each of requests) {
    const answer = yield* ask({ ...each, headers: { ...onTheWire(each.headers), ...adams } })
    const user = madeBy(each, answer)
    if (user !== undefined) expected.add(user)
    yield* sometimes(`answered ${answer.status}`)
  }
  if (search !== null) {
    const [name, value] = search
    const found = yield* ask({ method: "GET", path: `/api/activity?${name}=${escape(value)}`, headers: adams })
    if (found.status === 200) yield* sometimes("a log on its tables was searched")
  }
  const { body } = yield* ask({ method: "GET", path: "/api/activity/export?format=csv", headers: adams })
  const wrong = [
    Neutralised.wrongExport(body),
    ...stage.lines().map(Neutralised.wrongLine),
    ...stage.errors().map((error) => `the console logged an error: ${error}`),
    ...frames.map(readFrame),
    spoiltBy === null ? undefined : readSetting(spoiltBy)
  ].find((found) => found !== undefined)
  yield* holds(wrong === undefined, () => wrong ?? "")
  yield* holds(users() === [...expected].toSorted().join("\n"), () => `the users are now ${users()}`)
  yield* holds(real?.tables() === tables, () => `the tables are now ${real?.tables()}`)
  yield* holds(Object.keys(Object.prototype).length === 0, () => "every object has a field more")
}, Effect.scoped)
