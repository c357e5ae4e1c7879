/**
 * P18, further, over what answers requests by itself: of requests that fail at the same time, each in a way of its own,
 * every line of the log has the id and the operation of the request it is about, and the cause that this one met and no
 * other; bugs included, which answers tell nothing of.
 *
 * Method: several requests at a time over services that take time and then fail in every way that they may. What they
 * fail with names the request that met it.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as LogLines from "../oracles/LogLines.ts"
import type * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as AppModels from "../stages/AppModels.ts"
import * as AppStage from "../stages/AppStage.ts"
import * as Troubles from "../stages/Troubles.ts"

/** What the cause of an answer of this code has to name, by what was broken. */
const evidence: Readonly<Record<string, RegExp>> = {
  node_unreachable: /NodeError.*(cannot be reached|connection lost).*(ECONN|UND_ERR|refused|reset|closed|broke)/i,
  node_timeout: /NodeError.*no reply within \d+ ms/,
  node_invalid_reply: /NodeError.*(HTTP status 500|not understood|larger than)/,
  node_unauthorized: /NodeError.*HTTP 401/,
  node_shutting_down: /NodeError.*shutting down/,
  node_circuit_open: /NodeError.*failed too often/,
  node_busy: /NodeError.*calls to it are under way/,
  database_unavailable:
    /DatabaseError.*cannot be (reached|written).*(ECONN|circuit|refused|reset|closed)|accounts were not read/i,
  database_timeout: /DatabaseError/,
  database_busy: /DatabaseError/,
  overloaded: /BudgetExceeded|memory/,
  shutting_down: /Interrupt/,
  node_wrong_identity: /NodeError.*another supervisord/,
  node_unsupported: /NodeError.*cannot do that/,
  // Only of what is broken here on purpose: anything else is a bug of the console.
  internal: /for the log alone: (a bug|ECONNREFUSED) for/
}

/** What is asked, and the operation that it is. */
export const requests = {
  preview: { method: "GET", path: "/api/nodes/n0/update", operation: "nodes.previewUpdate" },
  start: { method: "POST", path: "/api/nodes/n0/processes/app/api/start", operation: "processes.operate" },
  restart: { method: "POST", path: "/api/nodes/n0/processes/app/api/restart", operation: "processes.operate" },
  log: { method: "GET", path: "/api/nodes/n0/processes/app/api/log", operation: "processes.readLog" },
  user: { method: "POST", path: "/api/users", operation: "users.create" },
  activity: { method: "GET", path: "/api/activity", operation: "activity.list" },
  export: { method: "GET", path: "/api/activity/export?format=csv", operation: "activity.export" },
  nodes: { method: "GET", path: "/api/nodes", operation: "nodes.list" },
  nothing: { method: "GET", path: "/api/nothing", operation: "http.get" }
} as const
type What = keyof typeof requests

const isWhat = (name: string): name is What => Object.hasOwn(requests, name)

export const whats: ReadonlyArray<What> = Object.keys(requests).filter(isWhat)

/** What is wrong with what the log says of an answer; undefined when nothing is. */
export const wrongWith = (
  what: What,
  { body, headers, status }: ApiClient.Answered,
  lines: ReadonlyArray<LogLines.Line>
): string | undefined => {
  if (status < 500) return undefined
  const id = headers["x-request-id"]
  const story = `${what}, answered ${status} ${body}`
  const own = lines.filter((line) => line.request_id === id && LogLines.isTrouble(line))
  const [line, ...others] = own.filter(({ message }) => message === "request failed")
  if (line === undefined || others.length > 0) return `${story}: ${others.length === 0 ? "no" : "not one"} line says so`
  if (LogLines.operationOf(line) !== requests[what].operation) return `${story}: ${LogLines.operationOf(line)}`
  const code = /"code":"(\w+)"/.exec(body)?.[1] ?? ""
  const expected = evidence[code]
  const cause = LogLines.causeOf(line)
  if (expected === undefined) return `${story}: this was not expected`
  return expected.test(cause) ? undefined : `${story}: the cause is ${cause === "" ? "nothing" : cause}`
}

