/** Values on their way into SQLite and back, as JavaScript has them. */
import { Predicate } from "effect"

export type SqliteValue = null | number | bigint | string | Uint8Array<ArrayBuffer>

/**
 * A parameter as SQLite stores it; undefined for what it cannot hold. Whole numbers are INTEGER and the others REAL;
 * booleans are 1 and 0; dates their ISO text; bytes are copied, so that what is under way no longer changes.
 */
export const encodeValue = (value: unknown): SqliteValue | undefined => {
  if (value === null || typeof value === "string") return value
  if (typeof value === "boolean") return value ? 1n : 0n
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? value : undefined
  if (Predicate.isDate(value)) return value.toISOString()
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  return undefined
}

/** A stored value: integers are numbers where these are exact, and bigints beyond; all bigints when `isBigInt`. */
export const decodeValue = (value: SqliteValue, isBigInt: boolean): SqliteValue =>
  typeof value === "bigint" && !isBigInt && Number.isSafeInteger(Number(value)) ? Number(value) : value
