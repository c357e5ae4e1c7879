/**
 * Calls to a modelled supervisord: finding the method, checking the number of its parameters, and the namespace
 * `system` with its multicall, whose results are bare and not wrapped in arrays of one element.
 */
import { Result } from "effect"
import { isList, isStruct, type XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import { methods } from "./SupervisordMethods.ts"
import type { SupervisordNode } from "./SupervisordNode.ts"
import { Deferred, fault, faultStruct, lacks } from "./SupervisordReply.ts"
import type { Answer, Given } from "./SupervisordReply.ts"

/** The answer to a call, or what will give it. */
export const call = (node: SupervisordNode, name: string, params: ReadonlyArray<XmlRpcValue>): Given => {
  const method = methods.get(name)
  if (method !== undefined) {
    const most = method.signature.length - 1
    if (params.length > most || params.length < most - method.optional) return fault("INCORRECT_PARAMETERS")
    return node.mood === "running" || method.always ? method.call(node, params) : fault("SHUTDOWN_STATE")
  }
  const system = systemMethods.get(name)
  if (system === undefined) return fault("UNKNOWN_METHOD")
  const [param, ...more] = params
  if (more.length > 0 || (param === undefined) !== (system.signature.length === 1)) return fault("INCORRECT_PARAMETERS")
  return system.call(node, param ?? null)
}

interface SystemMethod {
  readonly signature: ReadonlyArray<string>
  readonly call: (node: SupervisordNode, param: XmlRpcValue) => Given
}

const signatureOf = (name: XmlRpcValue): ReadonlyArray<string> | undefined =>
  typeof name === "string" ? (methods.get(name)?.signature ?? systemMethods.get(name)?.signature) : undefined

const listMethods = (): Given => Result.succeed([...methods.keys(), ...systemMethods.keys()].toSorted())

const methodSignature = (name: XmlRpcValue): Given => {
  const signature = signatureOf(name)
  return signature === undefined ? fault("SIGNATURE_UNSUPPORTED") : Result.succeed(signature)
}

/** supervisord's own help is prose; here it says what the signature says. */
const methodHelp = (name: XmlRpcValue): Given => {
  const signature = signatureOf(name)
  if (signature === undefined) return fault("SIGNATURE_UNSUPPORTED")
  const [result, ...params] = signature
  return Result.succeed([...params.map((type) => `@param ${type}`), `@return ${result}`].join("\n"))
}

/** Calls one after another: one that waits holds up those after it. */
const multicall = (node: SupervisordNode, calls: XmlRpcValue): Given => {
  if (calls === "") return Result.succeed([])
  if (typeof calls === "string") return lacks(calls, "pop")
  if (!isList(calls)) return fault("INCORRECT_PARAMETERS")
  const left = [...calls]
  const results: Array<XmlRpcValue> = []
  let waiting: Deferred | undefined
  const note = (answer: Answer) => results.push(Result.isSuccess(answer) ? answer.success : faultStruct(answer.failure))
  const poll = (): Answer | undefined => {
    if (waiting !== undefined) {
      const answer = waiting.poll()
      if (answer === undefined) return undefined
      waiting = undefined
      note(answer)
    }
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      // What is no struct has no members to get, and that is not caught.
      if (!isStruct(next)) return lacks(next, "get")
      const given = entry(node, next["methodName"], next["params"])
      if (Result.isSuccess(given) && given.success instanceof Deferred) {
        waiting = given.success
        return undefined
      }
      note(Result.map(given, (value) => (value instanceof Deferred ? null : value)))
    }
    return Result.succeed(results)
  }
  return poll() ?? Result.succeed(new Deferred(poll))
}

const entry = (node: SupervisordNode, name: XmlRpcValue | undefined, params: XmlRpcValue | undefined): Given => {
  if (name === undefined || name === null) return fault("INCORRECT_PARAMETERS", "No methodName")
  if (name === "system.multicall") {
    return fault("INCORRECT_PARAMETERS", "Recursive system.multicall forbidden")
  }
  if (typeof name !== "string") return lacks(name, "split")
  const spread = spreadParams(params)
  return spread === undefined ? knownOr(name) : call(node, name, spread)
}

/** A method that does not exist is refused before its parameters are looked at. */
const knownOr = (name: string): Given =>
  signatureOf(name) === undefined ? fault("UNKNOWN_METHOD") : fault("INCORRECT_PARAMETERS")

/** Python spreads whatever it can go through: the characters of a text, the names of a struct. */
const spreadParams = (params: XmlRpcValue | undefined): ReadonlyArray<XmlRpcValue> | undefined => {
  if (params === undefined) return []
  if (isList(params)) return params
  if (typeof params === "string") return Array.from(params)
  return isStruct(params) ? Object.keys(params) : undefined
}

const systemMethods: ReadonlyMap<string, SystemMethod> = new Map([
  ["system.listMethods", { signature: ["array"], call: listMethods }],
  ["system.methodHelp", { signature: ["string", "string"], call: (_node, name) => methodHelp(name) }],
  ["system.methodSignature", { signature: ["array", "string"], call: (_node, name) => methodSignature(name) }],
  ["system.multicall", { signature: ["array", "array"], call: multicall }]
])