/** What is wrong with a line by itself. */
export const wrongAlone = (line: LogLines.Line): string | undefined => {
  const what = `"${line.message}" at ${line.level}`
  if (line.request_id !== undefined && LogLines.operationOf(line) === "") return `${what}: of no operation`
  // What a node does is an event and no error of ours: warnings of it say what happened in their message.
  if (line.level === "WARN" && line.cause === undefined) return undefined
  if (LogLines.operationOf(line) === "") return `${what}: of no operation`
  return LogLines.causeOf(line) === "" ? `${what}: without a cause` : undefined
}

const workload = fc.record({
  requests: fc.array(fc.record({ atMs: fc.nat(4), what: fc.constantFrom(...whats), sendsId: fc.boolean() }), {
    minLength: 2,
    maxLength: 5
  }),
  troubles: fc.array(Troubles.drawnTrouble, { minLength: 1, maxLength: 4 }),
  requestsMax: fc.constantFrom(1_000, 1_000, 1_000, 1),
  isShort: fc.constantFrom(false, false, false, true)
})

const hush = "for the log alone"

/** What is wrong with a line about a request, by what this one asked for and met. */
const wrongOf = (line: LogLines.Line, asked: ReadonlyMap<string, What>): string | undefined => {
  const { request_id: id = "" } = line
  const what = asked.get(id)
  if (what === undefined) return "it is of no request"
  if (LogLines.operationOf(line) !== requests[what].operation) return `it is of ${what}`
  // Whoever met it is named by a word of its own.
  const named = /\bfor ([\w-]+)/.exec(LogLines.causeOf(line))?.[1]
  return named === undefined || !asked.has(named) || named === id ? undefined : `its cause is that of ${named}`
}

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const met = Troubles.meet(plan.troubles, hush)
  const stage = yield* AppStage.make({
    parts,
    services: AppModels.services({ meets: met.meets }),
    requestsMax: plan.requestsMax,
    isShort: () => plan.isShort,
    keepsLines: true
  })
  const asked = new Map<string, What>()
  const ask = Effect.fnUntraced(function* (each: (typeof plan.requests)[number], i: number) {
    yield* Effect.sleep(each.atMs)
    const { method, path } = requests[each.what]
    const body = { username: `u${i}`, password: "a good password", role: "viewer" }
    const answer = yield* stage.ask({
      method,
      path,
      headers: {
        authorization: `Bearer ${AppModels.tokenOf("adam")}`,
        ...(each.sendsId ? { "x-request-id": `sent-${i}` } : {})
      },
      body: each.what === "user" ? JSON.stringify(body) : undefined
    })
    asked.set(answer.headers["x-request-id"] ?? "", each.what)
    return { what: each.what, answer }
  })
  const answers = yield* Effect.forEach(plan.requests, ask, { concurrency: "unbounded" })
  yield* holds(asked.size === answers.length, () => "two requests have the same id")
  const lines = stage.lines().flatMap((text) => LogLines.lineOf(text) ?? [])
  yield* holds(lines.length === stage.lines().length, () => "a line of the log is none")
  for (const { answer, what } of answers) {
    const wrong = wrongWith(what, answer, lines)
    yield* holds(wrong === undefined, () => wrong ?? "")
    const found = met.by(answer.headers["x-request-id"] ?? "")
    if (answer.status >= 500) yield* sometimes(`${found?.name ?? "no trouble"} was told`)
  }
  for (const line of lines) {
    const wrong = (LogLines.isTrouble(line) ? wrongAlone(line) : undefined) ?? wrongOf(line, asked)
    yield* holds(wrong === undefined, () => `${wrong}: ${JSON.stringify(line)}`)
  }
}, Effect.scoped)
