/**
 * Values made ready for the serializer of the `xmlrpc` package, which is trusted with nothing that it gets wrong.
 *
 * It puts a text with markup into a CDATA section, where it escapes only the first `]]>` (a second one would let the
 * text write elements of its own) and where a carriage return is lost. So such texts go in as an element whose content
 * it escapes properly. It writes `1e21` as an `int`, walks cyclic values for ever, and throws on characters that XML
 * forbids: all of that is refused here first, with the place named.
 */
import { Result, Schema } from "effect"
import { Base64 } from "effect/encoding"
import CustomType from "xmlrpc/lib/customtype.js"
import { isList, isStruct, nestingDepthMax, type XmlRpcValue } from "./XmlRpcValue.ts"

/** A value cannot be written as XML-RPC. `parameter` names it, such as `params[1].name`; its text is not repeated. */
export class XmlRpcEncodeError extends Schema.TaggedError<XmlRpcEncodeError>()("XmlRpcEncodeError", {
  parameter: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.parameter} cannot be written as XML-RPC: ${this.detail}`
  }
}

/** What the serializer takes for this value. `parameter` is how an error names it. */
export const prepare = (value: XmlRpcValue, parameter: string): Result.Result<unknown, XmlRpcEncodeError> =>
  Result.try({
    try: () => prepareAt(value, parameter, 0),
    catch: (cause) =>
      cause instanceof XmlRpcEncodeError ? cause : new XmlRpcEncodeError({ parameter, detail: String(cause) })
  })

/** The text, when XML 1.0 can carry it. */
export const prepareText = (text: string, parameter: string): Result.Result<string, XmlRpcEncodeError> => {
  const detail = forbiddenCharacter(text)
  return detail === undefined ? Result.succeed(text) : Result.fail(new XmlRpcEncodeError({ parameter, detail }))
}

const prepareAt = (value: XmlRpcValue, parameter: string, depth: number): unknown => {
  if (typeof value === "string") return escaped(value, parameter)
  if (typeof value === "number") return checked(value, parameter)
  if (value instanceof Uint8Array) return element("base64", Base64.encode(value))
  if (isList(value)) {
    refuseDepth(depth, parameter)
    return value.map((item, index) => prepareAt(item, `${parameter}[${index}]`, depth + 1))
  }
  if (isStruct(value)) {
    refuseDepth(depth, parameter)
    // Without prototype, so that a member named `__proto__` is a member.
    const members: Record<string, unknown> = { __proto__: null }
    for (const [name, member] of Object.entries(value)) {
      const path = `${parameter}.${JSON.stringify(name).slice(1, -1)}`
      refuseCharacters(name, path)
      members[name] = prepareAt(member, path, depth + 1)
    }
    return members
  }
  if (typeof value === "boolean" || value === null) return value
  throw new XmlRpcEncodeError({ parameter, detail: `${typeof value} is no XML-RPC type` })
}

const markup = /[<&\r]|]]>/

const escaped = (text: string, parameter: string): unknown => {
  refuseCharacters(text, parameter)
  return markup.test(text) ? element("string", text) : text
}

const element = (tagName: string, text: string): CustomType => {
  const custom = new CustomType(text)
  custom.tagName = tagName
  return custom
}

const checked = (value: number, parameter: string): number => {
  if (!Number.isFinite(value)) throw new XmlRpcEncodeError({ parameter, detail: `${value} is no XML-RPC number` })
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new XmlRpcEncodeError({ parameter, detail: `${value} has more than 53 bits` })
  }
  return value
}

const refuseDepth = (depth: number, parameter: string): void => {
  if (depth === nestingDepthMax) {
    throw new XmlRpcEncodeError({ parameter, detail: `nested deeper than ${nestingDepthMax}` })
  }
}

const refuseCharacters = (text: string, parameter: string): void => {
  const detail = forbiddenCharacter(text)
  if (detail !== undefined) throw new XmlRpcEncodeError({ parameter, detail })
}

const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u

/** The first character that XML 1.0 cannot carry, not even escaped: control characters and halves of pairs. */
const forbiddenCharacter = (text: string): string | undefined => {
  const found = forbidden.exec(text)
  if (found === null) return undefined
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")
  return `character U+${code} at offset ${found.index} does not exist in XML`
}
