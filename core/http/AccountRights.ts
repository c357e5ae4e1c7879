/** Who may hand out rights: an administrator without limits, or the limits of this one would hold nobody else. */
import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { CurrentPrincipal, isUnlimited } from "../domain/Access.ts"
import type { Principal } from "../domain/Access.ts"
import { forbidden, unauthorized } from "./Refusal.ts"

type Refused<A> = A | HttpServerResponse.HttpServerResponse

/** Acts in the name of whoever makes the request. */
export const identified = <A, E, R>(act: (principal: Principal) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(CurrentPrincipal, (principal): Effect.Effect<Refused<A>, E, R> =>
    principal === undefined ? unauthorized("missing") : act(principal)
  )

const limited = forbidden("this is for administrators without limits", "limited")

/** Acts in the name of somebody without limits; gives all others a refusal. */
export const unlimited = <A, E, R>(act: (principal: Principal) => Effect.Effect<A, E, R>) =>
  identified((principal): Effect.Effect<Refused<A>, E, R> => (isUnlimited(principal) ? act(principal) : limited))
