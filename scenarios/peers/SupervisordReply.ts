/**
 * What a method of a modelled supervisord gives back, and how supervisord, being Python, takes arguments: it checks no
 * types, so a wrong one is a fault, an HTTP 500, or simply accepted, by what happens to be done with it.
 */
import { Result } from "effect"
import { SupervisorFaultCode } from "../../core/supervisor/SupervisorFault.ts"
import { isList, isStruct, type XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"

/** The method raised: a fault for the caller, or an exception that nobody expected, as Python prints it. */
export type Refusal =
  | { readonly _tag: "Fault"; readonly code: number; readonly text: string }
  | { readonly _tag: "Crash"; readonly type: string; readonly detail: string }

export type Answer<A = XmlRpcValue> = Result.Result<A, Refusal>

/** An answer that is not known yet. `poll` is asked again and again; undefined is "not yet". */
export class Deferred {
  readonly poll: () => Answer | undefined

  constructor(poll: () => Answer | undefined) {
    this.poll = poll
  }
}

export type Given = Answer<XmlRpcValue | Deferred>

export type FaultName = Exclude<keyof typeof SupervisorFaultCode, "SUCCESS">

/** The status of results that are no faults. */
export const success = SupervisorFaultCode.SUCCESS

export const fault = (name: FaultName, detail?: string): Result.Result<never, Refusal> =>
  Result.fail({
    _tag: "Fault",
    code: SupervisorFaultCode[name],
    text: detail === undefined ? name : `${name}: ${detail}`
  })

export const crash = (type: string, detail: string): Result.Result<never, Refusal> =>
  Result.fail({ _tag: "Crash", type, detail })

/** A refusal as an entry of a multicall shows it. */
export const faultStruct = (refusal: Refusal): XmlRpcValue =>
  refusal._tag === "Fault"
    ? { faultCode: refusal.code, faultString: refusal.text }
    : { faultCode: SupervisorFaultCode.FAILED, faultString: `FAILED: <class '${refusal.type}'>:${refusal.detail}` }

// Arguments -------------------------------------------------------------------------------------------------------------

/** Python's name of a value's type. */
const typeName = (value: XmlRpcValue): string => {
  if (typeof value === "string" || value instanceof Uint8Array) return "str"
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float"
  if (typeof value === "boolean") return "bool"
  if (value === null) return "NoneType"
  return isList(value) ? "list" : "dict"
}

/** What Python says of a value that lacks a method. */
export const lacks = (value: XmlRpcValue, attribute: string): Result.Result<never, Refusal> =>
  crash("AttributeError", `'${typeName(value)}' object has no attribute '${attribute}'`)

/** Python's `str` of a value. */
export const text = (value: XmlRpcValue): string => {
  if (typeof value === "string") return value
  if (typeof value === "number") return String(value)
  if (typeof value === "boolean") return value ? "True" : "False"
  if (value === null) return "None"
  if (value instanceof Uint8Array) return new TextDecoder().decode(value)
  if (isList(value)) return `[${value.map(quoted).join(", ")}]`
  return `{${Object.entries(value)
    .map(([name, member]) => `${quoted(name)}: ${quoted(member)}`)
    .join(", ")}}`
}

const quoted = (value: XmlRpcValue): string => (typeof value === "string" ? `'${value}'` : text(value))

/** A value used as a key: lists and structs cannot be. */
export const key = (value: XmlRpcValue): Answer<string> =>
  isList(value) || isStruct(value) ? fault("INCORRECT_PARAMETERS") : Result.succeed(text(value))

/** A name that is split at its colon: only a text can be. */
export const splittable = (value: XmlRpcValue): Answer<string> =>
  typeof value === "string" ? Result.succeed(value) : lacks(value, "split")

export const isTrue = (value: XmlRpcValue): boolean => {
  if (typeof value === "string" || isList(value)) return value.length > 0
  if (isStruct(value)) return Object.keys(value).length > 0
  return value instanceof Uint8Array ? value.length > 0 : value !== null && value !== false && value !== 0
}

const integer = /^\s*[+-]?\d+(?:_\d+)*\s*$/

/** Python's `int`: undefined for a text that is no number, a fault for what can never be one. */
export const int = (value: XmlRpcValue): Answer<number | undefined> => {
  if (typeof value === "number") return Result.succeed(Math.trunc(value))
  if (typeof value === "boolean") return Result.succeed(value ? 1 : 0)
  if (typeof value !== "string") return fault("INCORRECT_PARAMETERS")
  return Result.succeed(integer.test(value) ? Number(value.replaceAll("_", "")) : undefined)
}

/** What Python says of a text that is no number. */
export const noInteger = (value: XmlRpcValue): string => `invalid literal for int() with base 10: ${quoted(value)}`
