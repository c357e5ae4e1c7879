/**
 * Refresh tokens: `msr_`, the family that all tokens of a session have in common, and a part that each use replaces.
 * Only digests of them are stored.
 *
 * By the family a token that was replaced long ago is still known as one of the session: somebody has kept a copy, and
 * the session ends. Two tabs that refresh at the same moment are no thieves: for `graceMs` the token that was just
 * replaced gives the one that replaced it once more. That one is made from it with a salt that is stored, so each
 * console can, and nobody who only reads the database. A thief within that time shares one chain of tokens with the
 * owner, and the next use by the second of the two ends the session.
 */
import { Redacted } from "effect"
import type { Secrets } from "../Secrets.ts"
import type { Session } from "./AccountsState.ts"

/** How long the token before is taken after its use. */
export const graceMs = 10_000

export const sizes = { familyBytes: 18, partBytes: 32 } as const

/** 18 bytes are 24 characters, and 32 are 43. */
const form = /^msr_([A-Za-z0-9_-]{24})([A-Za-z0-9_-]{43})$/

export interface RefreshToken {
  readonly text: string
  readonly family: string
  readonly part: Redacted.Redacted
}

export const make = (family: string, part: string): RefreshToken => ({
  text: `msr_${family}${part}`,
  family,
  part: Redacted.make(part)
})

/** Undefined for what is none. */
export const parse = (text: string): RefreshToken | undefined => {
  const match = form.exec(text)
  return match === null ? undefined : make(match[1] ?? "", match[2] ?? "")
}

/** The token after this one. */
export const next = (secrets: Pick<Secrets["Service"], "sign">, token: RefreshToken, salt: string): RefreshToken =>
  make(token.family, secrets.sign(token.part, salt))

/**
 * What a token is to its session: `current`; `previous`, replaced just now; or `stolen`, replaced before. One that
 * never was of the session cannot have its family.
 */
export const standing = (
  session: Pick<Session, "refreshDigest" | "previousDigest" | "rotatedMs">,
  digest: string,
  nowMs: number
): "current" | "previous" | "stolen" => {
  if (digest === session.refreshDigest) return "current"
  // A clock that was set back must not make the time of grace longer.
  const sinceMs = nowMs - session.rotatedMs
  return digest === session.previousDigest && sinceMs >= 0 && sinceMs < graceMs ? "previous" : "stolen"
}
