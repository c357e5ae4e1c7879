/** Accounts as the API shows them, and as they let in. Pure. No secret gets through here. */
import { DateTime } from "effect"
import type { Credential, Principal } from "../domain/Access.ts"
import { lesserRole } from "../domain/Access.ts"
import type { ApiTokenView, SessionView, UserView } from "../domain/Account.ts"
import {
  type AccountsState,
  type ApiToken,
  type Session,
  sessionById,
  tokenById,
  type User,
  userById
} from "./AccountsState.ts"

const iso = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))

export const userView = ({ createdMs, disabled, id, lastLoginMs, limits, role, username }: User): UserView => ({
  id,
  username,
  role,
  limits,
  disabled,
  created: iso(createdMs),
  ...(lastLoginMs === undefined ? {} : { last_login: iso(lastLoginMs) })
})

export const sessionView = ({ address, createdMs, expiresMs, id, userAgent }: Session): SessionView => ({
  id,
  created: iso(createdMs),
  expires: iso(expiresMs),
  ...(address === undefined ? {} : { address }),
  ...(userAgent === undefined ? {} : { user_agent: userAgent })
})

/** `usedMs` is when it was last used, where that is not stored yet. */
export const tokenView = (state: AccountsState, token: ApiToken, usedMs?: number): ApiTokenView => {
  const { createdMs, expiresMs, id, limits, name, role, userId } = token
  const lastUsedMs = usedMs ?? token.lastUsedMs
  return {
    id,
    name,
    owner: userById(state, userId)?.username ?? "",
    role,
    limits,
    created: iso(createdMs),
    ...(expiresMs === undefined ? {} : { expires: iso(expiresMs) }),
    ...(lastUsedMs === undefined ? {} : { last_used: iso(lastUsedMs) })
  }
}

export const sessionPrincipal = (user: User, sessionId: string): Principal => ({
  username: user.username,
  userId: user.id,
  actor: user.username,
  credential: { _tag: "Session", sessionId },
  role: user.role,
  limits: [user.limits]
})

/** A token never has more rights than its owner has now. */
export const tokenPrincipal = (user: User, token: ApiToken): Principal => ({
  username: user.username,
  userId: user.id,
  actor: `${user.username}/${token.name}`,
  credential: { _tag: "ApiToken", tokenId: token.id },
  role: lesserRole(user.role, token.role),
  limits: [user.limits, token.limits]
})

/** Why a credential lets nobody in. */
export type Verdict = Principal | "revoked" | "expired" | "disabled"

/** Who a session or an API token lets in now. */
export const verdictOf = (
  state: AccountsState,
  credential: Exclude<Credential, { _tag: "Anonymous" }>,
  nowMs: number
): Verdict => {
  const held =
    credential._tag === "Session" ? sessionById(state, credential.sessionId) : tokenById(state, credential.tokenId)
  const user = held === undefined ? undefined : userById(state, held.userId)
  if (held === undefined || user === undefined) return "revoked"
  if (held.expiresMs !== undefined && held.expiresMs <= nowMs) return "expired"
  if (user.disabled) return "disabled"
  return "digest" in held ? tokenPrincipal(user, held) : sessionPrincipal(user, held.id)
}
