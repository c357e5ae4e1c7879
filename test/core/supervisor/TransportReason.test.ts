import { assert, describe, it } from "@effect/vitest"
import { HttpClientError, HttpClientRequest } from "effect/http"
import { transportReason } from "../../../core/supervisor/TransportReason.ts"

const request = HttpClientRequest.post("http://node.test:9001/RPC2")

const ofTransport = (cause: unknown, description?: string) =>
  transportReason(
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.TransportError({
        request,
        cause,
        ...(description === undefined ? {} : { description })
      })
    })
  )

const coded = (code: string, message: string) => Object.assign(new Error(message), { code })

describe("transportReason", () => {
  it.each([
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOENT",
    "ENOTFOUND",
    "EAI_AGAIN",
    "UND_ERR_CONNECT_TIMEOUT",
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
  ])("knows that nothing was sent after %s", (code) => {
    assert.deepInclude(ofTransport(coded(code, "no")), { _tag: "Unreachable", detail: `no, ${code}` })
  })

  it("knows a failed connect by its system call, whatever the code", () => {
    const cause = Object.assign(new Error("connect ETIMEDOUT 10.0.0.1:9001"), { code: "ETIMEDOUT", syscall: "connect" })
    assert.deepInclude(ofTransport(cause), { _tag: "Unreachable", detail: "connect ETIMEDOUT 10.0.0.1:9001" })
  })

  it("names the code where several addresses failed and no message says how", () => {
    const cause = Object.assign(new AggregateError([], ""), { code: "ECONNREFUSED" })
    assert.deepInclude(ofTransport(cause), { _tag: "Unreachable", detail: "ECONNREFUSED" })
  })

  it.each([
    ["ECONNRESET", "read"],
    ["EPIPE", "write"],
    ["ETIMEDOUT", "read"],
    ["UND_ERR_SOCKET", undefined]
  ])("cannot tell whether the call acted after %s", (code, syscall) => {
    const cause = Object.assign(coded(code, "lost"), { syscall })
    assert.deepInclude(ofTransport(cause), { _tag: "ConnectionLost", detail: `lost, ${code}` })
  })

  it("is cautious about causes that it does not know", () => {
    assert.deepInclude(ofTransport(undefined), { _tag: "ConnectionLost", detail: "the client gave no reason" })
    assert.deepInclude(ofTransport("text", "gone"), { _tag: "ConnectionLost", detail: "gone" })
    assert.deepInclude(ofTransport({ code: 7, message: 8 }), { _tag: "ConnectionLost" })
  })

  it("takes the readable part of an OpenSSL error", () => {
    const cause = Object.assign(coded("ERR_SSL_WRONG_VERSION_NUMBER", "40B7:error:0A00:SSL routines:\n"), {
      reason: "wrong version number"
    })
    assert.deepInclude(ofTransport(cause), {
      _tag: "Unreachable",
      detail: "wrong version number, ERR_SSL_WRONG_VERSION_NUMBER"
    })
  })

  it("tells a peer that speaks no HTTP", () => {
    const cause = Object.assign(new Error("Response does not match the HTTP/1.1 protocol"), { name: "HTTPParserError" })
    assert.strictEqual(ofTransport(cause)._tag, "Malformed")
  })

  it("takes an invalid URL for a node that cannot be reached", () => {
    const reason = transportReason(
      new HttpClientError.HttpClientError({ reason: new HttpClientError.InvalidUrlError({ request }) })
    )
    assert.deepInclude(reason, { _tag: "Unreachable", detail: "its URL is not valid" })
  })
})
