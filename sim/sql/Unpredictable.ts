/**
 * The functions of SQLite whose answer depends on the machine, on the clock and the seed of the run instead: `now` in
 * any function of date and time, CURRENT_TIMESTAMP and its like, random() and randomblob(). The wall clock stands still
 * during a statement, as it does in SQLite. `localtime` and `utc`, which depend on the machine's zone, are refused.
 *
 * Wider than real: SQLite refuses `now` in indexes, generated columns and checks; here it cannot tell.
 */
import type { SqliteValue } from "./SqliteValue.ts"

/** Where the answers come from. */
export interface Sources {
  /** The wall clock, milliseconds since 1970. */
  readonly nowMs: () => number
  /** An integer below n. */
  readonly below: (n: number) => number
}

export interface Replacement {
  readonly name: string
  /** Same arguments, same answer within one statement: SQLite may then ask once, and use it in an index. */
  readonly deterministic: boolean
  /** `original` asks a SQLite whose functions are not replaced. */
  readonly call: (
    args: ReadonlyArray<SqliteValue>,
    original: (call: string, args: ReadonlyArray<SqliteValue>) => SqliteValue
  ) => SqliteValue
}

/** Which argument is the first time value of a function; those before it are formats. */
const timeFunctions: ReadonlyArray<readonly [name: string, timeAt: number]> = [
  ["date", 0],
  ["time", 0],
  ["datetime", 0],
  ["julianday", 0],
  ["unixepoch", 0],
  ["strftime", 1]
]

const currents: ReadonlyArray<readonly [name: string, original: string]> = [
  ["current_date", "date"],
  ["current_time", "time"],
  ["current_timestamp", "datetime"]
]

/** Bytes of one randomblob() at most. */
const blobBytesMax = 1_000_000

export const replacements = ({ below, nowMs }: Sources): ReadonlyArray<Replacement> => {
  /** The instant as SQLite reads it: seconds since 1970 with a fraction, and the modifier that says so. */
  const now = (): ReadonlyArray<SqliteValue> => [nowMs() / 1000, "unixepoch"]
  const isNow = (value: SqliteValue | undefined) => typeof value === "string" && value.toLowerCase() === "now"
  const withNow = (args: ReadonlyArray<SqliteValue>, at: number): ReadonlyArray<SqliteValue> => {
    const time = args[at]
    if (args.length <= at || isNow(time)) return [...args.slice(0, at), ...now(), ...args.slice(at + 1)]
    const isSubsecond = typeof time === "string" && /^subsec(?:ond)?$/i.test(time)
    return isSubsecond ? [...args.slice(0, at), ...now(), ...args.slice(at)] : args
  }
  const refuseZones = (args: ReadonlyArray<SqliteValue>) => {
    const zone = args.find((value) => typeof value === "string" && /^(?:localtime|utc)$/i.test(value))
    if (zone !== undefined)
      throw new Error(`${String(zone)} depends on the zone of the machine, which is not simulated`)
  }
  const times = timeFunctions.map(([name, timeAt]): Replacement => ({
    name,
    deterministic: true,
    call: (args, original) => {
      refuseZones(args)
      return original(name, withNow(args, timeAt))
    }
  }))
  const shorthands = currents.map(([name, same]): Replacement => ({
    name,
    deterministic: true,
    call: (_, original) => original(same, now())
  }))
  const difference: Replacement = {
    name: "timediff",
    deterministic: true,
    call: (args, original) =>
      original(
        "timediff",
        args.map((value) => (isNow(value) ? original("datetime", [...now(), "subsec"]) : value))
      )
  }
  const random: Replacement = {
    name: "random",
    deterministic: false,
    call: () => BigInt.asIntN(64, (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32)))
  }
  const randomblob: Replacement = {
    name: "randomblob",
    deterministic: false,
    call: ([size]) => {
      const bytes = Math.max(1, Number(size ?? 1) || 1)
      if (bytes > blobBytesMax) throw new Error(`randomblob(${bytes}) is more than ${blobBytesMax} bytes`)
      return Uint8Array.from({ length: bytes }, () => below(256))
    }
  }
  return [...times, ...shorthands, difference, random, randomblob]
}
