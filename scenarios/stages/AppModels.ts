/**
 * Modelled services behind the endpoints: a fleet of one node with one process, a few users, batches, settings. They
 * keep to the contracts of the real ones in what they give and in what they fail with; of what they do there is no more
 * than answers show.
 */
import { Effect, Redacted, Stream } from "effect"
import { cleanAttempt } from "../../core/activity/ActivityText.ts"
import type { ActivityEntry, Attempt } from "../../core/domain/ActivityEntry.ts"
import {
  type Accounts,
  type AccountsUnknown,
  type Grant,
  LastAdmin,
  NotAuthenticated,
  PasswordRefused,
  type TooManyAttempts,
  type TooMany,
  UnknownToken,
  UnknownUser,
  UsernameTaken
} from "../../core/auth/Accounts.ts"
import type { ConfigErrors } from "../../core/config/ConfigErrors.ts"
import type { ReloadFailed } from "../../core/config/Settings.ts"
import type { Principal, Role } from "../../core/domain/Access.ts"
import type { UserView } from "../../core/domain/Account.ts"
import type { NodeError } from "../../core/domain/NodeError.ts"
import type { NodeView } from "../../core/domain/Node.ts"
import type { BatchView } from "../../core/domain/Operation.ts"
import type { ProcessInfo } from "../../core/domain/Process.ts"
import { type BadSelection, UnknownBatch } from "../../core/fleet/Batches.ts"
import { UnknownNode, UnknownProcess } from "../../core/fleet/Fleet.ts"
import type { ComponentHealth } from "../../core/health/Components.ts"
import type { JobRefused } from "../../core/jobs/JobPool.ts"
import type { BudgetExceeded } from "../../core/resources/FiberBudget.ts"
import type { DatabaseError } from "../../core/storage/DatabaseError.ts"
import { people } from "../peers/ApiClient.ts"
import type { Services } from "./AppStage.ts"

/** What calls meet before they do anything: time that passes, or what they fail with. */
export interface Meets {
  /** A conversation with a node. */
  readonly node: Effect.Effect<void, NodeError>
  readonly operation: Effect.Effect<void, NodeError | BudgetExceeded>
  /** A look at the accounts, and at the credentials of every request. */
  readonly accounts: Effect.Effect<void, AccountsUnknown>
  readonly database: Effect.Effect<void, DatabaseError>
  readonly login: Effect.Effect<void, TooManyAttempts>
  readonly making: Effect.Effect<void, TooMany>
  readonly batch: Effect.Effect<void, BadSelection | JobRefused>
  readonly reload: Effect.Effect<void, ConfigErrors | ReloadFailed>
}

export const nothing: Meets = {
  node: Effect.void,
  operation: Effect.void,
  accounts: Effect.void,
  database: Effect.void,
  login: Effect.void,
  making: Effect.void,
  batch: Effect.void,
  reload: Effect.void
}

const epoch = "2026-01-01T00:00:00.000Z"

export const nodeName = "n0"
const processId = { group: "app", name: "api" } as const

const running: ProcessInfo = {
  ...processId,
  state: "RUNNING",
  statecode: 20,
  pid: 7,
  start: 1,
  stop: 0,
  now: 2,
  exitstatus: 0,
  spawnerr: "",
  description: "pid 7, uptime 0:00:01",
  stdout_logfile: "",
  stderr_logfile: ""
}

const node: NodeView = {
  name: nodeName,
  kind: "supervisord",
  status: "up",
  since: epoch,
  last_seen: epoch,
  stale: false,
  incarnation: 1,
  processes: { RUNNING: 1 }
}

const fleet = (meets: Meets): Services["fleet"] => {
  const known = (name: string) => (name === nodeName ? Effect.void : Effect.fail(new UnknownNode({ node: name })))
  const found = (name: string, { group, name: process }: { readonly group: string; readonly name: string }) =>
    Effect.andThen(
      known(name),
      group === processId.group && process === processId.name
        ? Effect.void
        : Effect.fail(new UnknownProcess({ node: name, group, name: process }))
    )
  const diff = { added: [], changed: [], removed: [] }
  return {
    nodes: Effect.succeed([node]),
    node: (name) => Effect.as(known(name), node),
    processes: (name) => Effect.as(known(name), [running]),
    process: (name, id) => Effect.as(found(name, id), running),
    operate: (_, name, id) =>
      Effect.andThen(found(name, id), meets.operation).pipe(
        Effect.as({ outcome: "done", state: "RUNNING", detail: "is RUNNING", took_ms: 1, process: running } as const)
      ),
    readLog: (log) =>
      Effect.andThen(found(log.node, log), meets.node).pipe(
        Effect.as({ text: "hello\n", offset: 0, next: 6, size: 6, gap: 0, rotated: false, lossy: false })
      ),
    reread: (name) => Effect.as(Effect.andThen(known(name), meets.node), diff),
    update: (name) => Effect.as(Effect.andThen(known(name), meets.node), { diff, groups: [], took_ms: 1 }),
    refresh: (name) => Effect.as(known(name), node)
  }
}

