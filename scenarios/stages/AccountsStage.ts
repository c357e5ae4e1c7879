/**
 * The stage of scenarios about accounts, or the activity log, by themselves: the real ones, with their statements on a
 * simulated server, and one attempt at each. There is somebody of each role from the start, who has a token.
 */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import type { SqlClient } from "effect/sql"
import { Accounts } from "../../core/auth/Accounts.ts"
import type { AccountsOptions } from "../../core/auth/AccountsOptions.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { Role } from "../../core/domain/Access.ts"
import { Components } from "../../core/health/Components.ts"
import { own, type Own, sorted, type SqlFailure } from "../../core/storage/Attempts.ts"
import { Database } from "../../core/storage/Database.ts"
import type { DatabaseError } from "../../core/storage/DatabaseError.ts"
import { troubleOf } from "../../core/storage/Trouble.ts"
import { sha256 } from "../../sim/Hashing.ts"
import { epochMs } from "../../sim/KernelContext.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import * as SimSecrets from "../ports/SimSecrets.ts"
import { adminHash, adminPassword, preparedDatabase } from "../PreparedDatabase.ts"
import { consoleOptions } from "../World.ts"
import * as PlainSql from "./PlainSql.ts"

/** Who is there from the start. */
export const people = { vera: "viewer", otto: "operator", adam: "admin", olga: "operator" } as const satisfies Readonly<
  Record<string, Role>
>
export type Person = keyof typeof people
export const names: ReadonlyArray<Person> = ["vera", "otto", "adam", "olga"]

/** Of all of them. */
export const password = Redacted.make(adminPassword)

/** An API token of theirs, with all the rights that they have. */
export const apiTokenOf = (name: Person): string => `mst_${name.padEnd(43, "x")}`

const idOf = (name: Person): string => `id-of-${name}`

const tokenIdOf = (name: Person): string => `token-of-${name}`

/** Constant: its image is made once. */
const prepared: ReadonlyArray<string> = [
  ...preparedDatabase,
  ...names.flatMap((name) => [
    `INSERT INTO users (id, username, password_hash, role, limits, disabled, created_ms)
      VALUES ('${idOf(name)}', '${name}', '${adminHash}', '${people[name]}', '{}', 0, ${epochMs})`,
    `INSERT INTO api_tokens (id, user_id, name, digest, role, limits, created_ms)
      VALUES ('${tokenIdOf(name)}', '${idOf(name)}', 'api', '${Base64Url.encode(sha256(apiTokenOf(name)))}', 'admin',
        '{}', ${epochMs})`
  ])
]

/** A database that is there, and is asked once. */
export const databaseOf = (sql: SqlClient.SqlClient): Database["Service"] => {
  const used = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>, isAnswered: boolean) =>
    own(
      Effect.suspend(() => use(sql)),
      { isAnswered }
    )
  const told = <A, F>(operation: string, attempt: Effect.Effect<A, SqlFailure | Own<F>>) =>
    Effect.catch(
      sorted(attempt, (error) => troubleOf(error, "statement")),
      (failure): Effect.Effect<never, F | DatabaseError> =>
        failure._tag === "Own" ? Effect.fail(failure.error) : Effect.fail(failure.toError(operation))
    )
  return Database.of({
    run: (operation, use) => told(operation, used(use, false)),
    transaction: (operation, use) => told(operation, sql.withTransaction(used(use, true))),
    status: Effect.succeed("up"),
    ready: Effect.void,
    counts: Effect.die("nobody counts")
  })
}

/** Nobody looks at how they are. */
const silent = Components.of({
  register: () => Effect.void,
  succeeded: () => Effect.void,
  errored: () => Effect.void,
  assessed: () => Effect.void,
  failed: () => Effect.void,
  errorsOf: () => Effect.die("nobody counts errors"),
  all: Effect.die("nobody looks")
})
export const components = Layer.succeed(Components, silent)

/** What these need, over a SQLite of their own. */
export const surroundings = Effect.map(PlainSql.make(prepared), ({ client, look }) => ({
  context: Context.make(Database, databaseOf(client)).pipe(Context.add(Components, silent)),
  look
}))

/** The accounts; they last until the scope closes. */
export const make = Effect.fnUntraced(function* (
  parts: ConsoleParts,
  options: Partial<AccountsOptions> = {}
): Effect.fn.Return<Accounts["Service"], never, RunContext | Scope.Scope> {
  const { context } = yield* surroundings
  const secrets = yield* Layer.build(SimSecrets.layer())
  const layer = parts.accounts({ ...consoleOptions.accounts, anonymousRole: undefined, ...options })
  const built = yield* Effect.orDie(Effect.provideContext(Layer.build(layer), Context.merge(context, secrets)))
  return Context.get(built, Accounts)
})
