/**
 * How often a login may fail: for one account and from one address, within a window of time. Pure; time is monotonic.
 *
 * An attempt counts as failed from its beginning, so that many at once are no way around the limit; one that succeeds
 * is taken out again. Names that do not exist count like those that do. What is counted is bounded: when there is no
 * room, the name or address that failed longest ago is forgotten.
 */

export interface LoginLimitsOptions {
  readonly failuresPerAccountMax: number
  readonly failuresPerAddressMax: number
  readonly windowMs: number
}

/** Names, and addresses, that are counted. */
export const keysMax = 10_000

/** Times of failures, oldest first, by key; the key that failed longest ago comes first. */
type Failures = ReadonlyMap<string, ReadonlyArray<number>>

export interface LoginLimits {
  readonly accounts: Failures
  readonly addresses: Failures
}

export interface Attempt {
  readonly username: string
  readonly address: string | undefined
}

export interface Refused {
  readonly by: "account" | "address"
  readonly retryAfterMs: number
}

export const none: LoginLimits = { accounts: new Map(), addresses: new Map() }

/** Whoever has one address of version 6 has all of its /64. One of version 4 in the form of 6 is the former. */
export const addressKey = (address: string | undefined): string => {
  if (address === undefined) return ""
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (!plain.includes(":")) return plain.slice(0, keyCharactersMax)
  const [head = "", tail] = (plain.split("%")[0] ?? "").toLowerCase().split("::")
  const groups = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"))
  const known = groups(head)
  const missing = tail === undefined ? 0 : Math.max(0, 8 - known.length - groups(tail).length)
  const all = [...known, ...Array.from({ length: missing }, () => "0"), ...groups(tail)]
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")
    .slice(0, keyCharactersMax)
}

const keyCharactersMax = 64

const accountKey = (username: string): string => username.slice(0, keyCharactersMax)

/** Whether an attempt has to wait, and how long. */
export const check = (
  limits: LoginLimits,
  { address, username }: Attempt,
  nowMs: number,
  options: LoginLimitsOptions
): Refused | undefined => {
  const { failuresPerAccountMax, failuresPerAddressMax, windowMs } = options
  const wait = (failures: ReadonlyArray<number> | undefined, max: number): number => {
    const counting = (failures ?? []).filter((atMs) => atMs > nowMs - windowMs)
    const decisive = counting.at(-max)
    return decisive === undefined ? 0 : decisive + windowMs - nowMs
  }
  const account = wait(limits.accounts.get(accountKey(username)), failuresPerAccountMax)
  if (account > 0) return { by: "account", retryAfterMs: account }
  const from = wait(limits.addresses.get(addressKey(address)), failuresPerAddressMax)
  return from > 0 ? { by: "address", retryAfterMs: from } : undefined
}

/** An attempt begins, and has failed until it succeeds. */
export const begin = (
  limits: LoginLimits,
  { address, username }: Attempt,
  nowMs: number,
  { failuresPerAccountMax, failuresPerAddressMax, windowMs }: LoginLimitsOptions
): LoginLimits => ({
  accounts: add(limits.accounts, accountKey(username), nowMs, failuresPerAccountMax, windowMs),
  addresses: add(limits.addresses, addressKey(address), nowMs, failuresPerAddressMax, windowMs)
})

/**
 * The attempt that began then succeeded: the account starts anew. Of the address only this attempt is taken back, or
 * somebody with an account of their own could guess at others for ever.
 */
export const succeed = (limits: LoginLimits, { address, username }: Attempt, beganMs: number): LoginLimits => {
  const key = addressKey(address)
  const failures = limits.addresses.get(key) ?? []
  const at = failures.lastIndexOf(beganMs)
  const left = at === -1 ? failures : failures.toSpliced(at, 1)
  return {
    accounts: without(limits.accounts, accountKey(username)),
    addresses: left.length === 0 ? without(limits.addresses, key) : new Map(limits.addresses).set(key, left)
  }
}

const without = (failures: Failures, key: string): Failures => {
  const left = new Map(failures)
  left.delete(key)
  return left
}

const add = (failures: Failures, key: string, nowMs: number, max: number, windowMs: number): Failures => {
  const own = (failures.get(key) ?? []).filter((atMs) => atMs > nowMs - windowMs)
  const kept = new Map(failures)
  kept.delete(key)
  // Those before do not count any more when as many came later.
  kept.set(key, [...own, nowMs].slice(-max))
  for (const [other, times] of kept) {
    if (kept.size <= keysMax && (times.at(-1) ?? 0) > nowMs - windowMs) break
    kept.delete(other)
  }
  return kept
}
