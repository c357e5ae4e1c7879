/**
 * A modelled supervisord on a host of the simulated network: its XML-RPC endpoint over real XML.
 *
 * Models: basic authentication (401), the methods that the console uses with supervisord's faults and quirks (a start
 * while STOPPING answers true and starts nothing; wait=true answers late; names as `group:name`), SHUTDOWN_STATE, and
 * replies spoilt on purpose. Does not model logs, groups as a whole, multicall and reload yet.
 */
import { Clock, Context, Effect, Layer, Result } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { decodeCall, encodeFault, encodeReply } from "../../core/xmlrpc/XmlRpc.ts"
import { fault } from "../../sim/Sim.ts"
import * as SimHttpServer from "../../sim/net/SimHttpServer.ts"
import { answer, shutdownState } from "./SupervisordRpc.ts"
import type { Answer } from "./SupervisordRpc.ts"
import { exit, settle, spawn, stopped } from "./SupervisordState.ts"
import type { ModelProcess, ProgramSpec } from "./SupervisordState.ts"

export interface SupervisordOptions {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  readonly programs: ReadonlyArray<ProgramSpec>
}

/** What the endpoint does to replies while it is set. */
export type Spoilt = "none" | "hang" | "http500" | "malformed" | "shutdown"

/** The hands of a scenario on the model. */
export interface Supervisord {
  /** Ends the program of a process as if killed from outside; nothing when none runs. */
  readonly kill: (group: string, name: string) => Effect.Effect<void>
  readonly spoil: (how: Spoilt) => Effect.Effect<void>
}

/** Starts the model; it serves until the scope closes. All its programs are RUNNING or on the way. */
export const make = Effect.fnUntraced(function* (options: SupervisordOptions) {
  let lastPid = 1_000
  const nextPid = () => ++lastPid
  let spoilt: Spoilt = "none"
  const startMs = yield* Clock.currentTimeMillis
  const processes = new Map<string, ModelProcess>()
  for (const spec of options.programs)
    processes.set(`${spec.group}:${spec.name}`, spawn(stopped(spec), startMs, nextPid()))

  const settleAll = Effect.map(Clock.currentTimeMillis, (nowMs) => {
    for (const [id, process] of processes) processes.set(id, settle(process, nowMs, nextPid))
    return nowMs
  })
  const authorization =
    options.username === undefined ? undefined : `Basic ${btoa(`${options.username}:${options.password ?? ""}`)}`

  const app = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    if (authorization !== undefined && request.headers["authorization"] !== authorization) {
      return HttpServerResponse.text("unauthorized", { status: 401, contentType: "text/html" })
    }
    if (spoilt !== "none") yield* fault(`node ${spoilt}`)
    if (spoilt === "hang") return yield* Effect.never
    if (spoilt === "http500") return HttpServerResponse.text("error", { status: 500, contentType: "text/html" })
    if (spoilt === "malformed") return xml("<?xml version='1.0'?>\n<methodResponse><params>")
    const decoded = decodeCall(yield* request.text)
    if (Result.isFailure(decoded)) return HttpServerResponse.text("bad request", { status: 400 })
    const nowMs = yield* settleAll
    const rpc = { processes, nextPid, nowMs }
    return xml(encode(spoilt === "shutdown" ? shutdownState : answer(rpc, decoded.success)))
  })

  const context = yield* Layer.build(SimHttpServer.layer({ host: options.host, port: options.port }))
  // Effect serves an app uninterruptibly; only its router makes handlers interruptible, and there is none here.
  yield* Context.get(context, HttpServer.HttpServer).serve(Effect.interruptible(app))

  const supervisord: Supervisord = {
    kill: (group, name) =>
      Effect.map(settleAll, (nowMs) => {
        const id = `${group}:${name}`
        const process = processes.get(id)
        if (process !== undefined) processes.set(id, exit(process, nowMs, -1))
      }),
    spoil: (how) =>
      Effect.sync(() => {
        spoilt = how
      })
  }
  return supervisord
})

const xml = (text: string) => HttpServerResponse.text(text, { contentType: "text/xml" })

/** The model answers with plain values; one that cannot be written is a bug of the model. */
const encode = (given: Answer): string =>
  Result.getOrThrow(
    Result.isSuccess(given) ? encodeReply(given.success) : encodeFault(given.failure.code, given.failure.text)
  )
