/** What the accounts are told by the configuration. All times are milliseconds. */
import { Duration, type Effect, type Redacted } from "effect"
import type { Config } from "../config/ConfigSchema.ts"
import type { Role } from "../domain/Access.ts"
import type { LoginLimitsOptions } from "./LoginLimits.ts"

export interface AccountsOptions {
  /** Rights of requests without a credential; undefined lets none of them in. */
  readonly anonymousRole: Role | undefined
  readonly accessTokenTtlMs: number
  /** After the last refresh. */
  readonly sessionTtlMs: number
  readonly keyRotationMs: number
  readonly sessionsPerUserMax: number
  readonly tokensMax: number
  readonly usersMax: number
  readonly passwordCharactersMin: number
  readonly loginLimits: LoginLimitsOptions
  /** Passwords that are checked at the same time. */
  readonly loginsAtOnce: number
  readonly surroundings: AccountsSurroundings
}

/** What is not in the configuration. */
export interface AccountsSurroundings {
  /** Other consoles may change the same database. */
  readonly isShared: boolean
  /** Pause between two looks at what others have changed. Default 5,000. */
  readonly reloadIntervalMs?: number
  /** Of the first administrator; without one it is random. */
  readonly firstPassword?: Redacted.Redacted | undefined
  /** Tells somebody the random password of the first administrator, once, after it is stored. */
  readonly tellFirstPassword: (username: string, password: Redacted.Redacted) => Effect.Effect<void>
}

const ms = Duration.toMillis

/** As the section `[auth]` says. */
export const accountsOptions = (
  { auth }: Pick<Config, "auth">,
  surroundings: AccountsSurroundings
): AccountsOptions => ({
  anonymousRole: auth.anonymousRole === "none" ? undefined : auth.anonymousRole,
  accessTokenTtlMs: ms(auth.accessTokenTtl),
  sessionTtlMs: ms(auth.sessionTtl),
  keyRotationMs: ms(auth.keyRotation),
  sessionsPerUserMax: auth.sessionsPerUserMax,
  tokensMax: auth.tokensMax,
  usersMax: auth.usersMax,
  passwordCharactersMin: auth.passwordCharactersMin,
  loginLimits: {
    failuresPerAccountMax: auth.loginFailuresPerAccount,
    failuresPerAddressMax: auth.loginFailuresPerAddress,
    windowMs: ms(auth.loginWindow)
  },
  loginsAtOnce: auth.loginsAtOnce,
  surroundings
})
