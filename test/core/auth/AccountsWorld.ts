/** Consoles with accounts on one simulated database. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as EventBus from "../../../core/bus/EventBus.ts"
import { Accounts } from "../../../core/auth/Accounts.ts"
import * as AccountsLayer from "../../../core/auth/AccountsLayer.ts"
import type { AccountsOptions, AccountsSurroundings } from "../../../core/auth/AccountsOptions.ts"
import type { Role } from "../../../core/domain/Access.ts"
import * as Components from "../../../core/health/Components.ts"
import type { Secrets } from "../../../core/Secrets.ts"
import * as Database from "../../../core/storage/Database.ts"
import type { DatabaseOptions } from "../../../core/storage/DatabaseOptions.ts"
import * as SimSecrets from "../../../scenarios/ports/SimSecrets.ts"
import type { RunContext } from "../../../sim/RunContext.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as SimDatabase from "../../../sim/sql/Database.ts"
import * as SimSql from "../../../sim/sql/SimSql.ts"

export type AccountsService = Accounts["Service"]

export const password = Redacted.make("a long password of hers")
export const otherPassword = Redacted.make("quite another password")
export const adminPassword = Redacted.make("the first password of all")
export const origin = { address: "192.0.2.1", userAgent: "test" }

const secondMs = 1000
const minuteMs = 60 * secondMs

export const surroundings: AccountsSurroundings = {
  isShared: false,
  firstPassword: adminPassword,
  tellFirstPassword: () => Effect.void
}

export const options: AccountsOptions = {
  anonymousRole: undefined,
  accessTokenTtlMs: 15 * minuteMs,
  sessionTtlMs: 60 * minuteMs,
  keyRotationMs: 7 * 24 * 60 * minuteMs,
  sessionsPerUserMax: 5,
  tokensMax: 5,
  usersMax: 5,
  passwordCharactersMin: 12,
  loginLimits: { failuresPerAccountMax: 3, failuresPerAddressMax: 6, windowMs: 5 * minuteMs },
  loginsAtOnce: 2,
  surroundings
}

export const databaseOptions: DatabaseOptions = {
  statementTimeoutMs: 5_000,
  transactionTimeoutMs: 5_000,
  retriesMax: 1,
  retryDelayMs: 10,
  retryDelayMaxMs: 100,
  breakerFailures: 100,
  breakerOpenMs: 100,
  healthIntervalMs: 60_000
}

const bus = EventBus.layer({
  workers: 1,
  queueEventsMax: { high: 10, normal: 10, low: 10 },
  overflow: "wait",
  handlerTimeoutMs: 60_000
})
const components = Components.layer().pipe(Layer.provide(bus))

export type World = SimDatabase.Database | RunContext | Scope.Scope

export interface ConsoleSettings {
  readonly options?: Partial<AccountsOptions>
  readonly surroundings?: Partial<AccountsSurroundings>
  readonly secrets?: Layer.Layer<Secrets>
  /** Stands between the accounts and their database. */
  readonly between?: (database: Database.Database["Service"]) => Database.Database["Service"]
}

/** A console on the simulated database, until the scope closes. */
export const startConsole = (
  settings: ConsoleSettings = {}
): Effect.Effect<AccountsService, Layer.Error<ReturnType<typeof AccountsLayer.layer>>, World> =>
  Effect.flatMap(SimDatabase.Database, (server) =>
    startConsoleOn(SimSql.layer().pipe(Layer.provide(Layer.succeed(SimDatabase.Database, server))), settings)
  )

/** A console on a database, until the scope closes. */
export const startConsoleOn = <R>(
  sql: Layer.Layer<SqlClient.SqlClient, SqlError.SqlError, R>,
  settings: ConsoleSettings = {}
): Effect.Effect<AccountsService, Layer.Error<ReturnType<typeof AccountsLayer.layer>>, R | Scope.Scope> =>
  Effect.gen(function* () {
    const real = Database.layer(databaseOptions).pipe(Layer.provide(sql), Layer.provide(components), Layer.orDie)
    const between = settings.between ?? ((database) => database)
    const database = Layer.effect(Database.Database, Effect.map(Database.Database, between)).pipe(Layer.provide(real))
    const merged = { ...options, ...settings.options, surroundings: { ...surroundings, ...settings.surroundings } }
    const layer = AccountsLayer.layer(merged).pipe(
      Layer.provide(database),
      Layer.provide(settings.secrets ?? SimSecrets.layer()),
      Layer.provide(components)
    )
    return Context.get(yield* Layer.build(Layer.fresh(layer)), Accounts)
  })

/** The program on a database of its own holds in every run, and leaves nothing open. */
export const holds = <E>(program: Effect.Effect<unknown, E, World>, { runs = 1 }: { readonly runs?: number } = {}) => {
  const result = Sim.check(Effect.scoped(program).pipe(Effect.provide(SimDatabase.Database.layer())), {
    runs,
    seed: 1,
    leaks: "fail",
    shrink: false
  })
  assert.isUndefined(result.failure?.message, `${result.failure?.token}\n${result.failure?.story}`)
  return result
}

/** A user with the password of all tests. */
export const addUser = (accounts: AccountsService, username: string, role: Role = "operator") =>
  accounts.createUser({ username, password, role, limits: {} })

export const login = (accounts: AccountsService, username = "ada", given = password) =>
  accounts.login(username, given, origin)

/** The reason of a refusal, or "in". */
export const verdict = <A, E extends { readonly _tag: string }>(work: Effect.Effect<A, E>): Effect.Effect<string> =>
  Effect.match(work, {
    onSuccess: () => "in",
    onFailure: (error) => ("reason" in error ? String(error.reason) : error._tag)
  })

/** What a console knows of all accounts, to compare. */
export const knowledge = (accounts: AccountsService) =>
  Effect.gen(function* () {
    const users = yield* accounts.users
    const sessions = yield* Effect.forEach(users, ({ username }) => accounts.sessions(username))
    return JSON.stringify({ users, sessions, tokens: yield* accounts.tokens })
  })

/** A console in memory of which is other than what another one reads from the database, dies. */
export const agrees = (accounts: AccountsService) =>
  Effect.scoped(
    Effect.gen(function* () {
      const fresh = yield* Effect.orDie(startConsole())
      const [mine, stored] = [yield* knowledge(accounts), yield* knowledge(fresh)]
      if (mine !== stored) return yield* Effect.die(`in memory ${mine}, in the database ${stored}`)
    })
  )
