/**
 * One XML-RPC call to a supervisord over HTTP: from method and parameters to a value, or to the reason why there is
 * none. It ends within its deadline, reads no more than its limit, and leaves no connection behind.
 */
import { Cause, Effect, Result, type Scope, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { ConnectionLost, Malformed, NodeError, type NodeErrorReason, TimedOut, TooLarge } from "../domain/NodeError.ts"
import { decodeReply, encodeCall } from "../xmlrpc/XmlRpc.ts"
import { describeReason, type XmlRpcError } from "../xmlrpc/XmlRpcError.ts"
import type { XmlRpcValue } from "../xmlrpc/XmlRpcValue.ts"
import { ConnectionOptions } from "./Connection.ts"
import { shield } from "./LogText.ts"
import { faultReason, SupervisorFaultCode } from "./SupervisorFault.ts"
import { type NextConnection, refusalOf, signed, type SupervisorAddress } from "./SupervisorHttp.ts"
import { rpcUrl } from "./SupervisorUrl.ts"
import { transportReason } from "./TransportReason.ts"

export interface SupervisorCallOptions extends SupervisorAddress {
  /** For the whole call: connecting, sending, and reading the last byte of the reply. */
  readonly deadlineMs: number
  /** A reply with a longer body is given up. */
  readonly replyBytesMax: number
}

/** What is particular to a call. */
export interface CallDetails {
  /** The reply holds texts of logs: they come shielded, see `LogText`. */
  readonly hasLogs?: boolean
  /** The connection that it asks for; a fresh one by default. */
  readonly connection?: NextConnection
}

/** Calls a method and reads its reply with `read`. */
export type SupervisorCall = <A>(
  method: string,
  params: ReadonlyArray<XmlRpcValue>,
  read: (reply: XmlRpcValue) => Result.Result<A, Malformed>,
  details?: CallDetails
) => Effect.Effect<A, NodeError>

/** Makes the call function for one node. */
export const make = (
  client: HttpClient.HttpClient,
  options: SupervisorCallOptions,
  connection: NextConnection = ConnectionOptions
): SupervisorCall => {
  const base = signed(HttpClientRequest.post(rpcUrl(options.url)), options)
  const http = HttpClient.withScope(client)

  const exchange = Effect.fnUntraced(function* (xml: string): Effect.fn.Return<string, NodeErrorReason, Scope.Scope> {
    const response = yield* http
      .execute(HttpClientRequest.setBody(base, HttpBody.text(xml, "text/xml")))
      .pipe(Effect.mapError(transportReason))
    const refusal = refusalOf(response.status)
    if (refusal !== undefined) return yield* Effect.fail(refusal)
    return yield* readBody(response, options.replyBytesMax)
  })

  return <A>(
    method: string,
    params: ReadonlyArray<XmlRpcValue>,
    read: (reply: XmlRpcValue) => Result.Result<A, Malformed>,
    details: CallDetails = {}
  ) =>
    Effect.suspend(() => {
      const xml = writeCall(method, params)
      if (Result.isFailure(xml)) return Effect.fail(xml.failure)
      return Effect.flatMap(details.connection ?? connection, (wanted) =>
        Effect.provideService(Effect.scoped(exchange(xml.success)), ConnectionOptions, wanted)
      )
    }).pipe(
      Effect.raceFirst(timedOut(options.deadlineMs)),
      Effect.flatMap((text) => {
        const value = Result.flatMap(
          readReply(details.hasLogs === true ? shield(text) : text),
          (reply): Result.Result<A, NodeErrorReason> => read(reply)
        )
        return Result.isFailure(value) ? Effect.fail(value.failure) : Effect.succeed(value.success)
      }),
      Effect.mapError((reason) => new NodeError({ operation: method, reason })),
      // supervisord knows nothing of traces.
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
      Effect.withSpan("SupervisorCall", { attributes: { method } })
    )
}

const timedOut = (afterMs: number): Effect.Effect<never, NodeErrorReason> =>
  Effect.andThen(
    Effect.sleep(afterMs),
    Effect.suspend(() => Effect.fail(new TimedOut({ afterMs })))
  )

/**
 * The whole body as text. Bytes that are no UTF-8 become U+FFFD: logs hold anything, and one bad byte must not cost
 * the rest. An announced length that is too large is refused at once, one that the body does not reach is a connection
 * that broke.
 */
const readBody = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse,
  limitBytes: number
): Effect.fn.Return<string, NodeErrorReason, Scope.Scope> {
  const announced = Number(response.headers["content-length"] ?? Number.NaN)
  if (announced > limitBytes) return yield* new TooLarge({ limitBytes })
  const chunks: Array<Uint8Array> = []
  let receivedBytes = 0
  // Pulled by hand: a sink would cost more than all else that is done for a body of a few pieces.
  const pull = yield* Stream.toPull(response.stream)
  const next = Effect.catch(pull, (error) =>
    Cause.isDone(error) ? Effect.undefined : Effect.fail(transportReason(error))
  )
  for (let pulled = yield* next; pulled !== undefined; pulled = yield* next) {
    for (const chunk of pulled) {
      receivedBytes += chunk.length
      if (receivedBytes > limitBytes) return yield* new TooLarge({ limitBytes })
      chunks.push(chunk)
    }
  }
  if (receivedBytes < announced) {
    return yield* new ConnectionLost({ detail: `${receivedBytes} of ${announced} bytes came` })
  }
  // Only now, so that a reply that is given up makes no text: a node that sends without end costs half the memory.
  const decoder = new TextDecoder()
  let text = ""
  for (const chunk of chunks) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
})

/** The text of the call. What XML cannot carry is in no name that a node could know; names are what comes first. */
const writeCall = (method: string, params: ReadonlyArray<XmlRpcValue>): Result.Result<string, NodeErrorReason> =>
  Result.mapError(encodeCall(method, params), (error) =>
    faultReason(
      error.parameter === "params[0]" ? SupervisorFaultCode.BAD_NAME : SupervisorFaultCode.BAD_ARGUMENTS,
      error.message
    )
  )

const readReply = (text: string): Result.Result<XmlRpcValue, NodeErrorReason> =>
  Result.mapError(decodeReply(text), replyReason)

const replyReason = ({ reason }: XmlRpcError): NodeErrorReason =>
  reason._tag === "Fault" ? faultReason(reason.code, reason.text) : new Malformed({ detail: describeReason(reason) })
