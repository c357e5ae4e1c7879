/** The errors of accounts and of the database as those of the API; see ErrorMapping. */
import { Effect } from "effect"
import type {
  AccountsUnknown,
  LastAdmin,
  NotAuthenticated,
  PasswordRefused,
  TooMany,
  TooManyAttempts,
  UnknownToken,
  UnknownUser,
  UsernameTaken
} from "../auth/Accounts.ts"
import type { DatabaseError } from "../storage/DatabaseError.ts"
import { databaseError } from "./DatabaseErrors.ts"
import { fail } from "./ErrorMapping.ts"
import { errorResponse, withRetryAfter } from "./ErrorResponse.ts"
import { accountsUnknown, because, forbidden, unauthorized } from "./Refusal.ts"

const unknownUser = ({ username }: UnknownUser) =>
  fail({ code: "unknown_user", message: "there is no such user", details: { username } })

const unknownToken = ({ id }: UnknownToken) =>
  fail({ code: "unknown_token", message: "there is no such API token", details: { id } })

const usernameTaken = ({ username }: UsernameTaken) =>
  fail({ code: "username_taken", message: "there is a user of this name already", details: { username } })

const lastAdmin = ({ username }: LastAdmin) =>
  fail({
    code: "last_admin",
    message: "nobody would be left who can log in as an administrator",
    details: { username }
  })

const passwordRefused = ({ message }: PasswordRefused) => fail({ code: "password_refused", message })

const tooMany = ({ max, what }: TooMany) =>
  fail({ code: "too_many_accounts", message: `there are ${max} ${what} already`, details: { what, max } })

/** 429. Whether the account or the address had too many is for the log: names that do not exist count alike. */
const tooManyAttempts = ({ by, retryAfterMs }: TooManyAttempts) =>
  Effect.map(
    Effect.andThen(
      because(`too many by ${by}`),
      errorResponse({
        code: "too_many_attempts",
        message: "too many logins have failed; wait before you try again",
        details: { retry_after_ms: retryAfterMs }
      })
    ),
    withRetryAfter(retryAfterMs)
  )

/** Maps what a login or a refresh can fail with. */
export const loginErrors = <A, R>(
  login: Effect.Effect<A, NotAuthenticated | TooManyAttempts | AccountsUnknown | DatabaseError, R>
) =>
  Effect.catchTags(login, {
    NotAuthenticated: ({ reason }) => unauthorized(reason),
    TooManyAttempts: tooManyAttempts,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what a look at the accounts can fail with. */
export const accountsErrors = <A, R>(look: Effect.Effect<A, AccountsUnknown, R>) =>
  Effect.catchTags(look, { AccountsUnknown: () => accountsUnknown })

/** Maps what a look at a user can fail with. */
export const userErrors = <A, R>(look: Effect.Effect<A, UnknownUser | AccountsUnknown, R>) =>
  Effect.catchTags(look, { UnknownUser: unknownUser, AccountsUnknown: () => accountsUnknown })

/** Maps what the end of sessions can fail with. */
export const endErrors = <A, R>(end: Effect.Effect<A, UnknownUser | AccountsUnknown | DatabaseError, R>) =>
  Effect.catchTags(end, {
    UnknownUser: unknownUser,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what the creation of a user can fail with. */
export const createUserErrors = <A, R>(
  create: Effect.Effect<A, UsernameTaken | PasswordRefused | TooMany | AccountsUnknown | DatabaseError, R>
) =>
  Effect.catchTags(create, {
    UsernameTaken: usernameTaken,
    PasswordRefused: passwordRefused,
    TooMany: tooMany,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what the change of a user can fail with. */
export const changeUserErrors = <A, R>(
  change: Effect.Effect<A, UnknownUser | PasswordRefused | LastAdmin | AccountsUnknown | DatabaseError, R>
) =>
  Effect.catchTags(change, {
    UnknownUser: unknownUser,
    PasswordRefused: passwordRefused,
    LastAdmin: lastAdmin,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what the removal of a user can fail with. */
export const removeUserErrors = <A, R>(
  remove: Effect.Effect<A, UnknownUser | LastAdmin | AccountsUnknown | DatabaseError, R>
) =>
  Effect.catchTags(remove, {
    UnknownUser: unknownUser,
    LastAdmin: lastAdmin,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/**
 * Maps what a change of one's own password can fail with. A wrong present one is no 401: who asks is known, and a page
 * would send them to log in.
 */
export const ownPasswordErrors = <A, R>(
  change: Effect.Effect<
    A,
    NotAuthenticated | TooManyAttempts | PasswordRefused | UnknownUser | AccountsUnknown | DatabaseError,
    R
  >
) =>
  Effect.catchTags(change, {
    NotAuthenticated: ({ reason }) => forbidden("the present password is another one", reason),
    TooManyAttempts: tooManyAttempts,
    PasswordRefused: passwordRefused,
    UnknownUser: unknownUser,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what the making of a ticket can fail with. */
export const ticketErrors = <A, R>(issue: Effect.Effect<A, TooMany, R>) => Effect.catchTags(issue, { TooMany: tooMany })

/** Maps what the making of an API token can fail with. */
export const createTokenErrors = <A, R>(
  create: Effect.Effect<A, UnknownUser | TooMany | AccountsUnknown | DatabaseError, R>
) =>
  Effect.catchTags(create, {
    UnknownUser: unknownUser,
    TooMany: tooMany,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what the removal of an API token can fail with. */
export const removeTokenErrors = <A, R>(remove: Effect.Effect<A, UnknownToken | AccountsUnknown | DatabaseError, R>) =>
  Effect.catchTags(remove, {
    UnknownToken: unknownToken,
    AccountsUnknown: () => accountsUnknown,
    DatabaseError: databaseError
  })

/** Maps what the end of one's own session can fail with. */
export const logoutErrors = <A, R>(logout: Effect.Effect<A, AccountsUnknown | DatabaseError, R>) =>
  Effect.catchTags(logout, { AccountsUnknown: () => accountsUnknown, DatabaseError: databaseError })
