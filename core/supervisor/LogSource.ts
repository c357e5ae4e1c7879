/**
 * What can be asked of one log of a supervisord: single stretches, each of which comes whole as text or not at all.
 *
 * supervisord decodes a stretch as UTF-8 and answers HTTP 500 when it is none, because of its bytes or because it cuts
 * a character. Many stretches go in one `system.multicall` where the node has it, which keeps what is readable.
 */
import { Effect, Result } from "effect"
import type { LogChannel } from "../domain/Log.ts"
import { Malformed, NodeError } from "../domain/NodeError.ts"
import { isList, isStruct, type XmlRpcValue } from "../xmlrpc/XmlRpcValue.ts"
import { unshield } from "./LogText.ts"
import type { SupervisorCall } from "./SupervisorCall.ts"
import { faultReason, SupervisorFaultCode } from "./SupervisorFault.ts"
import { isUnknownMethod } from "./SupervisorHttp.ts"

/** Bytes of a log. `length` is above 0: to supervisord 0 is all there is. */
export interface Stretch {
  readonly offset: number
  readonly length: number
}

/** Its text, shorter at the end of the log; `Unreadable` when it is no UTF-8; `Missing` when there is no log. */
export type Found = { readonly _tag: "Text"; readonly text: string } | { readonly _tag: "Unreadable" | "Missing" }

/** A stretch that was readable. */
export interface Readable {
  readonly stretch: Stretch
  readonly text: string
}

export interface LogSource {
  /** Finds out whether many stretches cost as much as one. Until then, and without multicall, they do not. */
  readonly prepare: Effect.Effect<void, NodeError>
  readonly isWide: () => boolean
  /** Calls that may still be made for one reading. */
  readonly callsLeft: () => number
  /** Begins a new reading. */
  readonly renew: () => void
  /** Reads the stretches, all of them. */
  readonly all: (stretches: ReadonlyArray<Stretch>) => Effect.Effect<ReadonlyArray<Found>, NodeError>
  /** The first of them that is readable. */
  readonly first: (stretches: ReadonlyArray<Stretch>) => Effect.Effect<Readable | undefined, NodeError>
  /** Size of the log in bytes, 0 when there is none; undefined when the node cannot say, as for more than 2 GiB. */
  readonly size: Effect.Effect<number | undefined, NodeError>
}

/** Which methods a node is known to have or to lack. Shared by all that ask it. */
export type KnownMethods = Map<string, boolean>

export interface LogSourceOptions {
  readonly call: SupervisorCall
  /** `group:name` */
  readonly name: string
  readonly channel: LogChannel
  readonly callsMax: number
  readonly methods: KnownMethods
}

const multicall = "system.multicall"

