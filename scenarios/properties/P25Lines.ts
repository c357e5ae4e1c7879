/**
 * P25, further, over what answers requests by itself: whatever is logged on behalf of a request, by the middleware or
 * by the services behind it, is one line of the form with the id of that request, and tells no secret.
 *
 * Method: requests at a time whose names, paths, headers, queries and bodies are made to look like lines of the log,
 * some of which are given up; over services that log the like: in messages, names and values of annotations, labels of
 * spans, and in errors with causes of their own, and that fail with bugs.
 */
import { Cause, Effect } from "effect"
import * as fc from "fast-check"
import { inOperation } from "../../core/log/ConsoleLog.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as LogForm from "../oracles/LogForm.ts"
import type { Asked } from "../peers/ApiClient.ts"
import { headerText, hostile, inPath, typed } from "../peers/HostileText.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"

const text = fc.constantFrom(...hostile)

const saying = fc.record({
  how: fc.constantFrom("message", "annotation", "span", "error", "value", "operation", "bug"),
  level: fc.constantFrom("Debug", "Info", "Warn", "Error"),
  text,
  secret: fc.constantFrom(...typed)
})
type Saying = ReturnType<typeof saying.generate>["value"]

const workload = fc.record({
  requests: fc.array(
    fc.record({
      atMs: fc.nat(3),
      what: fc.constantFrom("path", "query", "login", "user", "operate", "stdin", "log", "activity", "nobody"),
      text,
      id: fc.constantFrom(undefined, undefined, "r-1", "no id", 'x","level":"FATAL'),
      goesAfterMs: fc.option(fc.nat(2), { freq: 5 })
    }),
    { minLength: 1, maxLength: 4 }
  ),
  sayings: fc.array(saying, { minLength: 1, maxLength: 4 })
})
type Request = ReturnType<typeof workload.generate>["value"]["requests"][number]

const token = AppModels.tokenOf("adam")

const askedOf = ({ id, text: sent, what }: Request): Asked => {
  const headers = {
    "content-type": "application/json",
    "user-agent": headerText(sent),
    "x-forwarded-for": headerText(sent),
    authorization: what === "nobody" ? `Bearer mst_${typed[0]}${headerText(sent)}` : `Bearer ${token}`,
    ...(id === undefined ? {} : { "x-request-id": id })
  }
  const get = (path: string): Asked => ({ method: "GET", path, headers })
  const post = (path: string, body: unknown): Asked => ({ method: "POST", path, headers, body: JSON.stringify(body) })
  const process = "/api/nodes/n0/processes/app/api"
  switch (what) {
    case "path":
      return get(`/api/nodes/${inPath(sent)}`)
    case "query":
      return get(`/api/nodes?environment=${inPath(sent)}&token=${typed[0]}`)
    case "login":
      return post("/api/auth/login", { username: sent.slice(0, 200).toWellFormed(), password: typed[0] })
    case "user":
      return post("/api/users", { username: sent, password: typed[2], role: "viewer", [sent]: 1 })
    case "operate":
      return post(`${process}/restart`, {})
    case "stdin":
      return post(`${process}/stdin`, { chars: typed[1] })
    case "log":
      return get(`${process}/log`)
    case "activity":
      return get("/api/activity")
    case "nobody":
      return get("/api/users")
  }
}

/** An error whose cause, and the cause of that, were made by somebody else. */
const errorOf = (told: string): Error => new Error(told, { cause: new Error(`${told}?token=mst_${typed[1]}`) })

/** What a service logs before it does anything, as services of the console may that know no better. */
const say = ({ how, level, secret, text: told }: Saying): Effect.Effect<void> => {
  const log = (...message: ReadonlyArray<unknown>) => Effect.logWithLevel(level)(...message)
  switch (how) {
    case "message":
      return log(told, `password=${secret}`)
    case "annotation":
      return Effect.annotateLogs(log("with more"), { [told]: told, password: secret, deep: { token: [secret] } })
    case "span":
      return Effect.withLogSpan(Effect.andThen(Effect.sleep(1), log("in time")), told)
    case "error":
      return log(told, Cause.fail(errorOf(told)), errorOf(told))
    case "value":
      return log({ [told]: told, secret, at: new Map([[told, secret.length]]), more: [undefined, null, 1n, told] })
    case "operation":
      return inOperation("Test.say", { name: told })(log("it was done"))
    case "bug":
      return Effect.die(errorOf(told))
  }
}

/** Each call says the next of what is to be said, and whatever is left goes unsaid. */
const sayers = (sayings: ReadonlyArray<Saying>): AppModels.Meets => {
  const left = [...sayings]
  const next = Effect.suspend(() => {
    const said = left.shift()
    return said === undefined ? Effect.void : say(said)
  })
  return {
    node: next,
    operation: next,
    accounts: Effect.void,
    database: next,
    login: next,
    making: next,
    batch: next,
    reload: next
  }
}

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { requests, sayings } = yield* draw(workload)
  const log = LogForm.watch(parts)
  const stage = yield* AppStage.make({
    parts: log.parts,
    services: AppModels.services({ meets: sayers(sayings) }),
    keepsLines: true
  })
  const send = Effect.fnUntraced(function* (planned: Request) {
    yield* Effect.sleep(planned.atMs)
    const answer = yield* Effect.timeoutOption(stage.ask(askedOf(planned)), planned.goesAfterMs ?? 60_000)
    if (answer._tag === "None") return yield* sometimes("a request was given up")
    const { status } = answer.value
    const isBug = sayings.some(({ how }) => how === "bug")
    yield* holds(
      status !== 500 || isBug,
      () => `the console failed at ${planned.what} of ${JSON.stringify(planned.text)}`
    )
    if (status === 500) yield* sometimes("a service told of a bug")
  })
  yield* Effect.forEach(requests, send, { concurrency: "unbounded", discard: true })
  const wrong = log.wrongWith(stage.lines(), typed)
  yield* holds(wrong === undefined, () => wrong ?? "")
}, Effect.scoped)
