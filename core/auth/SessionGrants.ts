/** Sessions: how one begins, goes on and ends, as decisions on the state of the accounts. */
import { Redacted, Result } from "effect"
import type { Principal } from "../domain/Access.ts"
import * as Marks from "../Marks.ts"
import type { Secrets } from "../Secrets.ts"
import { type Grant, NotAuthenticated, type Origin } from "./Accounts.ts"
import type { Decision } from "./AccountsCopy.ts"
import type { AccountsOptions } from "./AccountsOptions.ts"
import {
  type AccountsState,
  type Change,
  type Session,
  sessionByFamily,
  sessionsOf,
  userById,
  type UserPatch
} from "./AccountsState.ts"
import { sessionPrincipal } from "./AccountViews.ts"
import type { Checked } from "./PasswordChecks.ts"
import * as RefreshToken from "./RefreshToken.ts"
import { signingKey } from "./SigningKeys.ts"
import * as SignedToken from "./SignedToken.ts"

type SecretsService = Secrets["Service"]

/** Random texts of a new session, drawn before it is decided on. */
export interface Fresh {
  readonly id: string
  readonly family: string
  readonly part: string
  readonly salt: string
  readonly csrfToken: string
}

const textMax = { address: 64, userAgent: 200 } as const

/** What a client says of itself, fit to be shown. */
const shown = (text: string | undefined, charactersMax: number): string | undefined =>
  text === undefined ? undefined : Array.from(text.replace(/\p{C}/gu, "")).slice(0, charactersMax).join("")

/** A pair of tokens for a session. The access token ends with the session at the latest. */
const grant = (
  secrets: SecretsService,
  state: AccountsState,
  {
    principal,
    refreshToken,
    session
  }: {
    readonly session: Session
    readonly principal: Principal
    readonly refreshToken: RefreshToken.RefreshToken
  },
  nowMs: number,
  { accessTokenTtlMs }: AccountsOptions
): Grant | undefined => {
  const key = signingKey(state)
  if (key === undefined) return undefined
  const exp = Math.floor(Math.min(nowMs + accessTokenTtlMs, session.expiresMs) / 1000)
  const claims = { sub: session.userId, sid: session.id, iat: Math.floor(nowMs / 1000), exp }
  return {
    accessToken: Redacted.make(SignedToken.sign(secrets, key, claims)),
    accessExpiresMs: exp * 1000,
    refreshToken: Redacted.make(refreshToken.text),
    sessionExpiresMs: session.expiresMs,
    csrfToken: session.csrfToken,
    principal
  }
}

/** Undefined when there is no key to sign with. */
export type Granted = Grant | undefined

/** A session for a user whose password was just checked. */
export const begin =
  (
    secrets: SecretsService,
    options: AccountsOptions,
    { rehashed, user: checked }: Checked,
    origin: Origin,
    fresh: Fresh
  ) =>
  (state: AccountsState, nowMs: number): Result.Result<Decision<Granted>, NotAuthenticated> => {
    const user = userById(state, checked.id)
    // While the password was checked it may have become another.
    if (user === undefined || user.passwordHash !== checked.passwordHash) {
      return Result.fail(new NotAuthenticated({ reason: "revoked" }))
    }
    if (user.disabled) return Result.fail(new NotAuthenticated({ reason: "disabled" }))
    const refreshToken = RefreshToken.make(fresh.family, fresh.part)
    const session: Session = {
      id: fresh.id,
      userId: user.id,
      familyDigest: secrets.digest(fresh.family),
      refreshDigest: secrets.digest(refreshToken.text),
      previousDigest: undefined,
      salt: fresh.salt,
      csrfToken: fresh.csrfToken,
      rotatedMs: nowMs,
      createdMs: nowMs,
      expiresMs: nowMs + options.sessionTtlMs,
      address: shown(origin.address, textMax.address),
      userAgent: shown(origin.userAgent, textMax.userAgent)
    }
    const own = sessionsOf(state, user.id)
    const oldest = own.slice(0, Math.max(0, own.length + 1 - options.sessionsPerUserMax)).map(({ id }) => id)
    const to: UserPatch = { lastLoginMs: nowMs, ...(rehashed === undefined ? {} : { passwordHash: rehashed }) }
    const changes: ReadonlyArray<Change> = [
      ...(oldest.length === 0 ? [] : [{ _tag: "SessionsEnded", ids: oldest } as const]),
      { _tag: "UserChanged", id: user.id, to },
      { _tag: "SessionAdded", session }
    ]
    const principal = sessionPrincipal(user, session.id)
    return Result.succeed({
      changes,
      answer: grant(secrets, state, { session, principal, refreshToken }, nowMs, options)
    })
  }

/** The next pair for a refresh token; `stolen` when it was replaced before, which ends the session. */
export const refresh =
  (secrets: SecretsService, options: AccountsOptions, token: RefreshToken.RefreshToken, salt: string) =>
  (state: AccountsState, nowMs: number): Result.Result<Decision<Granted | "stolen">, NotAuthenticated> => {
    const session = sessionByFamily(state, secrets.digest(token.family))
    const user = session === undefined ? undefined : userById(state, session.userId)
    if (session === undefined || user === undefined) return Result.fail(new NotAuthenticated({ reason: "unknown" }))
    if (session.expiresMs <= nowMs) return Result.fail(new NotAuthenticated({ reason: "expired" }))
    if (user.disabled) return Result.fail(new NotAuthenticated({ reason: "disabled" }))
    const principal = sessionPrincipal(user, session.id)
    const granted = (refreshed: Session) => {
      const refreshToken = RefreshToken.next(secrets, token, refreshed.salt)
      return grant(secrets, state, { session: refreshed, principal, refreshToken }, nowMs, options)
    }
    const digest = secrets.digest(token.text)
    switch (RefreshToken.standing(session, digest, nowMs)) {
      case "current": {
        const to = {
          refreshDigest: secrets.digest(RefreshToken.next(secrets, token, salt).text),
          previousDigest: digest,
          salt,
          rotatedMs: nowMs,
          expiresMs: nowMs + options.sessionTtlMs
        }
        const answer = granted({ ...session, ...to })
        return Result.succeed({ changes: [{ _tag: "SessionRotated", id: session.id, to }], answer })
      }
      case "previous":
        Marks.reached("a refresh token was used twice at once")
        return Result.succeed({ changes: [], answer: granted(session) })
      case "stolen":
        Marks.reached("a refresh token was stolen")
        return Result.succeed({ changes: [{ _tag: "SessionsEnded", ids: [session.id] }], answer: "stolen" })
    }
  }

/** Ends the sessions of a user, but one of them. */
export const endAll = (state: AccountsState, userId: string, keepId?: string): ReadonlyArray<Change> => {
  const ids = sessionsOf(state, userId).flatMap(({ id }) => (id === keepId ? [] : id))
  return ids.length === 0 ? [] : [{ _tag: "SessionsEnded", ids }]
}
