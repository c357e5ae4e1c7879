/**
 * The signed token of a session: a JWT with HMAC-SHA256. Before its signature is checked, nothing of it is believed but
 * which key it names. The header has one spelling for each key, so that `alg` chooses nothing.
 *
 * There is no secret in it: user id, session id and two times. It says who asks, never what they may do.
 */
import { type Redacted, Result, Schema } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import type { Secrets } from "../Secrets.ts"

/** Times in seconds since the epoch, as JWTs have them. */
export const Claims = Schema.Struct({ sub: Schema.String, sid: Schema.String, iat: Schema.Int, exp: Schema.Int })
export type Claims = typeof Claims.Type

/** Longer texts are not looked at. */
export const charactersMax = 1024

export interface Key {
  readonly id: string
  readonly secret: Redacted.Redacted
}

type Signer = Pick<Secrets["Service"], "sign" | "equal">

const form = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

const headerOf = (keyId: string): string => Base64Url.encode(JSON.stringify({ alg: "HS256", typ: "JWT", kid: keyId }))

const Header = Schema.fromJsonString(Schema.Struct({ kid: Schema.String }))
const Payload = Schema.fromJsonString(Claims)

export const sign = (signer: Signer, key: Key, { exp, iat, sid, sub }: Claims): string => {
  const text = `${headerOf(key.id)}.${Base64Url.encode(JSON.stringify({ sub, sid, iat, exp }))}`
  return `${text}.${signer.sign(key.secret, text)}`
}

export type Verify = (
  keyOf: (id: string) => Key | undefined,
  nowMs: number,
  token: string
) => Result.Result<Claims, "malformed" | "unknown" | "expired">

/** Tokens whose signature is remembered, at once. */
const rememberedMax = 1_000

/**
 * What a token says that was signed by a key of these, and has not expired; else why it is none.
 *
 * The same token comes with every request of a client, so what was found sound is remembered, the newest of it, with
 * the key that it was signed by: whether that key still counts and whether the time is over is asked every time.
 */
export const makeVerify = (signer: Signer): Verify => {
  const sound = new Map<string, { readonly key: Key; readonly claims: Claims }>()
  return (keyOf, nowMs, token) => {
    const known = sound.get(token)
    if (known !== undefined && keyOf(known.key.id) === known.key) return unexpired(known.claims, nowMs)
    sound.delete(token)
    return Result.flatMap(signed(signer, keyOf, token), (found) => {
      const [oldest] = sound.keys()
      if (oldest !== undefined && sound.size >= rememberedMax) sound.delete(oldest)
      sound.set(token, found)
      return unexpired(found.claims, nowMs)
    })
  }
}

const unexpired = (claims: Claims, nowMs: number): Result.Result<Claims, "expired"> =>
  claims.exp * 1000 > nowMs ? Result.succeed(claims) : Result.fail("expired")

const signed = (
  signer: Signer,
  keyOf: (id: string) => Key | undefined,
  token: string
): Result.Result<{ readonly key: Key; readonly claims: Claims }, "malformed" | "unknown"> => {
  const match = token.length <= charactersMax ? form.exec(token) : null
  if (match === null) return Result.fail("malformed")
  const [, header = "", payload = "", signature = ""] = match
  const kid = Result.getOrUndefined(decode(Header, header))?.kid
  // Only a header that we would have written ourselves: no other algorithm, no other field, no other spelling.
  if (kid === undefined || headerOf(kid) !== header) return Result.fail("malformed")
  const key = keyOf(kid)
  if (key === undefined || !signer.equal(signer.sign(key.secret, `${header}.${payload}`), signature)) {
    return Result.fail("unknown")
  }
  const claims = Result.getOrUndefined(decode(Payload, payload))
  return claims === undefined ? Result.fail("malformed") : Result.succeed({ key, claims })
}

const decode = <A>(schema: Schema.Codec<A, string>, part: string): Result.Result<A, unknown> =>
  Result.flatMap(Base64Url.decodeString(part), (text) => Schema.decodeUnknownResult(schema)(text))