const batches = (meets: Meets): Services["batches"] => {
  const batch: BatchView = {
    id: 1,
    kind: "stop",
    mode: "parallel",
    status: "done",
    stopped_early: false,
    counts: {},
    started: epoch,
    items: []
  }
  const get = (id: number) => (id === 1 ? Effect.succeed(batch) : Effect.fail(new UnknownBatch({ id })))
  return {
    submit: ({ operation }) => Effect.as(meets.batch, { ...batch, kind: operation.kind }),
    all: Effect.succeed([batch]),
    get,
    cancel: get
  }
}

/** A token for each of the people, and for nobody else. */
export const tokenOf = (name: string): string => `token-of-${name}`

/** What goes with a cookie of that session. */
export const csrfTokenOf = (session: string): string => `csrf-of-${session}`

export interface ModelledAccounts {
  readonly service: Accounts["Service"]
  /** Those who are there now, with their roles. */
  readonly users: ReadonlyMap<string, Role>
}

const principalOf = (username: string, role: Role): Principal => ({
  username,
  userId: `id-${username}`,
  actor: username,
  credential: { _tag: "Session", sessionId: `s-${username}` },
  role,
  limits: []
})

/** What the calls below share. */
const hold = (meets: Meets, passwordOf: (name: string) => string | undefined) => {
  const users = new Map<string, Role>(Object.entries(people))
  const view = (username: string, role: Role): UserView => ({
    id: `id-${username}`,
    username,
    role,
    limits: {},
    disabled: false,
    created: epoch
  })
  const known = (username: string) =>
    Effect.andThen(
      meets.accounts,
      Effect.suspend(() => {
        const role = users.get(username)
        return role === undefined ? Effect.fail(new UnknownUser({ username })) : Effect.succeed(role)
      })
    )
  const isLast = (username: string) =>
    users.get(username) === "admin" && [...users.values()].filter((role) => role === "admin").length === 1
  const grantOf = (username: string, role: Role): Grant => ({
    accessToken: Redacted.make(`granted-to-${username}`),
    accessExpiresMs: 1,
    refreshToken: Redacted.make(`refresh-${username}`),
    sessionExpiresMs: 1,
    csrfToken: csrfTokenOf(`s-${username}`),
    principal: principalOf(username, role)
  })
  const sound = (password: Redacted.Redacted) =>
    Redacted.value(password).length >= 12
      ? Effect.void
      : Effect.fail(new PasswordRefused({ message: "expected at least 12 characters" }))
  const wrong = new NotAuthenticated({ reason: "wrong password" })
  const grants = (username: string, isRight: boolean) => {
    const role = users.get(username)
    return Effect.andThen(meets.login, meets.accounts).pipe(
      Effect.andThen(meets.database),
      Effect.andThen(isRight && role !== undefined ? Effect.succeed(grantOf(username, role)) : Effect.fail(wrong))
    )
  }
  return { meets, passwordOf, users, view, known, isLast, sound, wrong, grants }
}
type Held = ReturnType<typeof hold>

type Service = Accounts["Service"]

/** Of users. */
const ofUsers = ({ isLast, known, meets, passwordOf, sound, users, view, wrong }: Held) =>
  ({
    users: Effect.map(meets.accounts, () => Array.from(users, ([username, role]) => view(username, role))),
    user: (username) => Effect.map(known(username), (role) => view(username, role)),
    createUser: ({ password, role, username }) =>
      Effect.gen(function* () {
        yield* meets.accounts
        yield* sound(password)
        yield* meets.making
        yield* meets.database
        if (users.has(username)) return yield* new UsernameTaken({ username })
        users.set(username, role)
        return view(username, role)
      }),
    changeUser: (username, change) =>
      Effect.gen(function* () {
        const before = yield* known(username)
        if (change.password !== undefined) yield* sound(change.password)
        const role = change.role ?? before
        if (isLast(username) && (role !== "admin" || change.disabled === true))
          return yield* new LastAdmin({ username })
        yield* meets.database
        users.set(username, role)
        return { ...view(username, role), disabled: change.disabled ?? false }
      }),
    changeOwnPassword: ({ username }, { next, present }) =>
      Effect.gen(function* () {
        yield* sound(next)
        yield* meets.login
        yield* meets.database
        if (passwordOf(username) !== Redacted.value(present)) return yield* wrong
      }),
    removeUser: (username) =>
      Effect.gen(function* () {
        yield* known(username)
        if (isLast(username)) return yield* new LastAdmin({ username })
        yield* meets.database
        users.delete(username)
      })
  }) satisfies Partial<Service>

