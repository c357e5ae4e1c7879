/**
 * Accounts (S3): users, their sessions and API tokens.
 *
 * All of it is in the database and a copy of it in memory, which every request is checked against: a look needs no
 * database, and a change acts at once. A change is committed first, then taken into the copy in one step, then told to
 * those who watch (the hub), and only then answered.
 */
import { Context, type Effect, type Redacted, Schema, type Scope } from "effect"
import type { Credential, Limits, Principal, Role } from "../domain/Access.ts"
import type { ApiTokenView, SessionView, UserView } from "../domain/Account.ts"
import type { DatabaseError } from "../storage/DatabaseError.ts"

/**
 * Nobody is let in by this. `reason` is for the log and the metrics; every answer is the same, so that it does not tell
 * which names exist.
 */
export class NotAuthenticated extends Schema.TaggedError<NotAuthenticated>()("NotAuthenticated", {
  reason: Schema.Literals(["missing", "malformed", "unknown", "expired", "revoked", "disabled", "wrong password"])
}) {}

/** Too many logins failed for this account, or from this address; or `load`: too many wait for their turn. */
export class TooManyAttempts extends Schema.TaggedError<TooManyAttempts>()("TooManyAttempts", {
  by: Schema.Literals(["account", "address", "load"]),
  retryAfterMs: Schema.Number
}) {}

export class UnknownUser extends Schema.TaggedError<UnknownUser>()("UnknownUser", { username: Schema.String }) {}

export class UnknownToken extends Schema.TaggedError<UnknownToken>()("UnknownToken", { id: Schema.String }) {}

export class UsernameTaken extends Schema.TaggedError<UsernameTaken>()("UsernameTaken", { username: Schema.String }) {}

/** It would leave nobody who can log in as an administrator. */
export class LastAdmin extends Schema.TaggedError<LastAdmin>()("LastAdmin", { username: Schema.String }) {}

/** The policy refuses the password; `message` says what it asks for, never what was given. */
export class PasswordRefused extends Schema.TaggedError<PasswordRefused>()("PasswordRefused", {
  message: Schema.String
}) {}

/** As many as allowed exist already. */
export class TooMany extends Schema.TaggedError<TooMany>()("TooMany", {
  what: Schema.Literals(["users", "tokens", "tickets"]),
  max: Schema.Int
}) {}

/** The accounts are not known yet: the database has not been reached since the start. */
export class AccountsUnknown extends Schema.TaggedError<AccountsUnknown>()("AccountsUnknown", {}) {}

/** A session as its owner gets it. Both texts are secrets. */
export interface Grant {
  /** A signed token that lets in until `accessExpiresMs`. */
  readonly accessToken: Redacted.Redacted
  readonly accessExpiresMs: number
  /**
   * Gives the next pair. Used again it ends the session: somebody has stolen it. Only within 10 seconds of its use it
   * gives the same next one again, to two tabs that refresh at the same moment or who did not get the answer.
   */
  readonly refreshToken: Redacted.Redacted
  readonly sessionExpiresMs: number
  /** What requests that are authenticated by a cookie have to send along in `x-csrf-token`. */
  readonly csrfToken: string
  readonly principal: Principal
}

export interface Origin {
  readonly address?: string | undefined
  readonly userAgent?: string | undefined
}

export interface NewUser {
  readonly username: string
  readonly password: Redacted.Redacted
  readonly role: Role
  readonly limits: Limits
}

/** What is left out stays as it is. A change of anything but the last login ends the open sockets of the user. */
export interface UserChange {
  readonly role?: Role | undefined
  readonly disabled?: boolean | undefined
  readonly limits?: Limits | undefined
  readonly password?: Redacted.Redacted | undefined
}

export interface NewToken {
  readonly name: string
  readonly role: Role
  readonly limits: Limits
  /** Milliseconds since the epoch; undefined for one that does not end. */
  readonly expiresMs: number | undefined
}

type Stored<E = never> = DatabaseError | AccountsUnknown | E

