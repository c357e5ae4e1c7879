/** Programs on the simulated database, for the tests of it. */
import { assert } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import * as Sim from "../../../sim/Sim.ts"
import { Database, type DatabaseOptions } from "../../../sim/sql/Database.ts"
import * as SimSql from "../../../sim/sql/SimSql.ts"
import type { SqliteFailure } from "../../../sim/sql/SqliteFailure.ts"

export type Failures = SqlError.SqlError | SqliteFailure | Sim.Host.Crashed | "failed on purpose"

export type Program = Effect.Effect<unknown, Failures, Database | SqlClient.SqlClient | Scope.Scope | Sim.RunContext>

/** The program with a database and a client of it on the host `console`. */
export const onDatabase = (
  program: Program,
  options: { readonly database?: Partial<DatabaseOptions>; readonly client?: SimSql.SimSqlOptions } = {}
): Effect.Effect<unknown, Failures, Sim.RunContext> =>
  Effect.scoped(program).pipe(
    Effect.provide(SimSql.layer(options.client).pipe(Layer.provideMerge(Database.layer(options.database))))
  )

/** Holds in every run, and leaves nothing open. Gives what was reached and which faults there were. */
export const holds = (
  program: Program,
  options: Parameters<typeof onDatabase>[1] & { readonly runs?: number } = {}
) => {
  const result = Sim.check(onDatabase(program, options), { runs: options.runs ?? 50, leaks: "fail" })
  assert.strictEqual(result.failure?.message, undefined, result.failure?.story)
  return result
}

/** `success`, the reason of a failure of SQL, or what else it failed with. */
export const reasonOf = <A, E, R>(
  effect: Effect.Effect<A, SqlError.SqlError | E, R>
): Effect.Effect<string, never, R> =>
  Effect.match(effect, {
    onFailure: (error) => (isSqlError(error) ? error.reason._tag : String(error)),
    onSuccess: () => "success"
  })

/** The failure; dies when there is none. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.flip(Effect.andThen(effect, Effect.die(new Error("expected a failure"))))

const isSqlError = (error: unknown): error is SqlError.SqlError =>
  typeof error === "object" && error !== null && "reason" in error

/** A table of accounts, numbered from 0, with these amounts. */
export const accounts = Effect.fnUntraced(function* (amounts: ReadonlyArray<number>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE accounts (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)`
  const [first = 0, ...others] = amounts
  const rows = others.map((amount, i) => ({ id: i + 1, amount }))
  yield* sql`INSERT INTO accounts ${sql.insert([{ id: 0, amount: first }, ...rows])}`
  return sql
})

/** What is committed, seen from outside. */
export const committed = Effect.flatMap(Database, (database) =>
  Effect.map(database.look("SELECT amount FROM accounts ORDER BY id"), (rows) => rows.map((row) => row["amount"]))
)

export const add = (sql: SqlClient.SqlClient, id: number, amount: number) =>
  sql`UPDATE accounts SET amount = amount + ${amount} WHERE id = ${id}`

/** Moves an amount from account 0 to account 1 in one transaction. */
export const transfer = (sql: SqlClient.SqlClient, amount: number) =>
  sql.withTransaction(Effect.andThen(add(sql, 0, -amount), add(sql, 1, amount)))
