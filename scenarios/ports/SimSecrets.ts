/**
 * `Secrets` in the simulator: the same algorithms and stored forms at the lowest cost, done at once.
 *
 * Models: a hash that takes time on another thread (virtual time, and others run meanwhile) and cannot be interrupted;
 * texts of randomness that are those of the run and never the same twice.
 * Does not model: secrecy. Whoever knows the seed knows the keys. Nor that higher parameters take longer.
 */
import { Effect, Layer, Random, Redacted, Result } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import {
  format,
  hashBytes,
  hashLimits,
  isOutdated,
  memoryBytes,
  parse,
  type ScryptParameters
} from "../../core/auth/PasswordHash.ts"
import { monotonicMs } from "../../core/MonotonicMs.ts"
import { Secrets } from "../../core/Secrets.ts"
import { hmacSha256, sameBytes, scrypt, sha256 } from "../../sim/Hashing.ts"

export interface SimSecretsOptions {
  /** Virtual time that a hash takes. Default 0: others may run meanwhile, but no timer has to. */
  readonly hashMs?: number
  /** Parameters of new hashes, to make those of before outdated. */
  readonly today?: ScryptParameters
}

/** The lowest that there is. */
const lowest: ScryptParameters = { ln: 1, r: 1, p: 1 }

const utf8 = new TextEncoder()

const hash = (password: Redacted.Redacted, salt: Uint8Array, bytes: number, parameters: ScryptParameters) =>
  scrypt(Redacted.value(password), salt, bytes, {
    n: 2 ** parameters.ln,
    r: parameters.r,
    p: parameters.p,
    memoryBytesMax: Math.max(memoryBytes(parameters) * 2, hashLimits.memoryBytesMax)
  })

export const layer = ({ hashMs = 0, today = lowest }: SimSecretsOptions = {}): Layer.Layer<Secrets> =>
  Layer.effect(
    Secrets,
    Effect.sync(() => {
      let texts = 0
      const draw = (bytes: number) =>
        Effect.gen(function* () {
          const drawn = new Uint8Array(bytes)
          const view = new DataView(drawn.buffer)
          for (let at = 0; at + 4 <= bytes; at += 4) view.setUint32(at, yield* Random.nextIntBetween(0, 2 ** 32 - 1))
          for (let at = bytes - (bytes % 4); at < bytes; at++) drawn[at] = yield* Random.nextIntBetween(0, 255)
          return drawn
        })
      const work = Effect.uninterruptible(hashMs === 0 ? Effect.yieldNow : Effect.sleep(hashMs))
      return Secrets.of({
        hashPassword: (password) =>
          Effect.gen(function* () {
            const salt = yield* draw(hashBytes.salt)
            yield* work
            return format({ ...today, salt, hash: hash(password, salt, hashBytes.hash, today) })
          }),
        verifyPassword: (password, stored) =>
          Effect.map(work, () => {
            const known = parse(stored)
            if (known === undefined) return { matches: false, outdated: true }
            const made = hash(password, known.salt, known.hash.length, known)
            return { matches: sameBytes(made, known.hash), outdated: isOutdated(known, today) }
          }),
        randomText: (bytes) =>
          Effect.zipWith(draw(bytes), monotonicMs, (drawn, nowMs) => {
            // A run whose draws are all the same still has texts that differ, also from those before a restart.
            if (bytes >= 8) {
              const view = new DataView(drawn.buffer)
              view.setUint32(0, view.getUint32(0) + nowMs)
              view.setUint32(4, view.getUint32(4) + texts++)
            }
            return Base64Url.encode(drawn)
          }),
        sign: (key, text) =>
          Base64Url.encode(
            hmacSha256(
              Result.getOrElse(Base64Url.decode(Redacted.value(key)), () => new Uint8Array()),
              text
            )
          ),
        digest: (text) => Base64Url.encode(sha256(text)),
        equal: (one, other) => sameBytes(utf8.encode(one), utf8.encode(other))
      })
    })
  )