export const make = ({ call, callsMax, channel, methods, name }: LogSourceOptions): LogSource => {
  const kind = channel === "stdout" ? "Stdout" : "Stderr"
  const readMethod = `supervisor.readProcess${kind}Log`
  const tailMethod = `supervisor.tailProcess${kind}Log`
  let calls = 0
  const counted = <A>(effect: Effect.Effect<A, NodeError>) =>
    Effect.suspend(() => {
      calls++
      return effect
    })

  const one = ({ length, offset }: Stretch): Effect.Effect<Found, NodeError> =>
    counted(call(readMethod, [name, offset, length], textReply, { hasLogs: true })).pipe(
      Effect.catchIf(
        ({ reason }) => reason._tag === "HttpStatus" && reason.status === 500,
        () => Effect.succeed<Found>({ _tag: "Unreadable" })
      ),
      Effect.catchIf(
        ({ reason }) => reason._tag === "Fault" && reason.code === SupervisorFaultCode.NO_FILE,
        () => Effect.succeed<Found>({ _tag: "Missing" })
      )
    )

  const many = (stretches: ReadonlyArray<Stretch>) => {
    const entries = stretches.map(({ length, offset }) => ({ methodName: readMethod, params: [name, offset, length] }))
    return counted(call(multicall, [entries], entriesReply, { hasLogs: true })).pipe(
      Effect.flatMap((found) =>
        found.length === stretches.length
          ? Effect.forEach(found, (entry) =>
              Effect.mapError(entryFound(entry), (error) => inOperation(readMethod, error))
            )
          : Effect.fail(inOperation(multicall, new Malformed({ detail: `${found.length} results` })))
      )
    )
  }

  const isWide = () => methods.get(multicall) === true

  return {
    prepare: Effect.suspend(() => {
      if (methods.has(multicall)) return Effect.void
      return call(multicall, [[]], entriesReply).pipe(
        Effect.as(true),
        Effect.catchIf(
          ({ reason }) => isUnknownMethod(reason),
          () => Effect.succeed(false)
        ),
        Effect.map((has) => void methods.set(multicall, has))
      )
    }),
    isWide,
    callsLeft: () => callsMax - calls,
    renew: () => {
      calls = 0
    },
    all: (stretches) => (isWide() && stretches.length > 1 ? many(stretches) : Effect.forEach(stretches, one)),
    first: Effect.fnUntraced(function* (stretches) {
      const found = isWide() && stretches.length > 1 ? yield* many(stretches) : undefined
      for (const [index, stretch] of stretches.entries()) {
        if (found === undefined && calls >= callsMax) return undefined
        const next = found === undefined ? yield* one(stretch) : found[index]
        if (next?._tag === "Text") return { stretch, text: next.text }
      }
      return undefined
    }),
    size: call(tailMethod, [name, 0, 0], tailReply, { hasLogs: true }).pipe(
      Effect.catchIf(
        ({ reason }) => isUnknownMethod(reason) || (reason._tag === "HttpStatus" && reason.status === 500),
        () => Effect.undefined
      )
    )
  }
}

const inOperation = (operation: string, reason: NodeError["reason"]): NodeError => new NodeError({ operation, reason })

const textReply = (reply: XmlRpcValue): Result.Result<Found, Malformed> =>
  typeof reply === "string"
    ? Result.succeed({ _tag: "Text", text: unshield(reply) })
    : Result.fail(new Malformed({ detail: "reply: expected a text" }))

/** `[text, size, overflow]` */
const tailReply = (reply: XmlRpcValue): Result.Result<number, Malformed> => {
  const size = isList(reply) ? reply[1] : undefined
  return typeof size === "number" && Number.isInteger(size) && size >= 0
    ? Result.succeed(size)
    : Result.fail(new Malformed({ detail: "reply: expected a text, a size and a flag" }))
}

const entriesReply = (reply: XmlRpcValue): Result.Result<ReadonlyArray<XmlRpcValue>, Malformed> =>
  isList(reply) ? Result.succeed(reply) : Result.fail(new Malformed({ detail: "reply: expected an array" }))

/** One result of a multicall. An exception inside supervisord is a FAILED with its words, a refusal one without. */
const entryFound = (entry: XmlRpcValue): Effect.Effect<Found, NodeError["reason"]> => {
  if (typeof entry === "string") return Effect.succeed({ _tag: "Text", text: unshield(entry) })
  // The convention wraps results in arrays of one element. supervisord does not.
  if (isList(entry) && typeof entry[0] === "string") return Effect.succeed({ _tag: "Text", text: unshield(entry[0]) })
  const { faultCode, faultString } = isStruct(entry) ? entry : {}
  if (typeof faultCode !== "number" || typeof faultString !== "string") {
    return Effect.fail(new Malformed({ detail: "a result that is neither text nor fault" }))
  }
  if (faultCode === SupervisorFaultCode.NO_FILE) return Effect.succeed({ _tag: "Missing" })
  return faultCode === SupervisorFaultCode.FAILED && faultString.startsWith("FAILED:")
    ? Effect.succeed({ _tag: "Unreadable" })
    : Effect.fail(faultReason(faultCode, faultString))
}
