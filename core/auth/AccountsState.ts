/**
 * The accounts as they are in the database, in memory: all lookups, and what each change makes of them. Pure.
 *
 * A change is one value that is both written to the database (AccountsStore) and applied here, so that the two cannot
 * disagree about what it does. Whether it may be made is decided before, on the state that it is applied to.
 */
import { Equal, HashMap, Option, type Redacted } from "effect"
import { isUnlimited, type Limits, type Role } from "../domain/Access.ts"

export interface User {
  readonly id: string
  readonly username: string
  readonly passwordHash: string
  readonly role: Role
  readonly limits: Limits
  readonly disabled: boolean
  readonly createdMs: number
  readonly lastLoginMs: number | undefined
}

/** What a refresh changes of a session; see RefreshToken for the three texts. */
export interface Rotation {
  readonly refreshDigest: string
  readonly previousDigest: string | undefined
  readonly salt: string
  readonly rotatedMs: number
  readonly expiresMs: number
}

export interface Session extends Rotation {
  readonly id: string
  readonly userId: string
  readonly familyDigest: string
  readonly csrfToken: string
  readonly createdMs: number
  readonly address: string | undefined
  readonly userAgent: string | undefined
}

export interface ApiToken {
  readonly id: string
  readonly userId: string
  readonly name: string
  readonly digest: string
  readonly role: Role
  readonly limits: Limits
  readonly createdMs: number
  readonly expiresMs: number | undefined
  readonly lastUsedMs: number | undefined
}

export interface SigningKey {
  readonly id: string
  readonly secret: Redacted.Redacted
  readonly createdMs: number
}

/** What is left out stays. */
export interface UserPatch {
  readonly passwordHash?: string | undefined
  readonly role?: Role | undefined
  readonly limits?: Limits | undefined
  readonly disabled?: boolean | undefined
  readonly lastLoginMs?: number | undefined
}

export type Change =
  | { readonly _tag: "UserAdded"; readonly user: User }
  | { readonly _tag: "UserChanged"; readonly id: string; readonly to: UserPatch }
  /** With all sessions and tokens of the user. */
  | { readonly _tag: "UserRemoved"; readonly id: string }
  | { readonly _tag: "SessionAdded"; readonly session: Session }
  | { readonly _tag: "SessionRotated"; readonly id: string; readonly to: Rotation }
  | { readonly _tag: "SessionsEnded"; readonly ids: ReadonlyArray<string> }
  | { readonly _tag: "TokenAdded"; readonly token: ApiToken }
  | { readonly _tag: "TokenRemoved"; readonly id: string }
  | { readonly _tag: "TokensUsed"; readonly atMs: ReadonlyMap<string, number> }
  | { readonly _tag: "KeyAdded"; readonly key: SigningKey }
  | { readonly _tag: "KeysRemoved"; readonly ids: ReadonlyArray<string> }

/** All rows, in no particular order. */
export interface AccountRows {
  /** Counts the changes; see AccountsStore. */
  readonly version: number
  /** Of the last change. */
  readonly changeId: string
  readonly users: ReadonlyArray<User>
  readonly sessions: ReadonlyArray<Session>
  readonly tokens: ReadonlyArray<ApiToken>
  readonly keys: ReadonlyArray<SigningKey>
}

export interface AccountsState {
  readonly version: number
  readonly changeId: string
  readonly users: HashMap.HashMap<string, User>
  /** Ids by user name. */
  readonly userIds: HashMap.HashMap<string, string>
  readonly sessions: HashMap.HashMap<string, Session>
  /** Ids by the digest of the family of their refresh tokens. */
  readonly familyIds: HashMap.HashMap<string, string>
  /** Ids by user, in the order of their making. */
  readonly sessionIds: HashMap.HashMap<string, ReadonlyArray<string>>
  readonly tokens: HashMap.HashMap<string, ApiToken>
  /** Ids by digest. */
  readonly tokenIds: HashMap.HashMap<string, string>
  /** The newest first. */
  readonly keys: ReadonlyArray<SigningKey>
}

const byAge = (one: { readonly createdMs: number; readonly id: string }, other: typeof one): number =>
  one.createdMs - other.createdMs || (one.id < other.id ? -1 : 1)