export class Accounts extends Context.Service<
  Accounts,
  {
    /**
     * Who this token lets in: the signed token of a session, or an API token (`mst_...`). Looks at memory alone; the
     * same token gives the same verdict wherever it is used.
     */
    readonly authenticate: (token: Redacted.Redacted) => Effect.Effect<Principal, NotAuthenticated | AccountsUnknown>
    /** The rights of a credential as they are now; undefined when it lets nobody in any more. Synchronous. */
    readonly currentUnsafe: (credential: Credential, nowMs: number) => Principal | undefined
    /**
     * Runs after every change that takes rights away or gives any, before the change is answered: with the ids of the
     * users it concerns. Must not fail or wait for long. Until the scope closes.
     */
    readonly onRightsChanged: (
      act: (userIds: ReadonlySet<string>) => Effect.Effect<void>
    ) => Effect.Effect<void, never, Scope.Scope>
    /** The one that requests without a credential are from, where the configuration allows them; else undefined. */
    readonly anonymous: Principal | undefined

    /** Every failure takes as long as a wrong password, and counts against the account and the address. */
    readonly login: (
      username: string,
      password: Redacted.Redacted,
      origin: Origin
    ) => Effect.Effect<Grant, Stored<NotAuthenticated | TooManyAttempts>>
    /** The next pair of tokens of a session, for the refresh token of the last. */
    readonly refresh: (
      refreshToken: Redacted.Redacted,
      origin: Origin
    ) => Effect.Effect<Grant, Stored<NotAuthenticated | TooManyAttempts>>
    /** Ends a session; one that is over stays so. */
    readonly logout: (sessionId: string) => Effect.Effect<void, Stored>
    /** The value of `x-csrf-token` that belongs to a session. Synchronous. */
    readonly csrfTokenUnsafe: (sessionId: string) => string | undefined
    /** For one opening of a WebSocket within half a minute, by whoever asks with this credential. In memory only. */
    readonly issueTicket: (principal: Principal) => Effect.Effect<Redacted.Redacted, TooMany>
    /** Takes a ticket, which is used up by that, and gives who it was issued to, with the rights of now. */
    readonly redeemTicket: (ticket: Redacted.Redacted) => Effect.Effect<Principal, NotAuthenticated | AccountsUnknown>

    readonly users: Effect.Effect<ReadonlyArray<UserView>, AccountsUnknown>
    readonly user: (username: string) => Effect.Effect<UserView, UnknownUser | AccountsUnknown>
    readonly createUser: (user: NewUser) => Effect.Effect<UserView, Stored<UsernameTaken | PasswordRefused | TooMany>>
    /** `keep` is a session that a change of password does not end: that of the user who asked. */
    readonly changeUser: (
      username: string,
      change: UserChange,
      keep?: Credential
    ) => Effect.Effect<UserView, Stored<UnknownUser | PasswordRefused | LastAdmin>>
    /** A user's own change of password, which asks for the present one; counts like a login. */
    readonly changeOwnPassword: (
      principal: Principal,
      change: { readonly present: Redacted.Redacted; readonly next: Redacted.Redacted },
      origin: Origin
    ) => Effect.Effect<void, Stored<NotAuthenticated | TooManyAttempts | PasswordRefused | UnknownUser>>
    readonly removeUser: (username: string) => Effect.Effect<void, Stored<UnknownUser | LastAdmin>>
    readonly sessions: (username: string) => Effect.Effect<ReadonlyArray<SessionView>, UnknownUser | AccountsUnknown>
    /** Ends all sessions of a user, at once. */
    readonly endSessions: (username: string) => Effect.Effect<void, Stored<UnknownUser>>

    readonly tokens: Effect.Effect<ReadonlyArray<ApiTokenView>, AccountsUnknown>
    /** The secret is shown this once. A token never has more rights than its owner has at the moment of its use. */
    readonly createToken: (
      owner: Principal,
      token: NewToken
    ) => Effect.Effect<
      { readonly token: ApiTokenView; readonly secret: Redacted.Redacted },
      Stored<UnknownUser | TooMany>
    >
    readonly removeToken: (id: string) => Effect.Effect<ApiTokenView, Stored<UnknownToken>>
    readonly counts: Effect.Effect<AccountCounts>
  }
>()("core/auth/Accounts") {}

/** Since the start; for the metrics. */
export interface AccountCounts {
  readonly users: number
  readonly sessions: number
  readonly tokens: number
  readonly logins: number
  /** Refused logins, requests and refreshes, by reason. */
  readonly refused: Readonly<Record<string, number>>
}
