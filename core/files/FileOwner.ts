/**
 * Names of files that only one life of one process may use, and which of them nobody uses any more.
 *
 * The life is part of the name, so that whoever sweeps can tell what a crash has left from what is in use, without a
 * lock and whatever the clocks say.
 */
import { Effect } from "effect"
import { SecureRandom } from "effect/crypto"

/** Who makes the files, and how to tell which others still live. */
export interface FileOwner {
  /** Of this life of this process, and of no other on the machine: letters, digits, `_` and `-`, 64 at most. */
  readonly life: string
  /** Whether this life goes on. In doubt it does. */
  readonly isAlive: (life: string) => Effect.Effect<boolean>
  /** The user that private folders have to belong to; undefined where there are no such numbers. */
  readonly uid: number | undefined
}

/** Bytes of chance in a name: it cannot be guessed, nor made before its owner makes it. */
const randomBytes = 16

const form = /^(?<prefix>\.?muster-[0-9a-f]{16})-(?<life>[A-Za-z0-9_-]{1,64})\.[0-9a-f]{32}$/

/** A name under a prefix of `prefixOf` that nobody else has. */
export const nameFor = (prefix: string, { life }: FileOwner): Effect.Effect<string, never, SecureRandom.SecureRandom> =>
  Effect.gen(function* () {
    const bytes = yield* (yield* SecureRandom.SecureRandom).randomBytes(randomBytes)
    return `${prefix}-${life}.${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`
  })

/** The same for the same text. Two texts may share one: it keeps names short and apart, and protects nothing. */
export const prefixOf = (text: string, { hidden }: { readonly hidden: boolean }): string =>
  `${hidden ? "." : ""}muster-${fnv1a(text).toString(16).padStart(16, "0")}`

const fnv1a = (text: string): bigint =>
  new TextEncoder()
    .encode(text)
    .reduce((hash, byte) => BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n), 0xcbf29ce484222325n)

/** Of these names those under the prefix whose owner is gone. A name of another form is left alone. */
export const staleAmong = (
  names: ReadonlyArray<string>,
  prefix: string,
  owner: FileOwner
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.filter(names, (name) => {
    const found = form.exec(name)?.groups
    const life = found?.["life"]
    if (life === undefined || found?.["prefix"] !== prefix || life === owner.life) return Effect.succeed(false)
    return Effect.map(owner.isAlive(life), (isAlive) => !isAlive)
  })
