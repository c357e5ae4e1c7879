/**
 * Who answers at a node. Methods that a node lacks are not asked for again, and what they would say is left empty: a
 * reimplementation may have no more than `getVersion`.
 */
import { Effect, Ref, type Result } from "effect"
import type { NodeIdentity } from "../domain/Node.ts"
import type { Malformed, NodeError } from "../domain/NodeError.ts"
import type { XmlRpcValue } from "../xmlrpc/XmlRpcValue.ts"
import type { KnownMethods } from "./LogSource.ts"
import type { SupervisorCall } from "./SupervisorCall.ts"
import { isUnknownMethod } from "./SupervisorHttp.ts"
import { intReply, textReply } from "./SupervisorReplies.ts"

/** Makes the effect that asks. `identified` holds the last answer; another version may have other methods. */
export const make = (
  call: SupervisorCall,
  methods: KnownMethods,
  identified: Ref.Ref<NodeIdentity | undefined>
): Effect.Effect<NodeIdentity, NodeError> => {
  const ask = <A, B>(method: string, read: (reply: XmlRpcValue) => Result.Result<A, Malformed>, otherwise: B) =>
    Effect.suspend((): Effect.Effect<A | B, NodeError> => {
      if (methods.get(method) === false) return Effect.succeed(otherwise)
      return call(method, [], read).pipe(
        Effect.catchIf(
          ({ reason }) => isUnknownMethod(reason),
          () => {
            methods.set(method, false)
            return Effect.succeed(otherwise)
          }
        )
      )
    })
  return Effect.gen(function* () {
    const found = yield* ask("supervisor.getSupervisorVersion", textReply, undefined)
    const version = found ?? (yield* ask("supervisor.getVersion", textReply, ""))
    const before = yield* Ref.get(identified)
    if (before !== undefined && before.version !== version) methods.clear()
    const identity = {
      identifier: yield* ask("supervisor.getIdentification", textReply, ""),
      version,
      pid: yield* ask("supervisor.getPID", intReply, 0)
    }
    yield* Ref.set(identified, identity)
    return identity
  }).pipe(Effect.withSpan("SupervisorDriver.identify"))
}
