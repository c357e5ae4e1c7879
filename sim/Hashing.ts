/**
 * Hashes for simulated services that do what a real one does with cryptography: the same algorithms, done at once on
 * the fiber that asks, so that a run replays. Nothing here draws or keeps anything.
 */
import { createHash, createHmac, scryptSync, timingSafeEqual } from "node:crypto"

export interface ScryptCost {
  /** Power of 2, above 1. */
  readonly n: number
  readonly r: number
  readonly p: number
  /** Memory that it may take; more than that throws. */
  readonly memoryBytesMax: number
}

export const scrypt = (
  password: string,
  salt: Uint8Array,
  bytes: number,
  { memoryBytesMax, n, p, r }: ScryptCost
): Uint8Array => new Uint8Array(scryptSync(password, salt, bytes, { N: n, r, p, maxmem: memoryBytesMax }))

/** SHA-256 of a text in UTF-8. */
export const sha256 = (text: string): Uint8Array => new Uint8Array(createHash("sha256").update(text).digest())

/** HMAC-SHA256 of a text in UTF-8. */
export const hmacSha256 = (key: Uint8Array, text: string): Uint8Array =>
  new Uint8Array(createHmac("sha256", key).update(text).digest())

/** Whether both hold the same bytes. */
export const sameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other)
