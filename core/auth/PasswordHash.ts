/**
 * The stored form of a password: scrypt in the PHC string format, `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, base64 without
 * padding. Pure; the hashing itself is the port `Secrets`.
 *
 * The parameters come from the stored text, so that hashes outlive a change of today's. A text from elsewhere must not
 * decide how much memory and time a login takes: what is beyond the bounds here is no hash.
 */
import { Result } from "effect"
import * as Base64 from "effect/encoding/Base64"

/** What a hash costs: 2^`ln` rounds over blocks of `r`, `p` times over. */
export interface ScryptParameters {
  readonly ln: number
  readonly r: number
  readonly p: number
}

export interface PasswordHash extends ScryptParameters {
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** How long new salts and hashes are. */
export const hashBytes = { salt: 16, hash: 32 } as const

/** What a stored text may ask for at most: four times the memory of today's parameters, and sixteen times the work. */
export const hashLimits = {
  charactersMax: 256,
  memoryBytesMax: 128 * 1024 * 1024,
  workMax: 2 ** 22,
  saltBytesMin: 8,
  saltBytesMax: 64,
  hashBytesMin: 32,
  hashBytesMax: 64
} as const

/** Memory of one hash; what a library needs beside it is little, and the same for all. */
export const memoryBytes = ({ ln, p, r }: ScryptParameters): number => 128 * r * (2 ** ln + p + 2)

const form = /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

const unpadded = (bytes: Uint8Array): string => Base64.encode(bytes).replace(/=+$/, "")

/** Undefined for what is no base64 without padding. */
const bytesOf = (text: string): Uint8Array | undefined => {
  const decoded = Result.getOrUndefined(Base64.decode(text.padEnd(Math.ceil(text.length / 4) * 4, "=")))
  // Two texts must not stand for the same bytes: the last character may hold bits that no byte takes.
  return decoded !== undefined && unpadded(decoded) === text ? decoded : undefined
}

const isWithin = (bytes: Uint8Array, min: number, max: number): boolean => bytes.length >= min && bytes.length <= max

export const format = ({ hash, ln, p, r, salt }: PasswordHash): string =>
  `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`

/** The hash that a stored text holds; undefined when it is none, or one beyond the bounds. */
export const parse = (stored: string): PasswordHash | undefined => {
  const match = stored.length <= hashLimits.charactersMax ? form.exec(stored) : null
  if (match === null) return undefined
  const [, ln = "", r = "", p = "", saltText = "", hashText = ""] = match
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) }
  const salt = bytesOf(saltText)
  const hash = bytesOf(hashText)
  if (salt === undefined || !isWithin(salt, hashLimits.saltBytesMin, hashLimits.saltBytesMax)) return undefined
  if (hash === undefined || !isWithin(hash, hashLimits.hashBytesMin, hashLimits.hashBytesMax)) return undefined
  const work = 2 ** parameters.ln * parameters.r * parameters.p
  if (work > hashLimits.workMax || memoryBytes(parameters) > hashLimits.memoryBytesMax) return undefined
  return { ...parameters, salt, hash }
}

/** Whether a stored hash was made with other parameters than those of today. */
export const isOutdated = (stored: PasswordHash, today: ScryptParameters): boolean =>
  stored.ln !== today.ln ||
  stored.r !== today.r ||
  stored.p !== today.p ||
  stored.salt.length < hashBytes.salt ||
  stored.hash.length < hashBytes.hash
