/**
 * What a failure of the HTTP client means for the call: did it fail before the request could be sent (then nothing
 * happened on the node), or later (then the call may have acted)?
 *
 * The client leaves the cause as it got it, so it is told by its `code`, `syscall` and `name`, as Node and undici set
 * them; a client that is no such thing can join by giving its causes the same codes. Whatever is not known to have
 * failed before the request went out counts as a lost connection, the cautious answer.
 */
import { Predicate } from "effect"
import type { HttpClientError } from "effect/http"
import { ConnectionLost, Malformed, Unreachable } from "../domain/NodeError.ts"

export const transportReason = (error: HttpClientError.HttpClientError): Unreachable | ConnectionLost | Malformed => {
  const { reason } = error
  switch (reason._tag) {
    case "InvalidUrlError":
      return new Unreachable({ detail: "its URL is not valid" })
    case "EncodeError":
      return new Unreachable({ detail: "the request could not be written" })
    case "TransportError":
      return isBeforeRequest(reason.cause)
        ? new Unreachable({ detail: detailOf(reason.cause, reason.description) })
        : afterRequest(reason.cause, reason.description)
    case "StatusCodeError":
    case "DecodeError":
    case "EmptyBodyError":
      return afterRequest(reason.cause, reason.description)
  }
}

const afterRequest = (cause: unknown, description: string | undefined): ConnectionLost | Malformed =>
  isNoHttp(cause)
    ? new Malformed({ detail: detailOf(cause, description) })
    : new ConnectionLost({ detail: detailOf(cause, description) })

/** System calls of which the failure means that there is no connection yet. */
const connectCalls: ReadonlySet<string> = new Set(["connect", "getaddrinfo"])

/** Codes of the same meaning, for causes that name no system call: several addresses tried, or TLS. */
const connectCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EACCES",
  "UND_ERR_CONNECT_TIMEOUT"
])

/** TLS gives up before it lets a request through: a certificate that is not trusted, or a peer without TLS. */
const tlsCode = /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|EPROTO$)/

const isBeforeRequest = (cause: unknown): boolean => {
  const code = textAt(cause, "code")
  return (
    connectCalls.has(textAt(cause, "syscall") ?? "") ||
    (code !== undefined && (connectCodes.has(code) || tlsCode.test(code)))
  )
}

/** The peer answered, but not in HTTP. */
const noHttpCodes: ReadonlySet<string> = new Set(["UND_ERR_HEADERS_OVERFLOW", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"])

const isNoHttp = (cause: unknown): boolean =>
  textAt(cause, "name") === "HTTPParserError" || noHttpCodes.has(textAt(cause, "code") ?? "")

/** One line about the cause. It names addresses and system calls; credentials are in no cause. */
const detailOf = (cause: unknown, description: string | undefined): string => {
  const code = textAt(cause, "code")
  // OpenSSL's messages span lines and hold thread numbers; its `reason` is the readable part.
  const message = textAt(cause, "reason") ?? description ?? textAt(cause, "message")
  if (message === undefined || message === "") return code ?? "the client gave no reason"
  return code === undefined || message.includes(code) ? message : `${message}, ${code}`
}

const textAt = (cause: unknown, key: string): string | undefined => {
  if (!Predicate.hasProperty(cause, key)) return undefined
  const value = cause[key]
  return typeof value === "string" ? value : undefined
}
