/**
 * One XML-RPC call to a supervisord over HTTP: from method and parameters to a value, or to the reason why there is
 * none. It ends within its deadline, reads no more than its limit, and leaves no connection behind.
 */
import { Effect, type Redacted, Result, type Scope, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import {
  ConnectionLost,
  HttpStatus,
  Malformed,
  NodeError,
  type NodeErrorReason,
  TimedOut,
  TooLarge,
  Unauthorized
} from "../domain/NodeError.ts"
import { decodeReply, encodeCall } from "../xmlrpc/XmlRpc.ts"
import { describeReason, type XmlRpcError } from "../xmlrpc/XmlRpcError.ts"
import type { XmlRpcValue } from "../xmlrpc/XmlRpcValue.ts"
import { faultReason, SupervisorFaultCode } from "./SupervisorFault.ts"
import { rpcUrl } from "./SupervisorUrl.ts"
import { transportReason } from "./TransportReason.ts"

export interface SupervisorCallOptions {
  /** `http://host:port`, `https://...` or `unix:///path/to.sock`, see `rpcUrl`. */
  readonly url: string
  /** HTTP Basic credentials, when the node asks for them. */
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** For the whole call: connecting, sending, and reading the last byte of the reply. */
  readonly deadlineMs: number
  /** A reply with a longer body is given up. */
  readonly replyBytesMax: number
}

/** Calls a method and reads its reply with `read`. */
export type SupervisorCall = <A>(
  method: string,
  params: ReadonlyArray<XmlRpcValue>,
  read: (reply: XmlRpcValue) => Result.Result<A, Malformed>
) => Effect.Effect<A, NodeError>

/** Makes the call function for one node. */
export const make = (client: HttpClient.HttpClient, options: SupervisorCallOptions): SupervisorCall => {
  const base = baseRequest(options)
  const http = HttpClient.withScope(client)

  const exchange = Effect.fnUntraced(function* (xml: string): Effect.fn.Return<string, NodeErrorReason, Scope.Scope> {
    const response = yield* http
      .execute(HttpClientRequest.setBody(base, HttpBody.text(xml, "text/xml")))
      .pipe(Effect.mapError(transportReason))
    if (response.status === 401) return yield* new Unauthorized()
    if (response.status !== 200) return yield* new HttpStatus({ status: response.status })
    return yield* readBody(response, options.replyBytesMax)
  })

  return <A>(
    method: string,
    params: ReadonlyArray<XmlRpcValue>,
    read: (reply: XmlRpcValue) => Result.Result<A, Malformed>
  ) =>
    Effect.fromResult(writeCall(method, params)).pipe(
      Effect.flatMap((xml) => Effect.scoped(exchange(xml))),
      Effect.timeoutOrElse({
        duration: options.deadlineMs,
        orElse: () => Effect.fail(new TimedOut({ afterMs: options.deadlineMs }))
      }),
      Effect.flatMap((text) => Effect.fromResult(readReply(text))),
      Effect.flatMap((reply) => Effect.fromResult(read(reply))),
      Effect.mapError((reason) => new NodeError({ operation: method, reason })),
      // supervisord knows nothing of traces.
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
      Effect.withSpan("SupervisorCall", { attributes: { method } })
    )
}

const baseRequest = (options: SupervisorCallOptions): HttpClientRequest.HttpClientRequest => {
  const request = HttpClientRequest.post(rpcUrl(options.url), { headers: { "user-agent": "muster" } })
  return options.username === undefined
    ? request
    : HttpClientRequest.basicAuth(request, options.username, options.password ?? "")
}

/**
 * The whole body as text. Bytes that are no UTF-8 become U+FFFD: logs hold anything, and one bad byte must not cost
 * the rest. An announced length that is too large is refused at once, one that the body does not reach is a connection
 * that broke.
 */
const readBody = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse,
  limitBytes: number
): Effect.fn.Return<string, NodeErrorReason> {
  const announced = Number(response.headers["content-length"] ?? Number.NaN)
  if (announced > limitBytes) return yield* new TooLarge({ limitBytes })
  const decoder = new TextDecoder()
  let text = ""
  let receivedBytes = 0
  yield* Stream.runForEach(response.stream, (chunk): Effect.Effect<void, NodeErrorReason> => {
    receivedBytes += chunk.length
    if (receivedBytes > limitBytes) return Effect.fail(new TooLarge({ limitBytes }))
    text += decoder.decode(chunk, { stream: true })
    return Effect.void
  }).pipe(Effect.mapError((error) => (error._tag === "HttpClientError" ? transportReason(error) : error)))
  if (receivedBytes < announced) {
    return yield* new ConnectionLost({ detail: `${receivedBytes} of ${announced} bytes came` })
  }
  return text + decoder.decode()
})

/** The text of the call. What XML cannot carry is in no name that a node could know. */
const writeCall = (method: string, params: ReadonlyArray<XmlRpcValue>): Result.Result<string, NodeErrorReason> =>
  Result.mapError(encodeCall(method, params), (error) => faultReason(SupervisorFaultCode.BAD_NAME, error.message))

const readReply = (text: string): Result.Result<XmlRpcValue, NodeErrorReason> =>
  Result.mapError(decodeReply(text), replyReason)

const replyReason = ({ reason }: XmlRpcError): NodeErrorReason =>
  reason._tag === "Fault" ? faultReason(reason.code, reason.text) : new Malformed({ detail: describeReason(reason) })
