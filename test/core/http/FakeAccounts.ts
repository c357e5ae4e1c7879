/** Accounts that a test makes up: who is let in by which text, with rights that change while requests run. */
import { Effect, Redacted } from "effect"
import { type Accounts, AccountsUnknown, NotAuthenticated } from "../../../core/auth/Accounts.ts"
import type { Principal, Role } from "../../../core/domain/Access.ts"

type Reason = NotAuthenticated["reason"]

export interface FakeAccounts {
  /** By the text of the token; a reason is for one that lets nobody in. */
  readonly tokens: Map<string, Principal | Reason>
  readonly tickets: Map<string, Principal>
  /** Nothing is known of anybody. */
  isUnknown: boolean
  anonymous: Principal | undefined
  /** How often anybody was asked for. */
  asked: number
  readonly service: Accounts["Service"]
}

/** Somebody who has logged in. */
export const session = (username: string, role: Role, changes: Partial<Principal> = {}): Principal => ({
  username,
  userId: `id-${username}`,
  actor: username,
  credential: { _tag: "Session", sessionId: `s-${username}` },
  role,
  limits: [],
  ...changes
})

/** Of the session of this user. */
export const csrfOf = (username: string): string => `csrf-s-${username}`

const fail = (reason: Reason) => Effect.fail(new NotAuthenticated({ reason }))
const notAsked = Effect.die("the test has no opinion about this")

export const make = (given: Partial<Accounts["Service"]> = {}): FakeAccounts => {
  const look = (found: Principal | Reason | undefined) =>
    Effect.suspend((): Effect.Effect<Principal, NotAuthenticated | AccountsUnknown> => {
      fake.asked++
      if (fake.isUnknown) return Effect.fail(new AccountsUnknown())
      return found === undefined || typeof found === "string" ? fail(found ?? "unknown") : Effect.succeed(found)
    })
  const service: Accounts["Service"] = {
    authenticate: (token) => Effect.suspend(() => look(fake.tokens.get(Redacted.value(token)))),
    redeemTicket: (ticket) =>
      Effect.suspend(() => {
        const found = fake.tickets.get(Redacted.value(ticket))
        fake.tickets.delete(Redacted.value(ticket))
        return look(found)
      }),
    csrfTokenUnsafe: (sessionId) => `csrf-${sessionId}`,
    currentUnsafe: () => undefined,
    onRightsChanged: () => Effect.void,
    get anonymous() {
      return fake.anonymous
    },
    login: () => notAsked,
    refresh: () => notAsked,
    logout: () => notAsked,
    issueTicket: () => notAsked,
    users: notAsked,
    user: () => notAsked,
    createUser: () => notAsked,
    changeUser: () => notAsked,
    changeOwnPassword: () => notAsked,
    removeUser: () => notAsked,
    sessions: () => notAsked,
    endSessions: () => notAsked,
    tokens: notAsked,
    createToken: () => notAsked,
    removeToken: () => notAsked,
    counts: notAsked
  }
  const fake: FakeAccounts = {
    tokens: new Map(),
    tickets: new Map(),
    isUnknown: false,
    anonymous: undefined,
    asked: 0,
    service: Object.defineProperties(service, Object.getOwnPropertyDescriptors(given))
  }
  return fake
}
