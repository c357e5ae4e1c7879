/**
 * The first start: a database without any user gets an administrator, with the password that the surroundings give, or
 * a random one that is told once. Of several consoles that start at once on one database, one makes it.
 */
import { Effect, HashMap, Redacted, Result, Schema } from "effect"
import type { Secrets } from "../Secrets.ts"
import type { Change, User } from "./AccountsState.ts"
import type { AccountsCopy } from "./AccountsCopy.ts"
import type { AccountsOptions } from "./AccountsOptions.ts"
import { refusal } from "./PasswordPolicy.ts"
import { keyChanges } from "./SigningKeys.ts"

export const firstUsername = "admin"

/** Of a random password; 24 characters. */
const passwordBytes = 18
const idBytes = 16

/** The password that is given for the first administrator is none that the policy takes. */
export class FirstPasswordRefused extends Schema.TaggedError<FirstPasswordRefused>()("FirstPasswordRefused", {
  detail: Schema.String
}) {
  override get message(): string {
    return `the password of the first administrator is refused: ${this.detail}`
  }
}

/**
 * Looks at the password that is given. Also when there are users and it would not be used: whether a start fails must
 * not depend on what is in the database, or whether it is there.
 */
export const checkFirstPassword = (options: AccountsOptions): Effect.Effect<void, FirstPasswordRefused> => {
  const { firstPassword } = options.surroundings
  if (firstPassword === undefined) return Effect.void
  const detail = refusal(Redacted.value(firstPassword), {
    username: firstUsername,
    charactersMin: options.passwordCharactersMin
  })
  return detail === undefined ? Effect.void : Effect.fail(new FirstPasswordRefused({ detail }))
}

/** Makes what a database has to have before anybody can log in: a user, and a key that signs. */
export const prepare = (copy: AccountsCopy, secrets: Secrets["Service"], options: AccountsOptions) =>
  Effect.gen(function* () {
    const state = copy.stateUnsafe()
    const needsUser = state !== undefined && HashMap.isEmpty(state.users)
    const { firstPassword, tellFirstPassword } = options.surroundings
    const password = firstPassword ?? Redacted.make(yield* secrets.randomText(passwordBytes))
    const passwordHash = needsUser ? yield* secrets.hashPassword(password) : ""
    const id = yield* secrets.randomText(idBytes)
    const key = { id: yield* secrets.randomText(idBytes), secret: Redacted.make(yield* secrets.randomText(32)) }
    const isMade = yield* copy.change("Accounts.prepare", (now, nowMs) => {
      const isFirst = needsUser && HashMap.isEmpty(now.users)
      const user: User = {
        id,
        username: firstUsername,
        passwordHash,
        role: "admin",
        limits: {},
        disabled: false,
        createdMs: nowMs,
        lastLoginMs: undefined
      }
      const added: ReadonlyArray<Change> = isFirst ? [{ _tag: "UserAdded", user }] : []
      return Result.succeed({ changes: [...added, ...keyChanges(now, key, nowMs, options)], answer: isFirst })
    })
    if (isMade && firstPassword === undefined) yield* tellFirstPassword(firstUsername, password)
  })