export const fromRows = ({ changeId, keys, sessions, tokens, users, version }: AccountRows): AccountsState => {
  const order = sessions.toSorted(byAge)
  return {
    version,
    changeId,
    users: HashMap.fromIterable(users.map((user) => [user.id, user])),
    userIds: HashMap.fromIterable(users.map((user) => [user.username, user.id])),
    sessions: HashMap.fromIterable(order.map((session) => [session.id, session])),
    familyIds: HashMap.fromIterable(order.map((session) => [session.familyDigest, session.id])),
    sessionIds: HashMap.fromIterable(
      Array.from(
        Map.groupBy(order, ({ userId }) => userId),
        ([userId, own]) => [userId, own.map(({ id }) => id)]
      )
    ),
    tokens: HashMap.fromIterable(tokens.map((token) => [token.id, token])),
    tokenIds: HashMap.fromIterable(tokens.map((token) => [token.digest, token.id])),
    keys: keys.toSorted((one, other) => byAge(other, one))
  }
}

export const toRows = ({ changeId, keys, sessions, tokens, users, version }: AccountsState): AccountRows => ({
  version,
  changeId,
  users: HashMap.toValues(users),
  sessions: HashMap.toValues(sessions),
  tokens: HashMap.toValues(tokens),
  keys
})

// Lookups ---------------------------------------------------------------------------------------------------------------

const get = <V>(map: HashMap.HashMap<string, V>, key: string): V | undefined =>
  Option.getOrUndefined(HashMap.get(map, key))

export const userById = (state: AccountsState, id: string): User | undefined => get(state.users, id)

export const userByName = (state: AccountsState, username: string): User | undefined => {
  const id = get(state.userIds, username)
  return id === undefined ? undefined : get(state.users, id)
}

export const sessionById = (state: AccountsState, id: string): Session | undefined => get(state.sessions, id)

export const sessionByFamily = (state: AccountsState, familyDigest: string): Session | undefined => {
  const id = get(state.familyIds, familyDigest)
  return id === undefined ? undefined : get(state.sessions, id)
}

/** In the order of their making. */
export const sessionsOf = (state: AccountsState, userId: string): ReadonlyArray<Session> =>
  (get(state.sessionIds, userId) ?? []).flatMap((id) => get(state.sessions, id) ?? [])

export const tokenById = (state: AccountsState, id: string): ApiToken | undefined => get(state.tokens, id)

export const tokenByDigest = (state: AccountsState, digest: string): ApiToken | undefined => {
  const id = get(state.tokenIds, digest)
  return id === undefined ? undefined : get(state.tokens, id)
}

/** Whether somebody else could administer the console without this user. */
export const hasOtherAdmin = (state: AccountsState, id: string): boolean =>
  HashMap.some(state.users, (user) => user.id !== id && isFullAdmin(user))

/** May do everything: one with limits hands out no rights. */
export const isFullAdmin = ({ disabled, limits, role }: Pick<User, "disabled" | "limits" | "role">): boolean =>
  role === "admin" && !disabled && isUnlimited({ limits: [limits] })

// Changes ---------------------------------------------------------------------------------------------------------------

/** The state after a change. What it is about and is not there stays away. */
export const apply = (state: AccountsState, change: Change): AccountsState => {
  switch (change._tag) {
    case "UserAdded": {
      const { user } = change
      return {
        ...state,
        users: HashMap.set(state.users, user.id, user),
        userIds: HashMap.set(state.userIds, user.username, user.id)
      }
    }
    case "UserChanged": {
      const user = get(state.users, change.id)
      return user === undefined
        ? state
        : { ...state, users: HashMap.set(state.users, user.id, patched(user, change.to)) }
    }
    case "UserRemoved":
      return withoutUser(state, change.id)
    case "SessionAdded":
      return withSession(state, change.session)
    case "SessionRotated": {
      const session = get(state.sessions, change.id)
      if (session === undefined) return state
      return { ...state, sessions: HashMap.set(state.sessions, session.id, { ...session, ...change.to }) }
    }
    case "SessionsEnded":
      return change.ids.reduce(withoutSession, state)
    case "TokenAdded": {
      const { token } = change
      return {
        ...state,
        tokens: HashMap.set(state.tokens, token.id, token),
        tokenIds: HashMap.set(state.tokenIds, token.digest, token.id)
      }
    }
    case "TokenRemoved":
      return withoutToken(state, change.id)
    case "TokensUsed":
      return Array.from(change.atMs).reduce(withUse, state)
    case "KeyAdded":
      return { ...state, keys: [...state.keys, change.key].toSorted((one, other) => byAge(other, one)) }
    case "KeysRemoved":
      return { ...state, keys: state.keys.filter(({ id }) => !change.ids.includes(id)) }
  }
}

