/**
 * `Secrets` by node:crypto. Passwords are hashed in the thread pool, 32 MiB and a tenth of a second each; what is short
 * is done at once.
 */
import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import { format, hashBytes, hashLimits, isOutdated, parse, type ScryptParameters } from "../core/auth/PasswordHash.ts"
import { Secrets } from "../core/Secrets.ts"

/** Parameters of new hashes. */
const today: ScryptParameters = { ln: 15, r: 8, p: 1 }

/** Of a login that is tried against a text that is no hash, and takes as long as any other. */
const noSalt = new Uint8Array(hashBytes.salt)

/** A thread that hashes cannot be stopped: who is interrupted waits, so that none runs unseen. */
const hash = (password: Redacted.Redacted, salt: Uint8Array, bytes: number, { ln, p, r }: ScryptParameters) =>
  Effect.callback<Uint8Array>((resume) => {
    const options = { N: 2 ** ln, r, p, maxmem: 2 * hashLimits.memoryBytesMax }
    scrypt(Redacted.value(password), salt, bytes, options, (error, key) => {
      resume(error === null ? Effect.succeed(new Uint8Array(key)) : Effect.die(error))
    })
  }).pipe(Effect.uninterruptible, Effect.withSpan("Secrets.hash"))

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other)

export const layer: Layer.Layer<Secrets> = Layer.succeed(
  Secrets,
  Secrets.of({
    hashPassword: (password) =>
      Effect.suspend(() => {
        const salt = new Uint8Array(randomBytes(hashBytes.salt))
        return Effect.map(hash(password, salt, hashBytes.hash, today), (made) => format({ ...today, salt, hash: made }))
      }),
    verifyPassword: (password, stored) =>
      Effect.suspend(() => {
        const known = parse(stored)
        if (known === undefined) {
          return Effect.as(hash(password, noSalt, hashBytes.hash, today), { matches: false, outdated: true })
        }
        return Effect.map(hash(password, known.salt, known.hash.length, known), (made) => ({
          matches: sameBytes(made, known.hash),
          outdated: isOutdated(known, today)
        }))
      }),
    randomText: (bytes) => Effect.sync(() => randomBytes(bytes).toString("base64url")),
    sign: (key, text) =>
      createHmac("sha256", Buffer.from(Redacted.value(key), "base64url"))
        .update(text)
        .digest("base64url"),
    digest: (text) => createHash("sha256").update(text).digest("base64url"),
    equal: (one, other) => sameBytes(Buffer.from(one), Buffer.from(other))
  })
)
