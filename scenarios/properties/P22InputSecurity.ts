/**
 * P22, input security (R9.1, R9.2, R9.3, R9.4, R9.5): whatever comes in, by requests, by frames, by what nodes report,
 * by a configuration that is loaded again: tables are as they were, users are those that were asked for and have the
 * roles that were asked for, no file appears, no answer is a page or that of a bug, no line of the log and no cell of
 * an export is more than text, and the console stays healthy.
 *
 * Method: texts that have broken programs before, in every place that takes a text: paths, queries, headers, bodies of
 * any form and depth, frames, names of processes, commands and output of programs, names, addresses and file names of a
 * configuration.
 */
import { Effect } from "effect"
import type { HttpMethod } from "effect/http"
import * as fc from "fast-check"
import type { ConsoleOptions } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as InputMutants from "../mutants/InputMutants.ts"
import { healthyAgain } from "../oracles/Health.ts"
import * as Neutralised from "../oracles/Neutralised.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"

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

const text = fc.constantFrom(...hostile)

/** Without what no XML can hold: a supervisord with such a name cannot report anything. */
const textOfXml = fc.constantFrom(...hostile.filter((each) => !/[\u0000-\u0008\u000b-\u001f\ud800-\udfff]/.test(each)))

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
  () => ["POST", "/api/auth/login", "[".repeat(20_000)],
  () => ["POST", "/api/batches", `{"operation":${'{"kind":'.repeat(3_000)}1${"}".repeat(3_000)},"select":[{}]}`],
  () => ["POST", "/api/users", `{"username":"${"x".repeat(300_000)}"}`]
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
const onTheWire = (given: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value.replaceAll(/[^\x20-\xff]/g, "?").trim()] as const]
    )
  )

