/** `Accounts` over the database and the secrets of its surroundings. See there for what it promises. */
import { Clock, Effect, HashMap, Layer, Redacted, Ref, Result } from "effect"
import type { Credential, Principal } from "../domain/Access.ts"
import { Components } from "../health/Components.ts"
import { monotonicMs } from "../MonotonicMs.ts"
import { Secrets } from "../Secrets.ts"
import { Database } from "../storage/Database.ts"
import {
  Accounts,
  AccountsUnknown,
  type Grant,
  NotAuthenticated,
  type Origin,
  PasswordRefused,
  TooMany
} from "./Accounts.ts"
import * as AccountsCopy from "./AccountsCopy.ts"
import type { AccountsOptions } from "./AccountsOptions.ts"
import { type AccountsState, sessionById, sessionsOf } from "./AccountsState.ts"
import { sessionView, tokenView, userView, verdictOf } from "./AccountViews.ts"
import * as Authentication from "./Authentication.ts"
import { checkFirstPassword, type FirstPasswordRefused } from "./FirstAdmin.ts"
import * as PasswordChecks from "./PasswordChecks.ts"
import { refusal } from "./PasswordPolicy.ts"
import * as RefreshToken from "./RefreshToken.ts"
import * as RightsWatch from "./RightsWatch.ts"
import * as SessionGrants from "./SessionGrants.ts"
import * as Tickets from "./Tickets.ts"
import * as Upkeep from "./Upkeep.ts"
import * as UserChanges from "./UserChanges.ts"

type Service = Accounts["Service"]

/** Of ids, which are no secrets but must not be guessed either. */
const idBytes = 16
const csrfBytes = 32

/** A database that is away keeps nothing from being built: the accounts are unknown until it was there. */
export const layer = (
  options: AccountsOptions
): Layer.Layer<Accounts, FirstPasswordRefused, Database | Secrets | Components> =>
  Layer.effect(
    Accounts,
    Effect.gen(function* () {
      yield* checkFirstPassword(options)
      const database = yield* Database
      const secrets = yield* Secrets
      const components = yield* Components
      const rights = yield* RightsWatch.make
      const copy = yield* AccountsCopy.make({ database, secrets, tell: rights.tell })
      const checks = yield* PasswordChecks.make(secrets, options)
      const parts: Parts = { checks, copy, counted: new Counted(), options, secrets, uses: new Map() }
      yield* Upkeep.start({ components, copy, database, options, rights, secrets, uses: parts.uses })
      return Accounts.of({
        ...(yield* authentication(parts)),
        ...logins(parts),
        ...users(parts),
        ...passwords(parts),
        ...tokens(parts),
        onRightsChanged: rights.watch,
        counts: Effect.sync(() => {
          const state = copy.stateUnsafe()
          const size = (map: HashMap.HashMap<string, unknown> | undefined) => (map ? HashMap.size(map) : 0)
          const { logins: done, refused } = parts.counted
          const sizes = { users: size(state?.users), sessions: size(state?.sessions), tokens: size(state?.tokens) }
          return { ...sizes, logins: done, refused: Object.fromEntries(refused) }
        })
      })
    })
  )

interface Parts {
  readonly copy: AccountsCopy.AccountsCopy
  readonly checks: PasswordChecks.PasswordChecks
  readonly secrets: Secrets["Service"]
  readonly counted: Counted
  /** When tokens were used, as long as it is not stored. No more than there are tokens. */
  readonly uses: Map<string, number>
  readonly options: AccountsOptions
}

/** For the metrics. */
class Counted {
  logins = 0
  readonly refused = new Map<string, number>()

  refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
  }
}

/** Known, with a key to sign and to check with. */
const known = ({ copy }: Pick<Parts, "copy">): Effect.Effect<AccountsState, AccountsUnknown> =>
  Effect.suspend(() => {
    const state = copy.stateUnsafe()
    return state === undefined || state.keys.length === 0 ? new AccountsUnknown() : Effect.succeed(state)
  })

