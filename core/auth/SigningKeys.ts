/**
 * The keys that sign the tokens of sessions. Pure.
 *
 * The newest signs. The one before it is taken until every token that it may have signed has expired, then it is
 * removed. They are in the database as they are: a key to encrypt them with would have to lie beside it. Whoever can
 * read the database can let themselves in; keep it, and its backups, to the console alone.
 */
import * as Marks from "../Marks.ts"
import type { AccountsState, Change, SigningKey } from "./AccountsState.ts"

export interface KeyTimes {
  readonly keyRotationMs: number
  readonly accessTokenTtlMs: number
}

/** Another console may sign with the key before for so long after it was replaced. */
const slackMs = 60_000

/** Until when a key is taken that another has replaced at that time. */
const endsMs = (replacedMs: number, { accessTokenTtlMs }: KeyTimes): number => replacedMs + accessTokenTtlMs + slackMs

export const signingKey = ({ keys }: Pick<AccountsState, "keys">): SigningKey | undefined => keys[0]

/** The key of this id, if what it signed may still be valid; also while the database is away and none is removed. */
export const verifyingKey = (
  { keys }: Pick<AccountsState, "keys">,
  id: string,
  nowMs: number,
  times: KeyTimes
): SigningKey | undefined => {
  const index = keys.findIndex((key) => key.id === id)
  const successor = keys[index - 1]
  if (successor === undefined) return keys[index]
  Marks.reached("a token of a key that was replaced was shown")
  return endsMs(successor.createdMs, times) > nowMs ? keys[index] : undefined
}

/** A new key when the newest is too old or there is none; removes those that are not taken any more. */
export const keyChanges = (
  { keys }: Pick<AccountsState, "keys">,
  fresh: Omit<SigningKey, "createdMs">,
  nowMs: number,
  times: KeyTimes
): ReadonlyArray<Change> => {
  const newest = keys[0]
  const isDue = newest === undefined || nowMs - newest.createdMs >= times.keyRotationMs
  const ended = keys.filter((_, index) => {
    const successor = keys[index - 1]
    return successor !== undefined && endsMs(successor.createdMs, times) <= nowMs
  })
  return [
    ...(isDue ? [{ _tag: "KeyAdded", key: { ...fresh, createdMs: nowMs } } as const] : []),
    ...(ended.length > 0 ? [{ _tag: "KeysRemoved", ids: ended.map(({ id }) => id) } as const] : [])
  ]
}
