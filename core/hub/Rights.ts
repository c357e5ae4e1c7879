/** What the hub asks of those who know the rights of people: nothing, where there are no accounts. */
import { Context, Equal } from "effect"
import type { Credential, Principal } from "../domain/Access.ts"

export interface Rights {
  /** The rights of a credential as they are now; undefined when it lets nobody in any more. Synchronous. */
  readonly currentUnsafe: (credential: Credential, nowMs: number) => Principal | undefined
}

/** Undefined: whoever was let in stays in, with the rights of then. Give it to the layer of the hub. */
export const Rights = Context.Reference<Rights | undefined>("core/hub/Rights", { defaultValue: () => undefined })

/** Whether nothing that counts for a connection has changed. */
export const isSameRights = (one: Principal, other: Principal): boolean =>
  one === other || (one.role === other.role && Equal.equals(one.limits, other.limits))
