/**
 * The two sides of the conformance suite under one interface: a real supervisord, and the model of it in the simulator.
 * What is asked and what comes back is written down as lines, and the lines of both are compared.
 */
import { Effect, Result } from "effect"
import { decodeReply, encodeCall } from "../../core/xmlrpc/XmlRpc.ts"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { normalise, normaliseText } from "./Differences.ts"

export interface Response {
  readonly status: number
  readonly type: string
  /** As far as it came. */
  readonly body: Uint8Array
}

export interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  /** Without one the request has no length. */
  readonly body?: string
  /** Default: the right one. */
  readonly authorization?: string
  /** Reads no further than so many bytes of the body. Default: all. */
  readonly bytesMax?: number
}

/** What a side must be able to do. */
export interface Side {
  /** The reply; undefined when none came: nobody listens, or the connection broke off before it. */
  readonly send: (request: Request) => Effect.Effect<Response | undefined>
  /** Writes one of the configurations of `Programs.ts`. */
  readonly configure: (name: "base" | "changed" | "broken") => Effect.Effect<void>
  /** Makes a log file larger by a hole, as if so much had been written. */
  readonly growLog: (program: string, bytes: number) => Effect.Effect<void>
  /** A name of a folder, as `normalise` takes it out. */
  readonly folder: string
}

/** A side with its record. */
export interface Peer {
  /** Calls a method and writes down what comes back. */
  readonly ask: (method: string, ...params: ReadonlyArray<XmlRpcValue>) => Effect.Effect<void>
  /** The same byte for byte. */
  readonly askBytes: (method: string, ...params: ReadonlyArray<XmlRpcValue>) => Effect.Effect<void>
  /** Calls a method without a word about it; undefined for a fault and all else. */
  readonly value: (method: string, ...params: ReadonlyArray<XmlRpcValue>) => Effect.Effect<XmlRpcValue | undefined>
  /** Sends a request and writes down status, type and, when asked for, the body. */
  readonly http: (request: Request, options?: { readonly withBody: boolean }) => Effect.Effect<void>
  /** Writes something down. */
  readonly note: (line: string) => Effect.Effect<void>
  readonly side: Side
  readonly said: ReadonlyArray<string>
}

/** What both sides are put through. */
export type Conversation = (peer: Peer) => Effect.Effect<void>

export const makePeer = (side: Side): Peer => {
  const said: Array<string> = []
  const note = (line: string) => Effect.sync(() => void said.push(normaliseText(line, side.folder)))
  const call = (method: string, params: ReadonlyArray<XmlRpcValue>) =>
    side.send({ method: "POST", path: "/RPC2", body: Result.getOrThrow(encodeCall(method, params)) })
  return {
    ask: (method, ...params) =>
      Effect.flatMap(call(method, params), (response) =>
        note(`${method}(${shown(params)}) -> ${answer(method, response)}`)
      ),
    askBytes: (method, ...params) =>
      Effect.flatMap(call(method, params), (response) =>
        note(
          `${method}(${shown(params)}) -> ` +
            (response?.status === 200 ? text(response.body) : answer(method, response))
        )
      ),
    value: (method, ...params) =>
      Effect.map(call(method, params), (response) =>
        response?.status === 200 ? Result.getOrUndefined(decodeReply(text(response.body))) : undefined
      ),
    http: (request, { withBody } = { withBody: false }) =>
      Effect.flatMap(side.send(request), (response) =>
        note(
          response === undefined
            ? `${request.method} ${request.path} -> nothing`
            : `${request.method} ${request.path} -> ${response.status} ${response.type}` +
                (withBody ? ` ${JSON.stringify(text(response.body))}` : "")
        )
      ),
    note,
    side,
    said
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const shown = (params: ReadonlyArray<XmlRpcValue>): string => params.map((param) => JSON.stringify(param)).join(", ")

const answer = (method: string, response: Response | undefined): string => {
  if (response === undefined) return "nothing"
  if (response.status !== 200) return `${response.status} ${response.type}`
  const decoded = decodeReply(text(response.body))
  if (Result.isSuccess(decoded)) return JSON.stringify(normalise(method, decoded.success))
  const { reason } = decoded.failure
  return reason._tag === "Fault"
    ? `fault ${reason.code} ${reason.text}`
    : `${reason._tag} in ${response.body.length} bytes`
}

/** An entry of a multicall. */
export const entry = (methodName: XmlRpcValue, ...params: ReadonlyArray<XmlRpcValue>) => ({ methodName, params })
