/**
 * P25, structured logs (R10.5, R9.5): every line of the log is one JSON object with time, level, message and, if it
 * belongs to a request, the id of that; nothing that anybody sends makes a line of its own, and no secret is in any.
 *
 * Method: names, paths, headers, queries, bodies and frames are made to look like lines of the log or to steer a
 * terminal; so are names and replies of nodes, of which some fail. People log in, mistype their passwords, make users
 * and tokens, and load a configuration that holds secrets in the wrong places. All lines, those for debugging included,
 * are read; and all texts that must stay secret, those that the console gave out included, are looked for in them.
 */
import { Effect, Schema, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as LogLineMutants from "../mutants/LogLineMutants.ts"
import * as LogForm from "../oracles/LogForm.ts"
import { headerText, hostile, inPath, named, typed } from "../peers/HostileText.ts"
import { holds } from "../Property.ts"
import type { Property, Violation } from "../Property.ts"
import * as World from "../World.ts"
import * as P25Lines from "./P25Lines.ts"

/** Configuration files with a secret where it does not belong, or none. */
const configurations = {
  none: undefined,
  fine: World.configText(["n0"], '[log]\nlevel = "debug"'),
  "in a URL": World.configText(["n0"], '[[nodes]]\nname = "n9"\nurl = "ftp://muster:hidden-passphrase-8@n9:9001"'),
  "without an end": World.configText(
    ["n0"],
    '[[nodes]]\nname = "n9"\nurl = "http://n9"\npassword = "hidden-passphrase-8'
  ),
  "of another type": World.configText(
    ["n0"],
    '[[nodes]]\nname = "n9"\nurl = "http://n9"\npassword = ["hidden-passphrase-8"]'
  ),
  misspelt: World.configText(["n0"], '[[nodes]]\nname = "n9"\nurl = "http://n9"\npasswrd = "hidden-passphrase-8"')
} as const

const text = fc.constantFrom(...hostile)

const workload = fc.record({
  requests: fc.array(
    fc.record({
      atMs: fc.nat(1_500),
      what: fc.constantFrom("path", "query", "login", "user", "operate", "stdin", "token", "upgrade", "nobody"),
      text,
      id: fc.constantFrom(undefined, "r-1", "no id", 'x","level":"FATAL'),
      goesAfterMs: fc.option(fc.nat(50), { freq: 5 })
    }),
    { minLength: 2, maxLength: 7 }
  ),
  program: text,
  spoilt: fc.constantFrom("none", "malformed", "wrong", "cut short", "broken off", "http500"),
  frame: text,
  configuration: fc.constantFrom(
    "none",
    "none",
    "none",
    "fine",
    "in a URL",
    "without an end",
    "of another type",
    "misspelt"
  )
} as const)
type Plan = ReturnType<typeof workload.generate>["value"]

const requestFor = (
  { text: sent, what }: Plan["requests"][number],
  token: string
): HttpClientRequest.HttpClientRequest => {
  const withToken = HttpClientRequest.bearerToken(token)
  const post = (path: string, body: unknown) =>
    HttpClientRequest.post(`http://console${path}`).pipe(HttpClientRequest.bodyJsonUnsafe(body))
  switch (what) {
    case "path":
      return withToken(HttpClientRequest.get(`http://console/api/nodes/${inPath(sent)}`))
    case "query":
      return withToken(HttpClientRequest.get(`http://console/api/nodes?environment=${inPath(sent)}&token=${typed[0]}`))
    case "login":
      return post("/api/auth/login", { username: sent.slice(0, 200).toWellFormed(), password: typed[0] })
    case "user":
      return withToken(post("/api/users", { username: sent, password: typed[2], role: "viewer", [sent]: 1 }))
    case "operate":
      return withToken(post(`/api/nodes/n0/processes/app/${inPath(sent)}/start`, {}))
    case "stdin":
      return withToken(post("/api/nodes/n0/processes/app/api/stdin", { chars: typed[1] }))
    case "token":
      return withToken(post("/api/tokens", { name: "for scripts", role: "viewer" }))
    case "upgrade":
      return withToken(HttpClientRequest.get("http://console/api/ws"))
    case "nobody":
      return HttpClientRequest.bearerToken(
        HttpClientRequest.get("http://console/api/users"),
        `mst_${typed[0]}${headerText(sent)}`
      )
  }
}

const Given = Schema.fromJsonString(
  Schema.Struct({
    token: Schema.optionalKey(Schema.String),
    refresh_token: Schema.optionalKey(Schema.String),
    csrf_token: Schema.optionalKey(Schema.String),
    secret: Schema.optionalKey(Schema.String),
    ticket: Schema.optionalKey(Schema.String)
  })
)
const decodeGiven = Schema.decodeUnknownOption(Given)

/** Makes a request, and takes down what it gives out. */
const ask = Effect.fnUntraced(function* (
  { http }: World.World,
  request: HttpClientRequest.HttpClientRequest,
  secrets: Set<string>
) {
  return yield* http.execute(request).pipe(
    Effect.flatMap((response) => Effect.map(response.text, (body) => ({ status: response.status, body }))),
    Effect.scoped,
    Effect.tap(({ body }) =>
      Effect.sync(() => {
        const given = decodeGiven(body)
        if (given._tag === "Some") for (const secret of Object.values(given.value)) secrets.add(secret)
      })
    )
  )
})

const send = Effect.fnUntraced(function* (
  world: World.World,
  planned: Plan["requests"][number],
  token: string,
  secrets: Set<string>
): Effect.fn.Return<void, Violation, RunContext> {
  yield* Effect.sleep(planned.atMs)
  const request = requestFor(planned, token).pipe(
    HttpClientRequest.setHeader("user-agent", headerText(planned.text)),
    HttpClientRequest.setHeader("x-forwarded-for", headerText(planned.text)),
    planned.id === undefined ? (same) => same : HttpClientRequest.setHeader("x-request-id", planned.id)
  )
  const answer = yield* Effect.option(Effect.timeout(ask(world, request, secrets), planned.goesAfterMs ?? 60_000))
  const status = answer._tag === "Some" ? answer.value.status : 0
  yield* holds(status !== 500, () => `the console failed at ${planned.what} of ${JSON.stringify(planned.text)}`)
  yield* sometimes(`${planned.what}: ${status}`)
})

/** A client of the hub that sends nonsense. */
const chatter = (world: World.World, frame: string, token: string, secrets: Set<string>) =>
  Effect.gen(function* () {
    const request = HttpClientRequest.post("http://console/api/auth/ticket").pipe(HttpClientRequest.bearerToken(token))
    const given = decodeGiven((yield* ask(world, request, secrets)).body)
    const ticket = given._tag === "Some" ? (given.value.ticket ?? "") : ""
    const client = yield* world.connect("chatter", `?ticket=${inPath(ticket)}`)
    yield* sometimes("a client of the hub talks nonsense")
    yield* Effect.forkScoped(client.read)
    yield* client.send(frame)
    yield* client.send(JSON.stringify({ type: frame, [frame]: frame }))
    yield* Effect.sleep(200)
  }).pipe(Effect.scoped, Effect.ignore)

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const log = LogForm.watch(parts)
  const more = configurations[plan.configuration]
  const odd = { ...World.steady("app", named(plan.program)), command: named(plan.program), broken: "no file" } as const
  const world = yield* World.make({
    nodes: { n0: [World.steady("app", "api"), { ...odd, startRetries: 0 }] },
    network: { latencyMsMax: 4 },
    options: { ...World.consoleOptions, accounts: { ...World.consoleOptions.accounts, anonymousRole: undefined } },
    ...(more === undefined ? {} : { config: World.configText(["n0"]) }),
    keepsLines: true,
    parts: log.parts
  })
  const secrets = new Set<string>([...typed, World.adminPassword, '"secret"', "bXVzdGVyOnNlY3JldA=="])
  const login = HttpClientRequest.post("http://console/api/auth/login").pipe(
    HttpClientRequest.bodyJsonUnsafe({ username: "admin", password: World.adminPassword })
  )
  const { body } = yield* Effect.orDie(ask(world, login, secrets))
  const given = decodeGiven(body)
  const token = given._tag === "Some" ? (given.value.token ?? "") : ""
  yield* holds(token !== "", () => `no login: ${body}`)
  yield* Effect.all(
    [
      ...plan.requests.map((request) => send(world, request, token, secrets)),
      chatter(world, plan.frame, token, secrets),
      misbehave(world, plan.spoilt),
      more === undefined ? Effect.void : reload(world, more, token, secrets)
    ],
    { concurrency: "unbounded", discard: true }
  )
  yield* sometimes(`configuration: ${plan.configuration}`)
  yield* Effect.sleep(1_000)
  yield* world.signal("SIGTERM")
  yield* Effect.ignore(world.ended)
  const wrong = log.wrongWith(world.lines(), secrets)
  yield* holds(wrong === undefined, () => wrong ?? "")
}, Effect.scoped)

