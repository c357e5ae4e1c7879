/** A node that has one log, and answers for it as supervisord does, byte for byte. */
import { HttpClientResponse } from "effect/http"
import { Effect, Result } from "effect"
import { isList, isStruct, type XmlRpcValue } from "../../../core/xmlrpc/XmlRpcValue.ts"
import { decodeUtf8, LogFile, read, tail } from "../../../scenarios/peers/SupervisordLog.ts"
import { writeFault, writeReply } from "../../../scenarios/peers/SupervisordXml.ts"
import { fakeNode } from "./FakeNode.ts"

export interface FakeLogsOptions {
  /** Default true. */
  readonly hasMulticall?: boolean
}

type Outcome = { readonly value: XmlRpcValue } | { readonly code: number; readonly text: string } | "exception"

/** The client, what it was asked, and the log to write to; `remove` takes the file away. */
export const fakeLogs = ({ hasMulticall = true }: FakeLogsOptions = {}) => {
  const log = new LogFile()
  let isMissing = false
  const readOf = (params: ReadonlyArray<XmlRpcValue>): Outcome => {
    const [, offset, length] = params
    if (isMissing) return { code: 20, text: "NO_FILE: web" }
    const bytes = read(log, Number(offset), Number(length))
    if (bytes === undefined) return { code: 3, text: "BAD_ARGUMENTS" }
    const text = decodeUtf8(bytes)
    return Result.isSuccess(text) ? { value: text.success } : "exception"
  }
  const tailOf = (params: ReadonlyArray<XmlRpcValue>): Outcome => {
    const [, offset, length] = params
    if (isMissing) return { value: ["", 0, false] }
    const { bytes, offset: size, overflow } = tail(log, Number(offset), Number(length))
    const text = decodeUtf8(bytes)
    return Result.isSuccess(text) ? { value: [text.success, size, overflow] } : "exception"
  }
  const answer = (method: string, params: ReadonlyArray<XmlRpcValue>): Outcome => {
    if (method === "supervisor.readProcessStdoutLog") return readOf(params)
    if (method === "supervisor.tailProcessStdoutLog") return tailOf(params)
    if (method !== "system.multicall" || !hasMulticall) return { code: 1, text: "UNKNOWN_METHOD" }
    const [calls = []] = params
    return { value: (isList(calls) ? calls : []).map((call) => entry(call)) }
  }
  const entry = (call: XmlRpcValue): XmlRpcValue => {
    const { methodName, params } = isStruct(call) ? call : {}
    const outcome = answer(
      typeof methodName === "string" ? methodName : "",
      params !== undefined && isList(params) ? params : []
    )
    if (outcome === "exception") return { faultCode: 30, faultString: "FAILED: <class 'UnicodeDecodeError'>:'utf-8'" }
    return "code" in outcome ? { faultCode: outcome.code, faultString: outcome.text } : outcome.value
  }
  const node = fakeNode(({ call }, request) => {
    const outcome = answer(call.method, call.params)
    const xml =
      outcome === "exception"
        ? undefined
        : "code" in outcome
          ? writeFault(outcome.code, outcome.text)
          : writeReply(outcome.value)
    return Effect.succeed(
      HttpClientResponse.fromWeb(request, new Response(xml ?? "<head>", { status: xml === undefined ? 500 : 200 }))
    )
  })
  return {
    ...node,
    log,
    remove: () => {
      isMissing = true
    }
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decoded = (bytes: Uint8Array): string | undefined => {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** The log as text: each byte that is part of no character stands as U+FFFD. */
export const asText = (bytes: Uint8Array): string => {
  let text = ""
  for (let at = 0; at < bytes.length;) {
    let found: string | undefined
    let length = 0
    while (found === undefined && length < 4 && at + length < bytes.length) {
      length++
      found = decoded(bytes.subarray(at, at + length))
    }
    text += found ?? "\ufffd"
    at += found === undefined ? 1 : length
  }
  return text
}
