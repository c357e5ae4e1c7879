/**
 * Effect's `SqlClient` over SQLite without a wire: one connection for transactions, which whoever comes waits for, and
 * one for what is asked during such; statements are done in the step in which they are asked for. For scenarios that
 * are about what is asked and not about how it fails; see `sim/sql/SimSql` for all else.
 */
import { Clock, Effect, Result, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, type SqlError, Statement } from "effect/sql"
import { RunContext } from "../../sim/RunContext.ts"
import type { Table } from "../../sim/sql/Engine.ts"
import { Sqlite, type SqliteConnection } from "../../sim/sql/Sqlite.ts"
import { decodeValue, encodeValue, type SqliteValue } from "../../sim/sql/SqliteValue.ts"

type Transform = Parameters<SqlConnection.Connection["execute"]>[2]
type Row = Readonly<Record<string, SqliteValue>>

const rowsOf = ({ columns, rows }: Table): ReadonlyArray<Row> =>
  rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, decodeValue(row[i] ?? null, false)])))

/** A client, and a look at what is committed from outside of it. */
export interface PlainSql {
  readonly client: SqlClient.SqlClient
  readonly look: (sql: string, params?: ReadonlyArray<SqliteValue>) => ReadonlyArray<Row>
}

/** Builds it, with what these statements made; the same list is not carried out twice. */
export const make = Effect.fnUntraced(function* (prepared: ReadonlyArray<string>) {
  const context = yield* RunContext
  const clock = yield* Clock.Clock
  const sources = { nowMs: () => clock.currentTimeMillisUnsafe(), below: (n: number) => context.choose("data", n) }
  const sqlite = new Sqlite(sources, prepared)
  context.atEnd(() => sqlite.end())
  const turn = yield* Semaphore.make(1)
  const first = sqlite.open()
  let second: SqliteConnection | undefined
  const ofTransactions = connectionOf(() => first)
  // To begin with an image is what costs most: the second is seldom needed.
  const connection = connectionOf(() => (first.isInTransaction ? (second ??= sqlite.open()) : first))
  const client = yield* SqlClient.make({
    acquirer: Effect.succeed(connection),
    borrower: (use) => use(connection),
    transactionAcquirer: Effect.as(Semaphore.takeScoped(turn, 1), ofTransactions),
    compiler: Statement.makeCompilerSqlite(),
    driver: "muster/scenarios/plain",
    spanAttributes: [["db.system.name", "sqlite"]],
    beginTransaction: "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
  }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))
  let outside: SqliteConnection | undefined
  const look = (sql: string, params: ReadonlyArray<SqliteValue> = []): ReadonlyArray<Row> => {
    outside ??= sqlite.open()
    const done = outside.attempt(sql, params)
    return done === "busy" ? [] : Result.match(done, { onFailure: () => [], onSuccess: rowsOf })
  }
  return { client, look } satisfies PlainSql
})

/** Waits while a transaction writes. */
const connectionOf = (connection: () => SqliteConnection): SqlConnection.Connection => {
  const table = (sql: string, params: ReadonlyArray<unknown>): Effect.Effect<Table, SqlError.SqlError> =>
    Effect.suspend(() => {
      const values = params.map((value) => encodeValue(value) ?? null)
      const done = connection().attempt(sql, values)
      if (done === "busy") return Effect.andThen(Effect.sleep(1), table(sql, params))
      return Effect.fromResult(Result.mapError(done, (failure) => failure.toSqlError("execute")))
    })
  const execute = (sql: string, params: ReadonlyArray<unknown>, transform: Transform) =>
    Effect.map(table(sql, params), (found) => (transform === undefined ? rowsOf(found) : transform(rowsOf(found))))
  const executeValues = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(table(sql, params), ({ rows }) => rows)
  return {
    execute,
    executeRaw: table,
    executeUnprepared: execute,
    executeValues,
    executeValuesUnprepared: executeValues,
    executeStream: (sql, params, transform) =>
      Stream.unwrap(Effect.map(execute(sql, params, transform), (rows) => Stream.fromArray(rows)))
  }
}
