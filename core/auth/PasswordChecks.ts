/**
 * Checks passwords, which is dear: a few at the same time, others wait a moment or are refused, so that a storm of
 * logins takes no more of the machine than it is given.
 *
 * A name that does not exist costs the same as one that does, and counts the same.
 */
import { Effect, Redacted, Ref, Semaphore } from "effect"
import * as Marks from "../Marks.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import type { Secrets } from "../Secrets.ts"
import { NotAuthenticated, type Origin, TooManyAttempts } from "./Accounts.ts"
import type { AccountsOptions } from "./AccountsOptions.ts"
import type { User } from "./AccountsState.ts"
import * as LoginLimits from "./LoginLimits.ts"
import { charactersMax } from "./PasswordPolicy.ts"

/** A user whose password it was, at the moment of the check. */
export interface Checked {
  readonly user: User
  /** The password with the parameters of today, when it was stored with others. */
  readonly rehashed: string | undefined
}

export interface PasswordChecks {
  /** `userOf` is asked when it is its turn. */
  readonly check: (
    username: string,
    password: Redacted.Redacted,
    origin: Origin,
    userOf: () => User | undefined
  ) => Effect.Effect<Checked, NotAuthenticated | TooManyAttempts>
  /** A new password as it is stored; one at a time, beside the checks. */
  readonly hash: (password: Redacted.Redacted) => Effect.Effect<string>
}

/** Checks that wait for their turn. */
const waiting = { max: 100, ms: 5_000 } as const

export const make = (
  secrets: Secrets["Service"],
  { loginLimits, loginsAtOnce }: Pick<AccountsOptions, "loginLimits" | "loginsAtOnce">
): Effect.Effect<PasswordChecks> =>
  Effect.gen(function* () {
    const limits = yield* Ref.make(LoginLimits.none)
    const gate = yield* Semaphore.make(loginsAtOnce)
    const hashing = yield* Semaphore.make(1)
    // What a password is checked against when there is no user.
    const decoy = yield* secrets.hashPassword(Redacted.make(yield* secrets.randomText(16)))
    let inGate = 0

    const refuse = (refused: LoginLimits.Refused | undefined) => {
      if (refused === undefined) return Effect.void
      Marks.reached("logins were limited")
      return Effect.fail(new TooManyAttempts(refused))
    }
    const busy = Effect.suspend(() => Effect.fail(new TooManyAttempts({ by: "load", retryAfterMs: waiting.ms })))

    /** Counts an attempt as failed, unless it has to wait. In one step: two cannot both be the last one allowed. */
    const begin = (attempt: LoginLimits.Attempt, nowMs: number) =>
      Effect.flatMap(
        Ref.modify(limits, (all) => {
          const refused = LoginLimits.check(all, attempt, nowMs, loginLimits)
          return [refused, refused === undefined ? LoginLimits.begin(all, attempt, nowMs, loginLimits) : all]
        }),
        refuse
      )

    const verify = (attempt: LoginLimits.Attempt, password: Redacted.Redacted, userOf: () => User | undefined) =>
      Effect.gen(function* () {
        const beganMs = yield* monotonicMs
        yield* begin(attempt, beganMs)
        const user = userOf()
        // One that is too long for the policy is nobody's, and not worth more work than others.
        const tried = Redacted.value(password).length > 2 * charactersMax ? Redacted.make("") : password
        const { matches, outdated } = yield* secrets.verifyPassword(tried, user?.passwordHash ?? decoy)
        if (user === undefined) return yield* new NotAuthenticated({ reason: "unknown" })
        if (!matches) return yield* new NotAuthenticated({ reason: "wrong password" })
        if (user.disabled) return yield* new NotAuthenticated({ reason: "disabled" })
        yield* Ref.update(limits, (all) => LoginLimits.succeed(all, attempt, beganMs))
        const rehashed = outdated ? yield* secrets.hashPassword(password) : undefined
        return { user, rehashed }
      })

    /** The permit is taken within a time, and kept for as long as the work takes. */
    const inTurn = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E | TooManyAttempts> =>
      Effect.suspend(() => {
        if (inGate >= waiting.max + loginsAtOnce) return busy
        inGate++
        return Effect.scoped(
          Effect.andThen(
            Effect.timeoutOrElse(Effect.interruptible(gate.takeScoped(1)), {
              duration: waiting.ms,
              orElse: () => busy
            }),
            work
          )
        ).pipe(Effect.ensuring(Effect.sync(() => void inGate--)))
      })

    return {
      check: (username, password, { address }, userOf) =>
        Effect.gen(function* () {
          const attempt = { username, address }
          // Who has to wait anyway does not take up a place.
          yield* refuse(LoginLimits.check(yield* Ref.get(limits), attempt, yield* monotonicMs, loginLimits))
          return yield* inTurn(verify(attempt, password, userOf))
        }),
      hash: (password) => hashing.withPermit(secrets.hashPassword(password))
    }
  })