const request = fc.oneof(
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

const frame = fc.oneof(
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

const workload = fc.record({
  requests: fc.array(request, { minLength: 3, maxLength: 8 }),
  frames: fc.array(frame, { maxLength: 4 }),
  names: fc.uniqueArray(textOfXml, { minLength: 1, maxLength: 2 }),
  command: textOfXml,
  output: text,
  setting: fc.option(fc.tuple(fc.nat(4), text), { freq: 3 })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const admins = '[auth]\nanonymous_role = "viewer"\n'

/** A configuration with something hostile in one of its values. */
const spoilt = (place: number, value: string): string => {
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

const optionsOf: ConsoleOptions = {
  ...World.consoleOptions,
  accounts: { ...World.consoleOptions.accounts, anonymousRole: undefined }
}

const programs = ({ command, names, output }: Plan) => [
  { ...World.steady("app", "api"), prints: [{ afterMs: 100, text: output }] },
  ...names.flatMap((name) => [
    World.steady("app", name),
    { ...World.steady(name, "broken"), broken: "no file" as const, command: `/bin/${command}`, startRetries: 1 }
  ])
]

/** A user whom the request made, if it did. */
const madeBy = ({ body, method, path }: Request, { status }: ApiClient.Answered): string | undefined =>
  method === "POST" && path === "/api/users" && status === 201 && body !== undefined
    ? `${/"username":"([^"]*)"/.exec(body)?.[1]} viewer`
    : undefined

const hub = (world: World.World, token: string, frames: Plan["frames"]) =>
  Effect.scoped(
    Effect.gen(function* () {
      const ticket = yield* ApiClient.ask(world, {
        method: "POST",
        path: "/api/auth/ticket",
        headers: { authorization: `Bearer ${token}` }
      })
      const found = /"ticket":"([^"]*)"/.exec(ticket?.body ?? "")?.[1] ?? ""
      const client = yield* world.connect("browser", `?ticket=${found}`)
      yield* Effect.forkScoped(client.read)
      yield* Effect.forEach(frames, client.send, { discard: true })
      yield* Effect.sleep(500)
    })
  ).pipe(Effect.ignore)

/** Nobody who reads what the console writes takes it for more than text, and it met no bug. */
const harmless = Effect.fnUntraced(function* (world: World.World, exported: string) {
  const lines = world.lines().flatMap((line) => Neutralised.wrongLine(line) ?? [])
  const bugs = world.errors().filter((error) => !error.includes("the configuration stays as it was"))
  const wrongExport = Neutralised.wrongExport(exported)
  yield* holds(wrongExport === undefined, () => wrongExport ?? "")
  yield* holds(lines.length === 0, () => lines.join("; "))
  yield* holds(bugs.length === 0, () => `the console logged errors: ${bugs.join("; ")}`)
})

const program: Property["program"] = (parts) =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* draw(workload)
      const isFromFile = plan.setting !== null
      const world = yield* World.make({
        nodes: { n0: programs(plan) },
        options: optionsOf,
        ...(isFromFile ? { config: World.configText(["n0"], admins) } : {}),
        keepsLines: true,
        parts
      })
      const tokens = yield* ApiClient.logins(world.accounts, ["vera", "adam"])
      const token = tokens.get("adam") ?? ""
      yield* eventually({
        what: "the node is up",
        withinMs: 60_000,
        look: world.fleet.nodes,
        until: (nodes) => nodes.every(({ status }) => status === "up")
      })
      const tables = yield* Effect.orDie(Neutralised.tablesOf(world.sql))
      const users = new Set((yield* Effect.orDie(Neutralised.usersOf(world.sql))).split("\n"))
      const paths = Neutralised.pathsOf(world.disk).join("\n")
      const ask = Effect.fnUntraced(function* (asked: ApiClient.Asked) {
        const answer = yield* ApiClient.ask(world, asked)
        const body = typeof asked.body === "string" ? asked.body.slice(0, 200) : ""
        const story = `${asked.method} ${asked.path.slice(0, 200)} ${body}`
        const wrong = answer === undefined ? "no answer" : Neutralised.wrongAnswer(answer)
        yield* holds(wrong === undefined, () => `${story}: ${wrong}`)
        return answer
      })
      for (const each of plan.requests) {
        const authorization = each.path === "/api/auth/login" ? {} : { authorization: `Bearer ${token}` }
        const answer = yield* ask({ ...each, headers: { ...onTheWire(each.headers), ...authorization } })
        const made = answer === undefined ? undefined : madeBy(each, answer)
        if (made !== undefined) users.add(made)
        yield* sometimes(`answered ${answer?.status}`)
      }
      yield* hub(world, token, plan.frames)
      if (plan.setting !== null) {
        const [place, value] = plan.setting
        yield* Effect.orDie(world.files.writeFileString(World.configFile, spoilt(place, value)))
        const answer = yield* ask({
          method: "POST",
          path: "/api/config/reload",
          headers: { authorization: `Bearer ${token}` }
        })
        yield* sometimes(`reload: ${answer?.status}`)
        yield* holds(!/password\s*=/.test(answer?.body ?? ""), () => `a file is shown: ${answer?.body}`)
        yield* Effect.orDie(world.files.writeFileString(World.configFile, World.configText(["n0"], admins)))
        yield* ask({ method: "POST", path: "/api/config/reload", headers: { authorization: `Bearer ${token}` } })
      }
      const exported = yield* ask({
        method: "GET",
        path: "/api/activity/export?format=csv",
        headers: { authorization: `Bearer ${token}` }
      })
      yield* harmless(world, exported?.body ?? "")
      yield* holds(Neutralised.pathsOf(world.disk).join("\n") === paths, () => "files came or went")
      const after = yield* Effect.orDie(Neutralised.tablesOf(world.sql))
      yield* holds(after === tables, () => `the tables are now ${after}`)
      const present = yield* Effect.orDie(Neutralised.usersOf(world.sql))
      yield* holds(present === [...users].toSorted().join("\n"), () => `the users are now ${present}`)
      yield* holds(Object.keys(Object.prototype).length === 0, () => "every object has a field more")
      yield* healthyAgain(world)
    })
  )

export const P22: Property = {
  id: "P22",
  title: "input security",
  requirements: ["R9.1", "R9.2", "R9.3", "R9.4", "R9.5"],
  marks: ["a client sent too many invalid frames", "a reload was refused", "reload: 200"],
  program,
  mutants: [
    InputMutants.gluedStatement,
    InputMutants.formulasInExport,
    InputMutants.pageNamesThePath,
    InputMutants.decodesFirst
  ]
}
