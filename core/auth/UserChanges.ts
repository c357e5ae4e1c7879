/** Changes of users and API tokens, as decisions on the state of the accounts. Pure. */
import { HashMap, Result } from "effect"
import type { ApiTokenView, UserView } from "../domain/Account.ts"
import {
  LastAdmin,
  type NewToken,
  type NewUser,
  TooMany,
  UnknownToken,
  UnknownUser,
  type UserChange,
  UsernameTaken
} from "./Accounts.ts"
import type { Decision } from "./AccountsCopy.ts"
import type { AccountsOptions } from "./AccountsOptions.ts"
import {
  type AccountsState,
  type ApiToken,
  apply,
  hasOtherAdmin,
  isFullAdmin,
  tokenById,
  type User,
  userById,
  userByName,
  type UserPatch
} from "./AccountsState.ts"
import { tokenView, userView } from "./AccountViews.ts"
import { endAll } from "./SessionGrants.ts"

/** The user of that name. */
export const find = (state: AccountsState, username: string): Result.Result<User, UnknownUser> => {
  const user = userByName(state, username)
  return user === undefined ? Result.fail(new UnknownUser({ username })) : Result.succeed(user)
}

/** Why no user of this name can be made; before the password is hashed, and again when it is. */
export const room = (
  state: AccountsState,
  { username }: Pick<NewUser, "username">,
  { usersMax }: Pick<AccountsOptions, "usersMax">
): UsernameTaken | TooMany | undefined => {
  if (userByName(state, username) !== undefined) return new UsernameTaken({ username })
  return HashMap.size(state.users) >= usersMax ? new TooMany({ what: "users", max: usersMax }) : undefined
}

export const create =
  (
    { limits, role, username }: Omit<NewUser, "password">,
    made: { readonly id: string; readonly passwordHash: string },
    options: Pick<AccountsOptions, "usersMax">
  ) =>
  (state: AccountsState, nowMs: number): Result.Result<Decision<UserView>, UsernameTaken | TooMany> => {
    const refused = room(state, { username }, options)
    if (refused !== undefined) return Result.fail(refused)
    const user: User = { ...made, username, role, limits, disabled: false, createdMs: nowMs, lastLoginMs: undefined }
    return Result.succeed({ changes: [{ _tag: "UserAdded", user }], answer: userView(user) })
  }

const isLastAdmin = (state: AccountsState, user: User): boolean => isFullAdmin(user) && !hasOtherAdmin(state, user.id)

/** A new password, and being disabled, ends the sessions of the user; the former but the one that is kept. */
export const change =
  (
    username: string,
    { disabled, limits, role }: Omit<UserChange, "password">,
    { keepId, passwordHash }: { readonly passwordHash?: string | undefined; readonly keepId?: string | undefined }
  ) =>
  (state: AccountsState): Result.Result<Decision<UserView>, UnknownUser | LastAdmin> =>
    Result.flatMap(find(state, username), (user) => {
      const asked = { disabled: disabled ?? user.disabled, limits: limits ?? user.limits, role: role ?? user.role }
      if (isLastAdmin(state, user) && !isFullAdmin(asked)) return Result.fail(new LastAdmin({ username }))
      const to: UserPatch = {
        ...(passwordHash === undefined ? {} : { passwordHash }),
        ...(role === undefined ? {} : { role }),
        ...(limits === undefined ? {} : { limits }),
        ...(disabled === undefined ? {} : { disabled })
      }
      if (Object.keys(to).length === 0) return Result.succeed({ changes: [], answer: userView(user) })
      const ended =
        disabled === true ? endAll(state, user.id) : passwordHash === undefined ? [] : endAll(state, user.id, keepId)
      const patch = { _tag: "UserChanged", id: user.id, to } as const
      const after = userById(apply(state, patch), user.id) ?? user
      return Result.succeed({ changes: [patch, ...ended], answer: userView(after) })
    })

export const remove =
  (username: string) =>
  (state: AccountsState): Result.Result<Decision<void>, UnknownUser | LastAdmin> =>
    Result.flatMap(find(state, username), (user) =>
      isLastAdmin(state, user)
        ? Result.fail(new LastAdmin({ username }))
        : Result.succeed({ changes: [{ _tag: "UserRemoved", id: user.id }], answer: undefined })
    )

export const createToken =
  (
    owner: { readonly userId: string | undefined; readonly username: string },
    { expiresMs, limits, name, role }: NewToken,
    made: { readonly id: string; readonly digest: string },
    { tokensMax }: Pick<AccountsOptions, "tokensMax">
  ) =>
  (state: AccountsState, nowMs: number): Result.Result<Decision<ApiTokenView>, UnknownUser | TooMany> => {
    const user = owner.userId === undefined ? undefined : userById(state, owner.userId)
    if (user === undefined) return Result.fail(new UnknownUser({ username: owner.username }))
    if (HashMap.size(state.tokens) >= tokensMax) return Result.fail(new TooMany({ what: "tokens", max: tokensMax }))
    const times = { createdMs: nowMs, expiresMs, lastUsedMs: undefined }
    const token: ApiToken = { ...made, ...times, userId: user.id, name, role, limits }
    return Result.succeed({ changes: [{ _tag: "TokenAdded", token }], answer: tokenView(state, token) })
  }

export const removeToken =
  (id: string) =>
  (state: AccountsState): Result.Result<Decision<ApiTokenView>, UnknownToken> => {
    const token = tokenById(state, id)
    return token === undefined
      ? Result.fail(new UnknownToken({ id }))
      : Result.succeed({ changes: [{ _tag: "TokenRemoved", id }], answer: tokenView(state, token) })
  }
