/** An `HttpClient` that answers from memory and remembers what it was asked. */
import { Effect, Result } from "effect"
import { HttpClient, type HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { decodeCall, type XmlRpcCall } from "../../../core/xmlrpc/XmlRpc.ts"
import { captureNamed } from "../xmlrpc/Captures.ts"

/** A request as the node saw it. */
export interface SeenRequest {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly call: XmlRpcCall
}

export type Answer = (
  seen: SeenRequest,
  request: HttpClientRequest.HttpClientRequest,
  signal: AbortSignal
) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/** The client and, in order, all it was asked. */
export const fakeNode = (answer: Answer) => {
  const seen: Array<SeenRequest> = []
  const client = HttpClient.make((request, url, signal) => {
    const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
    const call = decodeCall(body)
    if (Result.isFailure(call)) throw new Error(`the driver sent no call: ${body}`)
    const one = { url: url.href, method: request.method, headers: { ...request.headers }, call: call.success }
    seen.push(one)
    return answer(one, request, signal)
  })
  return { client, seen }
}

/** Answers with these bytes. */
export const respond =
  (body: Uint8Array | string | ReadableStream<Uint8Array>, init: ResponseInit = {}): Answer =>
  (_, request) =>
    Effect.succeed(
      HttpClientResponse.fromWeb(request, new Response(body instanceof Uint8Array ? new Uint8Array(body) : body, init))
    )

/** Answers as the node did when this was recorded. */
export const respondCapture = (name: string): Answer => {
  const { bytes, headers, status } = captureNamed(name)
  return respond(bytes, { status, headers })
}

/** Answers with a well-formed reply that holds this value. */
export const respondValue = (valueXml: string): Answer =>
  respond(`<methodResponse><params><param><value>${valueXml}</value></param></params></methodResponse>`)

/** Picks the answer by the method that is called. */
export const byMethod =
  (answers: Readonly<Record<string, Answer>>): Answer =>
  (seen, request, signal) => {
    const answer = answers[seen.call.method]
    if (answer === undefined) throw new Error(`no answer for ${seen.call.method}`)
    return answer(seen, request, signal)
  }
