/** What all requests to a supervisord have in common: credentials, the connection they ask for, refusals. */
import { type Effect, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import { HttpStatus, type NodeErrorReason, Unauthorized } from "../domain/NodeError.ts"
import type { ConnectionOptions } from "./Connection.ts"
import { SupervisorFaultCode } from "./SupervisorFault.ts"

/** Where a node is and who asks. */
export interface SupervisorAddress {
  /** `http://host:port`, `https://...` or `unix:///path/to.sock`, see `rpcUrl`. */
  readonly url: string
  /** HTTP Basic credentials, when the node asks for them. */
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
}

/** The connection that the next request asks for. */
export type NextConnection = Effect.Effect<ConnectionOptions>

/** The request with what every request has. */
export const signed = (
  request: HttpClientRequest.HttpClientRequest,
  { password, username }: SupervisorAddress
): HttpClientRequest.HttpClientRequest => {
  const named = HttpClientRequest.setHeader(request, "user-agent", "muster")
  return username === undefined ? named : HttpClientRequest.basicAuth(named, username, password ?? Redacted.make(""))
}

/** Why there is no answer behind this status; undefined when there is one. */
export const refusalOf = (status: number): NodeErrorReason | undefined => {
  if (status === 200) return undefined
  return status === 401 ? new Unauthorized() : new HttpStatus({ status })
}

/** Whether the node has no such method: ochinchina's reimplementation in Go has fewer. */
export const isUnknownMethod = (reason: NodeErrorReason): boolean =>
  reason._tag === "Fault" && reason.code === SupervisorFaultCode.UNKNOWN_METHOD