const patched = (user: User, to: UserPatch): User => ({
  ...user,
  passwordHash: to.passwordHash ?? user.passwordHash,
  role: to.role ?? user.role,
  limits: to.limits ?? user.limits,
  disabled: to.disabled ?? user.disabled,
  lastLoginMs: to.lastLoginMs ?? user.lastLoginMs
})

const withoutUser = (state: AccountsState, id: string): AccountsState => {
  const user = get(state.users, id)
  if (user === undefined) return state
  const tokens = HashMap.toValues(state.tokens).filter(({ userId }) => userId === id)
  const alone = tokens.reduce(
    (left, token) => withoutToken(left, token.id),
    sessionsOf(state, id).reduce((left, session) => withoutSession(left, session.id), state)
  )
  return { ...alone, users: HashMap.remove(alone.users, id), userIds: HashMap.remove(alone.userIds, user.username) }
}

const withSession = (state: AccountsState, session: Session): AccountsState => {
  const own = [...sessionsOf(state, session.userId), session].toSorted(byAge).map(({ id }) => id)
  return {
    ...state,
    sessions: HashMap.set(state.sessions, session.id, session),
    familyIds: HashMap.set(state.familyIds, session.familyDigest, session.id),
    sessionIds: HashMap.set(state.sessionIds, session.userId, own)
  }
}

const withoutSession = (state: AccountsState, id: string): AccountsState => {
  const session = get(state.sessions, id)
  if (session === undefined) return state
  const own = (get(state.sessionIds, session.userId) ?? []).filter((other) => other !== id)
  return {
    ...state,
    sessions: HashMap.remove(state.sessions, id),
    familyIds: HashMap.remove(state.familyIds, session.familyDigest),
    sessionIds:
      own.length === 0
        ? HashMap.remove(state.sessionIds, session.userId)
        : HashMap.set(state.sessionIds, session.userId, own)
  }
}

const withoutToken = (state: AccountsState, id: string): AccountsState => {
  const token = get(state.tokens, id)
  if (token === undefined) return state
  return {
    ...state,
    tokens: HashMap.remove(state.tokens, id),
    tokenIds: HashMap.remove(state.tokenIds, token.digest)
  }
}

const withUse = (state: AccountsState, [id, atMs]: readonly [string, number]): AccountsState => {
  const token = get(state.tokens, id)
  if (token === undefined || (token.lastUsedMs ?? 0) >= atMs) return state
  return { ...state, tokens: HashMap.set(state.tokens, id, { ...token, lastUsedMs: atMs }) }
}

// Whose rights ----------------------------------------------------------------------------------------------------------

/** Users whose rights, or those of one of their sessions and tokens, a change of this state changes. */
export const concerned = (state: AccountsState, change: Change): ReadonlyArray<string> => {
  switch (change._tag) {
    case "UserChanged":
      return changesRights(change.to) ? [change.id] : []
    case "UserRemoved":
      return [change.id]
    case "SessionsEnded":
      return change.ids.flatMap((id) => get(state.sessions, id)?.userId ?? [])
    case "TokenRemoved": {
      const token = get(state.tokens, change.id)
      return token === undefined ? [] : [token.userId]
    }
    default:
      return []
  }
}

const changesRights = ({ disabled, limits, role }: UserPatch): boolean =>
  role !== undefined || limits !== undefined || disabled !== undefined

/** The same between two states, for what others have changed. */
export const concernedBetween = (before: AccountsState, after: AccountsState): ReadonlySet<string> => {
  const users = HashMap.toValues(before.users).filter(({ disabled, id, limits, role }) => {
    const now = get(after.users, id)
    return now === undefined || now.role !== role || now.disabled !== disabled || !Equal.equals(now.limits, limits)
  })
  const sessions = HashMap.toValues(before.sessions).filter(({ id }) => !HashMap.has(after.sessions, id))
  const tokens = HashMap.toValues(before.tokens).filter(({ id }) => !HashMap.has(after.tokens, id))
  return new Set([...users.map(({ id }) => id), ...[...sessions, ...tokens].map(({ userId }) => userId)])
}
