/**
 * Who a token lets in, by memory alone. Every way in goes through here, so that the same token gives the same verdict
 * everywhere: what the token says is checked, and what it may do is what the accounts say now.
 */
import { Redacted, Result } from "effect"
import type { Principal } from "../domain/Access.ts"
import type { Secrets } from "../Secrets.ts"
import type { NotAuthenticated } from "./Accounts.ts"
import { type AccountsState, tokenByDigest } from "./AccountsState.ts"
import { verdictOf } from "./AccountViews.ts"
import { type KeyTimes, verifyingKey } from "./SigningKeys.ts"
import * as SignedToken from "./SignedToken.ts"

type Reason = NotAuthenticated["reason"]

const apiTokenForm = /^mst_[A-Za-z0-9_-]{43}$/

/** A new API token. */
export const apiTokenOf = (random: string): string => `mst_${random}`

/** Of its random part; 43 characters. */
export const apiTokenBytes = 32

type Authenticate = (state: AccountsState, token: Redacted.Redacted, nowMs: number) => Result.Result<Principal, Reason>

export const makeAuthenticate = (secrets: Secrets["Service"], times: KeyTimes): Authenticate => {
  const verify = SignedToken.makeVerify(secrets)
  return (state, token, nowMs) => {
    const text = Redacted.value(token)
    if (text === "") return Result.fail("missing")
    if (text.startsWith("mst_")) return byApiToken(secrets, state, text, nowMs)
    const claims = verify((id) => verifyingKey(state, id, nowMs, times), nowMs, text)
    return Result.flatMap(claims, ({ sid, sub }): Result.Result<Principal, Reason> => {
      const verdict = verdictOf(state, { _tag: "Session", sessionId: sid }, nowMs)
      if (typeof verdict === "string") return Result.fail(verdict)
      return verdict.userId === sub ? Result.succeed(verdict) : Result.fail("unknown")
    })
  }
}

const byApiToken = (
  secrets: Secrets["Service"],
  state: AccountsState,
  text: string,
  nowMs: number
): Result.Result<Principal, Reason> => {
  if (!apiTokenForm.test(text)) return Result.fail("malformed")
  const known = tokenByDigest(state, secrets.digest(text))
  if (known === undefined) return Result.fail("unknown")
  const verdict = verdictOf(state, { _tag: "ApiToken", tokenId: known.id }, nowMs)
  return typeof verdict === "string" ? Result.fail(verdict) : Result.succeed(verdict)
}
