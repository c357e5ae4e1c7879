/**
 * XML-RPC messages as text: calls and replies, both ways.
 *
 * Nothing here throws, and nothing trusts the text: see `XmlRpcDecoder` for what is accepted and `XmlRpcEncoder` for
 * what can be written. Calls, replies and faults are written with the serializer of the `xmlrpc` package.
 */
import { Result } from "effect"
import { serializeFault, serializeMethodCall, serializeMethodResponse } from "xmlrpc/lib/serializer.js"
import { plainReply } from "./PlainReply.ts"
import { decodeMessage } from "./XmlRpcDecoder.ts"
import { prepare, prepareText, XmlRpcEncodeError } from "./XmlRpcEncoder.ts"
import { Fault, notXmlRpc, XmlRpcError } from "./XmlRpcError.ts"
import { isStruct, type XmlRpcValue } from "./XmlRpcValue.ts"

/** A call: what is asked, with which parameters. */
export interface XmlRpcCall {
  readonly method: string
  readonly params: ReadonlyArray<XmlRpcValue>
}

/** The text of a call. Fails when a parameter cannot be written, and names it: `params[0]`. */
export const encodeCall = (
  method: string,
  params: ReadonlyArray<XmlRpcValue>
): Result.Result<string, XmlRpcEncodeError> =>
  Result.gen(function* () {
    if (method === "") yield* Result.fail(new XmlRpcEncodeError({ parameter: "method", detail: "it is empty" }))
    const name = yield* prepareText(method, "method")
    const prepared: Array<unknown> = []
    for (const [index, param] of params.entries()) prepared.push(yield* prepare(param, `params[${index}]`))
    return serializeMethodCall(name, prepared)
  })

/** The text of a reply. Fails when a part of the value cannot be written, and names it: `reply[2].name`. */
export const encodeReply = (value: XmlRpcValue): Result.Result<string, XmlRpcEncodeError> =>
  Result.map(prepare(value, "reply"), (prepared) => serializeMethodResponse(prepared))

/** The text of a refusal. Fails when code or text cannot be written. */
export const encodeFault = (code: number, text: string): Result.Result<string, XmlRpcEncodeError> =>
  Result.gen(function* () {
    if (!Number.isSafeInteger(code)) {
      yield* Result.fail(new XmlRpcEncodeError({ parameter: "faultCode", detail: `${code} is no integer` }))
    }
    return serializeFault({ faultCode: code, faultString: yield* prepare(text, "faultString") })
  })

/** The value of a reply. A fault is an error with the reason `Fault`. */
export const decodeReply = (xml: string): Result.Result<XmlRpcValue, XmlRpcError> => {
  const plain = plainReply(xml)
  return plain === undefined ? decodeAnyReply(xml) : Result.succeed(plain)
}

const decodeAnyReply = (xml: string): Result.Result<XmlRpcValue, XmlRpcError> =>
  Result.flatMap(decodeMessage(xml), (message) => {
    switch (message._tag) {
      case "Call":
        return Result.fail(notXmlRpc("a call where a reply was expected"))
      case "Fault":
        return Result.fail(faultError(message.value))
      case "Reply": {
        const [value, ...others] = message.values
        return value === undefined || others.length > 0
          ? Result.fail(notXmlRpc(`a reply with ${message.values.length} values instead of one`))
          : Result.succeed(value)
      }
    }
  })

/** The method and parameters of a call. */
export const decodeCall = (xml: string): Result.Result<XmlRpcCall, XmlRpcError> =>
  Result.flatMap(decodeMessage(xml), (message) =>
    message._tag === "Call"
      ? Result.succeed({ method: message.method, params: message.params })
      : Result.fail(notXmlRpc("a reply where a call was expected"))
  )

const faultError = (value: XmlRpcValue): XmlRpcError => {
  if (!isStruct(value)) return notXmlRpc("a fault that is no struct")
  const { faultCode, faultString } = value
  if (typeof faultCode !== "number" || !Number.isInteger(faultCode)) {
    return notXmlRpc("a fault whose faultCode is no integer")
  }
  if (typeof faultString !== "string") return notXmlRpc("a fault whose faultString is no string")
  return new XmlRpcError({ reason: new Fault({ code: faultCode, text: faultString }) })
}