/** Of whatever shows who somebody is. */
const ofCredentials = ({ grants, known, meets, passwordOf, users }: Held) =>
  ({
    authenticate: (token) =>
      Effect.andThen(
        meets.accounts,
        Effect.suspend(() => {
          const username = Redacted.value(token).slice(tokenOf("").length)
          const role = users.get(username)
          return role !== undefined && Redacted.value(token) === tokenOf(username)
            ? Effect.succeed(principalOf(username, role))
            : Effect.fail(new NotAuthenticated({ reason: "unknown" }))
        })
      ),
    currentUnsafe: () => undefined,
    onRightsChanged: () => Effect.void,
    anonymous: undefined,
    login: (username, password) => grants(username, passwordOf(username) === Redacted.value(password)),
    refresh: (token) => {
      const username = Redacted.value(token).slice("refresh-".length)
      return grants(username, Redacted.value(token) === `refresh-${username}`)
    },
    logout: () => Effect.andThen(meets.accounts, meets.database),
    csrfTokenUnsafe: csrfTokenOf,
    issueTicket: () => Effect.as(meets.making, Redacted.make("ticket")),
    redeemTicket: () => Effect.fail(new NotAuthenticated({ reason: "unknown" })),
    sessions: (username) => Effect.as(known(username), []),
    endSessions: (username) => Effect.andThen(known(username), meets.database),
    tokens: Effect.as(meets.accounts, []),
    createToken: (owner, { name, role }) =>
      Effect.andThen(meets.making, meets.database).pipe(
        Effect.as({
          token: { id: "t1", name, owner: owner.username, role, limits: {}, created: epoch },
          secret: Redacted.make("mst_made")
        })
      ),
    removeToken: (id) => Effect.andThen(meets.database, Effect.fail(new UnknownToken({ id }))),
    counts: Effect.die("nobody counts")
  }) satisfies Partial<Service>

export const accounts = (meets: Meets, passwordOf: (name: string) => string | undefined): ModelledAccounts => {
  const held = hold(meets, passwordOf)
  return { service: { ...ofUsers(held), ...ofCredentials(held) }, users: held.users }
}

/** Holds what was attempted. */
export const activity = (meets: Meets, entries: Array<ActivityEntry>): Services["activity"] => ({
  record: (attempt: Attempt) =>
    Effect.sync(() => void entries.push({ ...cleanAttempt(attempt), id: entries.length + 1, at: epoch })),
  page: (_, { limit }) =>
    Effect.map(meets.database, () => ({ entries: entries.toReversed().slice(0, limit), before: undefined })),
  all: () => Stream.fromIterable(entries)
})

const settings = (meets: Meets): Services["settings"] => ({
  overview: Effect.succeed({ version: 1, settings: [], needs_restart: [] }),
  reload: Effect.as(meets.reload, {
    version: 1,
    changed: false,
    nodes: { added: [], changed: [], removed: [] },
    programs: { added: [], changed: [], removed: [] },
    applied: [],
    needs_restart: []
  })
})

/** Of a component; its message is for those who have logged in alone. */
const component: ComponentHealth = {
  name: "database",
  status: "degraded",
  errors: 1,
  errorsInARow: 1,
  lastError: { atMs: 0, message: "cannot be reached" },
  detail: {}
}

/** All of them. What is attempted goes into `entries`. */
export const services = ({
  entries = [],
  meets = nothing,
  passwordOf = () => undefined
}: {
  readonly meets?: Meets
  readonly entries?: Array<ActivityEntry>
  readonly passwordOf?: (name: string) => string | undefined
} = {}): Services => ({
  accounts: accounts(meets, passwordOf).service,
  activity: activity(meets, entries),
  fleet: fleet(meets),
  batches: batches(meets),
  settings: settings(meets),
  components: { all: Effect.succeed([component]) }
})
