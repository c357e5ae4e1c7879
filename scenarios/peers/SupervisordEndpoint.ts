/** The HTTP side of a modelled supervisord: who may ask, what for, and replies that are late or spoilt. */
import { Clock, Effect, Result } from "effect"
import { Base64 } from "effect/encoding"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { decodeCall } from "../../core/xmlrpc/XmlRpc.ts"
import type { Rules } from "../../sim/Rules.ts"
import type { SupervisordNode } from "./SupervisordNode.ts"
import { answerText, breakOff, cutShort, cutToCharacters, errorPage, obey, xml } from "./SupervisordReplies.ts"
import { Deferred } from "./SupervisordReply.ts"
import type { Given } from "./SupervisordReply.ts"
import { call } from "./SupervisordRpc.ts"
import { tailedLog, tailResponse } from "./SupervisordTail.ts"
import { writeFault, writeReply } from "./SupervisordXml.ts"

/** What the endpoint does to replies while it is set. */
export type Spoilt =
  | "none"
  | "hang"
  | "http500"
  | "malformed"
  | "shutdown"
  | "slow"
  | "cut short"
  | "broken off"
  | "wrong"

/** Where a rule may step in: before a method does anything, or when its reply is ready. */
export interface SupervisordPoint {
  readonly method: string
  readonly phase: "request" | "reply"
}

export interface EndpointOptions {
  readonly node: SupervisordNode
  readonly username: string | undefined
  readonly password: string
  readonly turnMs: number
  readonly rules: Rules<SupervisordPoint>
  readonly spoilt: () => Spoilt
  /** Counts an injected fault. */
  readonly fault: (kind: string) => void
  /** Done after the call that put the node into the mood to go. */
  readonly leave: Effect.Effect<void>
}

const pollEveryMs = 50
const slowMs = 3_000

/** Virtual time that passes evenly, whatever the clocks of hosts show. */
export const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

type Response = HttpServerResponse.HttpServerResponse

/** The app that answers all requests. */
export const endpoint = (options: EndpointOptions) => {
  const { node } = options
  const settle = Effect.map(monotonicMs, (nowMs) => node.settle(nowMs))
  const authorize = authorizer(options)
  const rpc = rpcHandler(options, settle)
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const refused = authorize(request.headers["authorization"])
    if (refused !== undefined) return errorPage(refused)
    const path = request.url.split("?")[0] ?? ""
    if (path.startsWith("/RPC2")) return yield* rpc(request)
    if (request.method !== "GET") return errorPage(400)
    if (!path.startsWith("/logtail") && !path.startsWith("/mainlogtail")) return errorPage(404)
    yield* settle
    const log = tailedLog(node, decodeURIComponent(path))
    return typeof log === "number" ? errorPage(log) : tailResponse(log, settle, log === node.mainLog)
  })
}

const rpcHandler = (options: EndpointOptions, settle: Effect.Effect<void>) => {
  const { node, rules } = options
  const respond = responder(options, settle)
  let lastAsked = ""
  let lastCall = decodeCall("")
  return Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
    if (request.method !== "POST") return errorPage(400)
    const { headers } = request
    if (headers["content-length"] === undefined || headers["transfer-encoding"] !== undefined) return errorPage(411)
    // Quirk: it waits for the end of a body of no bytes.
    if (headers["content-length"] === "0") return yield* Effect.never
    const spoiltRequest = yield* spoilRequest(options)
    if (spoiltRequest !== undefined) return spoiltRequest
    const asked = yield* request.text
    // A poll asks the same each time.
    if (asked !== lastAsked) {
      lastCall = decodeCall(asked)
      lastAsked = asked
    }
    if (Result.isFailure(lastCall)) return errorPage(400)
    const { method, params } = lastCall.success
    const refusal = yield* obey(rules.decide({ method, phase: "request" }), writeFault(30, "FAILED"))
    if (refusal !== undefined) return refusal
    yield* settle
    const wasRunning = node.mood === "running"
    const given = call(node, method, params)
    if (wasRunning && node.mood !== "running") yield* options.leave
    return yield* respond(given, method)
  })
}

const responder = ({ rules, spoilt, turnMs }: EndpointOptions, settle: Effect.Effect<void>) => {
  const untilNextLook = Effect.map(monotonicMs, (nowMs) => (turnMs === 0 ? pollEveryMs : turnMs - (nowMs % turnMs)))
  const wait = Effect.fnUntraced(function* (deferred: Deferred) {
    for (;;) {
      const answer = deferred.poll()
      if (answer !== undefined) return answer
      yield* Effect.sleep(yield* untilNextLook)
      yield* settle
    }
  })
  return Effect.fnUntraced(function* (given: Given, method: string): Effect.fn.Return<Response> {
    const deferred = Result.isSuccess(given) && given.success instanceof Deferred ? given.success : undefined
    const answer = deferred === undefined ? given : yield* wait(deferred)
    const text = answerText(Result.map(answer, (value) => (value instanceof Deferred ? true : value)))
    if (text === undefined) return errorPage(500)
    const spoiltReply = yield* obey(rules.decide({ method, phase: "reply" }), text)
    if (spoiltReply !== undefined) return spoiltReply
    switch (spoilt()) {
      case "cut short":
        return cutShort(text)
      case "broken off":
        return breakOff(text)
      case "wrong":
        return xml(writeReply("a text where something else belongs") ?? "")
      default:
        return deferred === undefined ? xml(text) : cutToCharacters(text)
    }
  })
}

/** What is spoilt before anything is done; undefined when the request goes on. */
const spoilRequest = ({ fault, spoilt }: EndpointOptions): Effect.Effect<Response | undefined> => {
  const how = spoilt()
  if (how !== "none") fault(`node ${how}`)
  switch (how) {
    case "hang":
      return Effect.never
    case "slow":
      return Effect.as(Effect.sleep(slowMs), undefined)
    case "http500":
      return Effect.succeed(errorPage(500))
    case "malformed":
      return Effect.succeed(xml("<?xml version='1.0'?>\n<methodResponse><params>"))
    case "shutdown":
      return Effect.succeed(xml(writeFault(6, "SHUTDOWN_STATE")))
    default:
      return Effect.undefined
  }
}

/** Checks credentials: the status of the refusal, or undefined. */
const authorizer = ({ password, username }: EndpointOptions) => {
  if (username === undefined) return () => undefined
  const wanted = `${username}:${password}`
  const usual = `Basic ${Base64.encode(wanted)}`
  return (header: string | undefined): number | undefined => {
    if (header === usual) return undefined
    const [scheme = "", credentials] = header?.split(" ") ?? []
    if (scheme.toLowerCase() !== "basic" || credentials === undefined) return 401
    const given = Base64.decodeString(credentials)
    if (Result.isFailure(given)) return 400
    // Quirk: credentials without a colon end in an exception.
    if (!given.success.includes(":")) return 500
    return given.success === wanted ? undefined : 401
  }
}