/** Counts why somebody was not let in. */
const counting = <A, E extends { readonly _tag: string }>(
  counted: Counted,
  work: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.tapError(work, (error) =>
    Effect.sync(() => {
      if (error instanceof NotAuthenticated) counted.refuse(error.reason)
      else if (error._tag === "TooManyAttempts") counted.refuse("too many attempts")
    })
  )

/** Who requests without a credential are from. */
const anonymousOf = ({ anonymousRole }: AccountsOptions): Principal | undefined =>
  anonymousRole === undefined
    ? undefined
    : {
        username: "anonymous",
        userId: undefined,
        actor: "anonymous",
        credential: { _tag: "Anonymous" },
        role: anonymousRole,
        limits: []
      }

const authentication = (
  parts: Parts
): Effect.Effect<
  Pick<Service, "authenticate" | "currentUnsafe" | "anonymous" | "csrfTokenUnsafe" | "issueTicket" | "redeemTicket">
> =>
  Effect.gen(function* () {
    const { copy, counted, options, secrets, uses } = parts
    const tickets = yield* Ref.make(Tickets.none)
    const anonymous = anonymousOf(options)
    const authenticate = Authentication.makeAuthenticate(secrets, options)

    const authenticated = Effect.fnUntraced(function* (token: Redacted.Redacted) {
      const state = yield* known(parts)
      const nowMs = yield* Clock.currentTimeMillis
      const result = authenticate(state, token, nowMs)
      if (Result.isFailure(result)) return yield* new NotAuthenticated({ reason: result.failure })
      const { credential } = result.success
      if (credential._tag === "ApiToken") uses.set(credential.tokenId, nowMs)
      return result.success
    })

    const verdict = (credential: Credential, nowMs: number): Principal | NotAuthenticated["reason"] => {
      if (credential._tag === "Anonymous") return anonymous ?? "missing"
      const state = copy.stateUnsafe()
      return state === undefined ? "unknown" : verdictOf(state, credential, nowMs)
    }
    return {
      anonymous,
      authenticate: (token) => counting(counted, authenticated(token)),
      currentUnsafe: (credential, nowMs) => {
        const found = verdict(credential, nowMs)
        return typeof found === "string" ? undefined : found
      },
      csrfTokenUnsafe: (sessionId) => {
        const state = copy.stateUnsafe()
        return state === undefined ? undefined : sessionById(state, sessionId)?.csrfToken
      },
      issueTicket: (principal) =>
        Effect.gen(function* () {
          const text = `mtk_${yield* secrets.randomText(Tickets.ticketBytes)}`
          const nowMs = yield* monotonicMs
          const isIssued = yield* Ref.modify(tickets, (all) => {
            const more = Tickets.issue(all, secrets.digest(text), principal, nowMs)
            return [more !== undefined, more ?? all]
          })
          if (!isIssued) return yield* new TooMany({ what: "tickets", max: Tickets.ticketsMax.perUser })
          return Redacted.make(text)
        }),
      redeemTicket: (ticket) =>
        counting(
          counted,
          Effect.gen(function* () {
            yield* known(parts)
            const nowMs = yield* monotonicMs
            const digest = secrets.digest(Redacted.value(ticket))
            const issued = yield* Ref.modify(tickets, (all) => {
              const redeemed = Tickets.redeem(all, digest, nowMs)
              return [redeemed?.principal, redeemed?.left ?? all]
            })
            if (issued === undefined) return yield* new NotAuthenticated({ reason: "unknown" })
            const found = verdict(issued.credential, yield* Clock.currentTimeMillis)
            return typeof found === "string" ? yield* new NotAuthenticated({ reason: found }) : found
          })
        )
    }
  })

const logins = (parts: Parts): Pick<Service, "login" | "refresh" | "logout"> => {
  const { checks, copy, counted, options, secrets } = parts
  const granted = (answer: SessionGrants.Granted): Effect.Effect<Grant, AccountsUnknown> =>
    answer === undefined ? Effect.fail(new AccountsUnknown()) : Effect.succeed(answer)
  const attempt = (username: string, password: Redacted.Redacted, origin: Origin) =>
    Effect.gen(function* () {
      const checked = yield* checks.check(username, password, origin, userOf(copy, username))
      const fresh = {
        id: yield* secrets.randomText(idBytes),
        family: yield* secrets.randomText(RefreshToken.sizes.familyBytes),
        part: yield* secrets.randomText(RefreshToken.sizes.partBytes),
        salt: yield* secrets.randomText(idBytes),
        csrfToken: yield* secrets.randomText(csrfBytes)
      }
      const decide = SessionGrants.begin(secrets, options, checked, origin, fresh)
      return yield* granted(yield* copy.change("Accounts.login", decide))
    })
  return {
    login: (username, password, origin) =>
      counting(
        counted,
        Effect.gen(function* () {
          yield* known(parts)
          // Meanwhile the password may have been stored anew, with other parameters or as another: once more tells.
          const grant = yield* Effect.catchIf(
            attempt(username, password, origin),
            (error) => error instanceof NotAuthenticated && error.reason === "revoked",
            () => attempt(username, password, origin)
          )
          counted.logins++
          return grant
        })
      ).pipe(Effect.withSpan("Accounts.login")),
    refresh: (refreshToken) =>
      counting(
        counted,
        Effect.gen(function* () {
          const token = RefreshToken.parse(Redacted.value(refreshToken))
          if (token === undefined) return yield* new NotAuthenticated({ reason: "malformed" })
          yield* known(parts)
          const decide = SessionGrants.refresh(secrets, options, token, yield* secrets.randomText(idBytes))
          const answer = yield* copy.change("Accounts.refresh", decide)
          if (answer === "stolen") return yield* new NotAuthenticated({ reason: "revoked" })
          return yield* granted(answer)
        })
      ),
    logout: (sessionId) =>
      copy.change("Accounts.logout", (state) => {
        const isThere = sessionById(state, sessionId) !== undefined
        return Result.succeed({
          changes: isThere ? [{ _tag: "SessionsEnded", ids: [sessionId] }] : [],
          answer: undefined
        })
      })
  }
}

/** The user of that name at the moment when it is asked for. */
const userOf = (copy: AccountsCopy.AccountsCopy, username: string) => () => {
  const state = copy.stateUnsafe()
  return state === undefined ? undefined : Result.getOrUndefined(UserChanges.find(state, username))
}

const found = (parts: Parts, username: string) =>
  Effect.flatMap(known(parts), (state) =>
    Effect.map(Effect.fromResult(UserChanges.find(state, username)), (user) => ({ state, user }))
  )

const users = (parts: Parts): Pick<Service, "users" | "user" | "removeUser" | "sessions" | "endSessions"> => {
  const { copy } = parts

  return {
    users: Effect.map(known(parts), (state) =>
      HashMap.toValues(state.users)
        .map(userView)
        .toSorted((one, other) => (one.username < other.username ? -1 : 1))
    ),
    user: (username) => Effect.map(found(parts, username), ({ user }) => userView(user)),
    removeUser: (username) => copy.change("Accounts.removeUser", UserChanges.remove(username)),
    sessions: (username) =>
      Effect.gen(function* () {
        const { state, user } = yield* found(parts, username)
        const nowMs = yield* Clock.currentTimeMillis
        return sessionsOf(state, user.id).flatMap((session) =>
          session.expiresMs > nowMs ? [sessionView(session)] : []
        )
      }),
    endSessions: (username) =>
      copy.change("Accounts.endSessions", (state) =>
        Result.map(UserChanges.find(state, username), ({ id }) => ({
          changes: SessionGrants.endAll(state, id),
          answer: undefined
        }))
      )
  }
}

const passwords = (parts: Parts): Pick<Service, "createUser" | "changeUser" | "changeOwnPassword"> => {
  const { checks, copy, counted, options, secrets } = parts
  const hashed = (username: string, password: Redacted.Redacted) => {
    const charactersMin = options.passwordCharactersMin
    const message = refusal(Redacted.value(password), { username, charactersMin })
    return message === undefined ? checks.hash(password) : Effect.fail(new PasswordRefused({ message }))
  }
  const keepIdOf = (keep: Credential | undefined) => (keep?._tag === "Session" ? keep.sessionId : undefined)

  return {
    createUser: ({ password, ...user }) =>
      Effect.gen(function* () {
        const refused = UserChanges.room(yield* known(parts), user, options)
        if (refused !== undefined) return yield* refused
        const passwordHash = yield* hashed(user.username, password)
        const made = { id: yield* secrets.randomText(idBytes), passwordHash }
        return yield* copy.change("Accounts.createUser", UserChanges.create(user, made, options))
      }),
    changeUser: (username, { password, ...change }, keep) =>
      Effect.gen(function* () {
        yield* found(parts, username)
        const passwordHash = password === undefined ? undefined : yield* hashed(username, password)
        const also = { passwordHash, keepId: keepIdOf(keep) }
        return yield* copy.change("Accounts.changeUser", UserChanges.change(username, change, also))
      }),
    changeOwnPassword: ({ credential, userId, username }, { next, present }, origin) =>
      counting(
        counted,
        Effect.gen(function* () {
          const { user } = yield* found(parts, username)
          // Somebody else may have got the name meanwhile.
          if (user.id !== userId) return yield* new NotAuthenticated({ reason: "revoked" })
          const message = refusal(Redacted.value(next), { username, charactersMin: options.passwordCharactersMin })
          if (message !== undefined) return yield* new PasswordRefused({ message })
          const checked = yield* checks.check(username, present, origin, userOf(copy, username))
          const also = { passwordHash: yield* checks.hash(next), keepId: keepIdOf(credential) }
          yield* copy.change("Accounts.changeOwnPassword", (state) =>
            Result.getOrUndefined(UserChanges.find(state, username))?.passwordHash === checked.user.passwordHash
              ? Result.mapError(UserChanges.change(username, {}, also)(state), revoked)
              : Result.fail(revoked())
          )
        })
      )
  }
}

/** The password or the user is another by now. */
const revoked = () => new NotAuthenticated({ reason: "revoked" })

const tokens = (parts: Parts): Pick<Service, "tokens" | "createToken" | "removeToken"> => {
  const { copy, options, secrets, uses } = parts
  return {
    tokens: Effect.map(known(parts), (state) =>
      HashMap.toValues(state.tokens)
        .map((token) => tokenView(state, token, uses.get(token.id)))
        .toSorted((one, other) =>
          one.created === other.created ? (one.id < other.id ? -1 : 1) : one.created < other.created ? -1 : 1
        )
    ),
    createToken: (owner, token) =>
      Effect.gen(function* () {
        const secret = Authentication.apiTokenOf(yield* secrets.randomText(Authentication.apiTokenBytes))
        const made = { id: yield* secrets.randomText(idBytes), digest: secrets.digest(secret) }
        const decide = UserChanges.createToken(owner, token, made, options)
        return { token: yield* copy.change("Accounts.createToken", decide), secret: Redacted.make(secret) }
      }),
    removeToken: (id) =>
      Effect.tap(copy.change("Accounts.removeToken", UserChanges.removeToken(id)), () =>
        Effect.sync(() => void uses.delete(id))
      )
  }
}
