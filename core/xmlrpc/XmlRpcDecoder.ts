/**
 * An XML-RPC message read from its text in one pass: the events of the saxes tokenizer drive a state machine with an
 * explicit stack of open arrays and structs, so that no depth of a hostile message reaches the call stack.
 *
 * Accepted beyond the specification, because supervisord and its relatives send it: values without a type, a call
 * without `params`, empty `data`, integers wider than 32 bits (`i8`, or simply a long `int`), `nil`, comments and
 * processing instructions between elements. When a struct repeats a member name the last one counts.
 *
 * Refused: document type declarations (nothing needs them, and entities are how XML parsers get hurt), text outside of
 * values, unknown elements, XML 1.1 (it would allow control characters that XML 1.0 forbids).
 */
import { Result } from "effect"
import { SaxesParser } from "saxes"
import { notWellFormed, notXmlRpc, XmlRpcError } from "./XmlRpcError.ts"
import { parseScalar, type ScalarType, scalarTypes } from "./XmlRpcScalar.ts"
import { nestingDepthMax, type XmlRpcValue } from "./XmlRpcValue.ts"

/** A whole message. A fault carries its value as it came; what it must hold is for the reader of replies to judge. */
export type XmlRpcMessage =
  | { readonly _tag: "Call"; readonly method: string; readonly params: ReadonlyArray<XmlRpcValue> }
  | { readonly _tag: "Reply"; readonly values: ReadonlyArray<XmlRpcValue> }
  | { readonly _tag: "Fault"; readonly value: XmlRpcValue }

/** The message that the text holds. Never throws, whatever the text. */
export const decodeMessage = (xml: string): Result.Result<XmlRpcMessage, XmlRpcError> => {
  const parser = new SaxesParser({ defaultXMLVersion: "1.0", forceXMLVersion: true })
  return Result.try({
    try: () => {
      const builder = new MessageBuilder()
      parser.on("error", (error) => {
        // Thrown, because only an exception stops the tokenizer: it would go on after errors, up to millions of them.
        throw notWellFormed(parser, error.message.replace(/^\d+:\d+: /, ""))
      })
      parser.on("doctype", () => {
        throw notXmlRpc("a document type declaration")
      })
      parser.on("opentag", (tag) => builder.open(tag.name))
      parser.on("text", (text) => builder.text(text))
      parser.on("cdata", (text) => builder.text(text))
      parser.on("closetag", (tag) => builder.close(tag.name))
      parser.write(xml).close()
      return builder.finish()
    },
    catch: (cause) => (cause instanceof XmlRpcError ? cause : notWellFormed(parser, String(cause)))
  })
}

/**
 * Where in the message the tokenizer is: the element whose content comes next. `Named` is a member after its name,
 * `Full` an element that may only be closed.
 */
type Place =
  | "Document"
  | "Response"
  | "Call"
  | "CallNamed"
  | "MethodName"
  | "Params"
  | "Param"
  | "Fault"
  | "Value"
  | "Scalar"
  | "Array"
  | "Data"
  | "Struct"
  | "Member"
  | "Name"
  | "Named"
  | "Full"

/** An array or struct that is not closed yet. */
type Container =
  | { readonly _tag: "Array"; readonly items: Array<XmlRpcValue> }
  | { readonly _tag: "Struct"; readonly members: Record<string, XmlRpcValue>; name: string }

const notBlank = /[^ \t\r\n]/

class MessageBuilder {
  private place: Place = "Document"
  private readonly containers: Array<Container> = []
  private readonly params: Array<XmlRpcValue> = []
  private characters = ""
  private scalar: ScalarType = "string"
  /** The value of the `value` element that is open; undefined while none was seen in it. */
  private value: XmlRpcValue | undefined = undefined
  private method = ""
  private message: XmlRpcMessage["_tag"] | undefined = undefined

  open(name: string): void {
    const next = this.placeInside(name)
    // Text of the enclosing element that is only layout ends here; text of a scalar or a name begins here.
    if (notBlank.test(this.characters)) throw notXmlRpc(`text before <${name}>`)
    this.characters = ""
    this.place = next
  }

  text(text: string): void {
    if (this.characters === "") this.characters = text
    else this.characters += text
  }

  close(name: string): void {
    const characters = this.characters
    this.characters = ""
    switch (this.place) {
      case "Scalar":
        return this.closeScalar(name, characters)
      case "Value":
        return this.closeValue(characters)
      case "Name":
        this.container("Struct").name = characters
        this.place = "Named"
        return
      case "MethodName":
        if (characters === "") throw notXmlRpc("an empty method name")
        this.method = characters
        this.place = "CallNamed"
        return
      default:
        if (notBlank.test(characters)) throw notXmlRpc(`text inside <${name}>`)
        this.place = this.placeAfter(name)
    }
  }

