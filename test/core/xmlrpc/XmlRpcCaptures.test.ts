import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { decodeCall, decodeReply } from "../../../core/xmlrpc/XmlRpc.ts"
import { captureNamed, captures, responseFiles } from "./Captures.ts"
import { canonical, referenceCall, referenceReply } from "./Reference.ts"

describe("XML-RPC of recorded conversations", () => {
  it("covers every recorded response", () => {
    assert.deepStrictEqual(captures.map((capture) => capture.name).toSorted(), responseFiles.toSorted())
    assert.isAbove(captures.length, 130)
  })

  it.each(captures)("reads the response of $name as supervisord's own client did", (capture) => {
    assert.strictEqual(capture.status, capture.indexedStatus)
    const decoded = decodeReply(capture.text)
    switch (capture.expected._tag) {
      case "Value":
        return assert.isTrue(Result.isSuccess(decoded), String(decoded))
      case "Fault": {
        const { code, text } = capture.expected
        if (Result.isSuccess(decoded) || decoded.failure.reason._tag !== "Fault") return assert.fail(String(decoded))
        return assert.deepStrictEqual([decoded.failure.reason.code, decoded.failure.reason.text], [code, text])
      }
      case "NotWellFormed":
        if (Result.isSuccess(decoded)) return assert.fail(String(decoded))
        // Pages for other statuses are HTML, which is given up at the first element, before it turns out to be no XML.
        if (capture.status !== 200) return assert.strictEqual(decoded.failure.reason._tag, "NotXmlRpc")
        if (decoded.failure.reason._tag !== "NotWellFormed") return assert.fail(String(decoded))
        assert.strictEqual(decoded.failure.reason.line, capture.expected.line)
    }
  })

  it.each(captures)("reads the request of $name", (capture) => {
    const decoded = decodeCall(capture.request)
    const reason = Result.isFailure(decoded) ? decoded.failure.reason._tag : "Call"
    const expected = { "64-bad-xml": "NotWellFormed", "65-empty-method": "NotXmlRpc", "67-get": "NotWellFormed" }
    assert.strictEqual(reason, Object.entries(expected).find(([name]) => name === capture.name)?.[1] ?? "Call")
  })

  it.effect.each(captures)("agrees with the xmlrpc package on the response of $name", (capture) =>
    Effect.gen(function* () {
      if (capture.expected._tag !== "Value") return
      const decoded = yield* Effect.fromResult(decodeReply(capture.text))
      assert.deepStrictEqual(canonical(decoded), canonical(yield* referenceReply(capture.text)))
    })
  )

  it.effect.each(captures)("agrees with the xmlrpc package on the request of $name", (capture) =>
    Effect.gen(function* () {
      const decoded = decodeCall(capture.request)
      // The reference reads an i8 as a string.
      if (Result.isFailure(decoded) || capture.name === "68-i8-param") return
      assert.deepStrictEqual(canonical(decoded.success), canonical(yield* referenceCall(capture.request)))
    })
  )

  it("says where a control character stands and what is wrong with it", () => {
    const decoded = decodeReply(captureNamed("25-tail-control-chars").text)
    assert.strictEqual(
      Result.isFailure(decoded) ? decoded.failure.message : "",
      "not well-formed XML at line 7, column 1: disallowed character."
    )
  })

  it("neither throws nor accepts a response that is cut short at any byte", () => {
    const end = new TextEncoder().encode("</methodResponse>")
    const small = captures.filter((capture) => capture.status === 200 && capture.bytes.length < 1_700)
    assert.isAbove(small.length, 80)
    for (const capture of small) {
      const length = Buffer.from(capture.bytes).lastIndexOf(end) + end.length
      for (let cut = 0; cut < length; cut++) {
        const decoded = decodeReply(new TextDecoder().decode(capture.bytes.subarray(0, cut)))
        if (Result.isSuccess(decoded)) assert.fail(`${capture.name} cut at ${cut} was accepted`)
        assert.strictEqual(decoded.failure.reason._tag, "NotWellFormed", `${capture.name} cut at ${cut}`)
      }
    }
  })
})