const misbehave = Effect.fnUntraced(function* (world: World.World, how: Plan["spoilt"]) {
  yield* Effect.sleep(500)
  yield* world.supervisords["n0"]?.spoil(how) ?? Effect.void
  yield* Effect.sleep(2_500)
})

/** Puts another configuration in place, and asks for it twice. */
const reload = Effect.fnUntraced(function* (
  world: World.World,
  config: string,
  token: string,
  secrets: Set<string>
): Effect.fn.Return<void, never, RunContext | Scope.Scope> {
  yield* Effect.orDie(world.files.writeFileString(World.configFile, config))
  yield* world.signal("SIGHUP")
  const request = HttpClientRequest.post("http://console/api/config/reload").pipe(HttpClientRequest.bearerToken(token))
  yield* Effect.ignore(ask(world, request, secrets))
})

export const P25: Property = {
  id: "P25",
  title: "structured logs",
  requirements: ["R10.5", "R9.5"],
  marks: ["a client of the hub talks nonsense", "a reload was refused", "a service told of a bug"],
  program,
  focus: P25Lines.program,
  mutants: [
    LogLineMutants.passwordsTold,
    LogLineMutants.requestIdLost,
    LogLineMutants.idAsSent,
    LogLineMutants.toldTwice,
    LogLineMutants.credentialsOfNodes
  ]
}