  finish(): XmlRpcMessage {
    switch (this.message) {
      case "Call":
        return { _tag: "Call", method: this.method, params: this.params }
      case "Reply":
        return { _tag: "Reply", values: this.params }
      case "Fault": {
        const value = this.params[0]
        if (value === undefined) throw notXmlRpc("an empty fault")
        return { _tag: "Fault", value }
      }
      case undefined:
        throw notXmlRpc("an empty methodResponse")
    }
  }

  /** The place that opening this element leads to. */
  private placeInside(name: string): Place {
    switch (this.place) {
      case "Document":
        if (name === "methodResponse") return "Response"
        if (name === "methodCall") return this.begin("Call", "Call")
        break
      case "Response":
        if (name === "params") return this.begin("Reply", "Params")
        if (name === "fault") return this.begin("Fault", "Fault")
        break
      case "Call":
        if (name === "methodName") return "MethodName"
        break
      case "CallNamed":
        if (name === "params") return "Params"
        break
      case "Params":
        if (name === "param") return "Param"
        break
      case "Param":
      case "Fault":
      case "Data":
      case "Named":
        if (name === "value") return "Value"
        break
      case "Value":
        if (this.value === undefined) return this.placeOfType(name)
        break
      case "Array":
        if (name === "data") return "Data"
        break
      case "Struct":
        if (name === "member") return "Member"
        break
      case "Member":
        if (name === "name") return "Name"
        break
      default:
        break
    }
    throw notXmlRpc(`<${name}> where it does not belong`)
  }

  private begin(message: XmlRpcMessage["_tag"], place: Place): Place {
    this.message = message
    return place
  }

  private placeOfType(name: string): Place {
    const scalar = scalarTypes.get(name)
    if (scalar !== undefined) {
      this.scalar = scalar
      return "Scalar"
    }
    if (name !== "array" && name !== "struct") throw notXmlRpc(`a value of the unknown type <${name}>`)
    if (this.containers.length === nestingDepthMax) throw notXmlRpc(`values nested deeper than ${nestingDepthMax}`)
    this.containers.push(
      name === "array" ? { _tag: "Array", items: [] } : { _tag: "Struct", members: { __proto__: null }, name: "" }
    )
    return name === "array" ? "Array" : "Struct"
  }

  /** The place that closing an element without a value of its own leads back to. */
  private placeAfter(name: string): Place {
    switch (name) {
      case "data":
        return "Full"
      case "member":
        if (this.place !== "Full") throw notXmlRpc("a member without a name and a value")
        return "Struct"
      case "param":
        if (this.place !== "Full") throw notXmlRpc("a param without a value")
        return "Params"
      case "array":
        if (this.place !== "Full") throw notXmlRpc("an array without data")
        this.value = this.container("Array").items
        this.containers.pop()
        return "Value"
      case "struct":
        this.value = this.container("Struct").members
        this.containers.pop()
        return "Value"
      case "methodCall":
        if (this.place === "Call") throw notXmlRpc("a call without a method name")
        return "Full"
      default:
        return "Full"
    }
  }

  private closeScalar(name: string, characters: string): void {
    const parsed = parseScalar(this.scalar, characters)
    if (Result.isFailure(parsed)) throw notXmlRpc(`<${name}> must hold ${parsed.failure}`)
    this.value = parsed.success
    this.place = "Value"
  }

  private closeValue(characters: string): void {
    if (this.value !== undefined && notBlank.test(characters)) throw notXmlRpc("text beside a typed value")
    const value = this.value === undefined ? characters : this.value
    this.value = undefined
    const container = this.containers.at(-1)
    if (container === undefined) {
      this.params.push(value)
      this.place = "Full"
    } else if (container._tag === "Array") {
      container.items.push(value)
      this.place = "Data"
    } else {
      container.members[container.name] = value
      this.place = "Full"
    }
  }

  /** The innermost open container. The element names on the stack of the tokenizer guarantee its kind. */
  private container<Tag extends Container["_tag"]>(tag: Tag): Extract<Container, { readonly _tag: Tag }>
  private container(tag: Container["_tag"]): Container {
    const container = this.containers.at(-1)
    if (container === undefined || container._tag !== tag) throw new Error(`a ${tag} is open but not on the stack`)
    return container
  }
}
