/**
 * How the connection of a request to a node is to be made. It reaches the HTTP client of the real world through the
 * fiber that sends; a simulated client has no use for it.
 */
import { Context, type Redacted } from "effect"

/** `fresh`: opened for the call and closed after it. `keep-alive`: one that is kept for the next calls. */
export type ConnectionMode = "fresh" | "keep-alive"

/** What TLS needs beyond the URL. All of it is PEM text, already loaded. */
export interface TlsOptions {
  /** Certificates that the node's must be signed by, instead of the system's. */
  readonly ca?: string | undefined
  /** The console's own certificate, and its key. */
  readonly certificate?: string | undefined
  readonly key?: Redacted.Redacted | undefined
  /** The name that the node's certificate must be for, instead of the URL's host. */
  readonly serverName?: string | undefined
}

export interface ConnectionOptions {
  readonly mode: ConnectionMode
  /** Kept connections are shared by requests with the same object here, so a driver has one for its whole life. */
  readonly tls?: TlsOptions | undefined
}

/** Provided around each request. */
export const ConnectionOptions = Context.Reference<ConnectionOptions>("core/supervisor/ConnectionOptions", {
  defaultValue: () => ({ mode: "fresh" })
})
