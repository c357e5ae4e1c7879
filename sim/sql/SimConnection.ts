/** A session of the simulated database as Effect's SQL client uses it. */
import { Effect, Result, Stream } from "effect"
import { SqlClient, SqlError, type SqlConnection } from "effect/sql"
import type { ConnectionLost } from "./ConnectionLost.ts"
import type { Operation, Session } from "./Session.ts"
import type { Table } from "./Engine.ts"
import { decodeValue, encodeValue, type SqliteValue } from "./SqliteValue.ts"

/** Rows that come in one piece; a stream waits for each piece. */
const rowsPerPart = 100

type Row = Readonly<Record<string, SqliteValue>>
type Transform = Parameters<SqlConnection.Connection["execute"]>[2]

export class SimConnection implements SqlConnection.Connection {
  readonly session: Session

  constructor(session: Session) {
    this.session = session
  }

  execute(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError> {
    return Effect.map(this.run(sql, params), (table) => transformed(objects(table), transform))
  }

  executeUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError> {
    return this.execute(sql, params, transform)
  }

  /** Rows as arrays, the names of their columns, and how many rows a statement changed. */
  executeRaw(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<Table, SqlError.SqlError> {
    return this.run(sql, params)
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<Table["rows"], SqlError.SqlError> {
    return Effect.map(this.run(sql, params), ({ rows }) => rows)
  }

  executeValuesUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>
  ): Effect.Effect<Table["rows"], SqlError.SqlError> {
    return this.executeValues(sql, params)
  }

  executeStream(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Stream.Stream<Row, SqlError.SqlError> {
    const { session } = this
    const parts = (table: Table) =>
      Stream.fromIterable(partsOf(objects(table))).pipe(
        Stream.mapEffect((part, index) =>
          index === 0 ? Effect.succeed(part) : Effect.as(Effect.mapError(session.more, lost("execute")), part)
        ),
        Stream.flatMap((part) => Stream.fromArray(transformed(part, transform)))
      )
    return Stream.unwrap(Effect.map(this.run(sql, params), parts))
  }

  private run(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<Table, SqlError.SqlError> {
    const { session } = this
    const operation = operationOf(sql)
    return Effect.gen(function* () {
      const isBigInt = yield* SqlClient.SafeIntegers
      const values = params.map(encodeValue)
      const encoded = values.filter((value) => value !== undefined)
      if (encoded.length < values.length) return yield* notStorable(params[values.indexOf(undefined)])
      const answer = yield* session.request(operation, sql, encoded)
      if (Result.isFailure(answer)) return yield* answer.failure.toSqlError(operation)
      const { columns, changes, rows } = answer.success
      return { columns, changes, rows: rows.map((row) => row.map((value) => decodeValue(value, isBigInt))) }
    }).pipe(
      Effect.catchTag("ConnectionLost", (error) =>
        // Without its connection the server rolls back by itself.
        operation === "rollback" ? Effect.succeed(nothing) : Effect.fail(lost(operation)(error))
      )
    )
  }
}

const nothing: Table = { columns: [], rows: [], changes: 0 }

/** A connection that could not be made, broke, or gave no answer. */
export const lost =
  (operation: Operation) =>
  (cause: ConnectionLost): SqlError.SqlError => {
    const message = `the connection to the database failed: ${cause.code}`
    return new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause, message, operation }) })
  }

const notStorable = (value: unknown): SqlError.SqlError => {
  const message = `a parameter of type ${typeof value} cannot be stored`
  return new SqlError.SqlError({
    reason: new SqlError.UnknownError({ cause: new TypeError(message), message, operation: "execute" })
  })
}

/** ROLLBACK TO counts as a rollback: on a lost connection it, too, has happened. */
const operationOf = (sql: string): Operation => {
  const [word = ""] = /[a-z]+/i.exec(sql) ?? []
  const operations: Readonly<Record<string, Operation>> = {
    begin: "begin",
    commit: "commit",
    end: "commit",
    rollback: "rollback"
  }
  return operations[word.toLowerCase()] ?? "execute"
}

const objects = ({ columns, rows }: Table): ReadonlyArray<Row> =>
  rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])))

const transformed = (rows: ReadonlyArray<Row>, transform: Transform): ReadonlyArray<Row> =>
  transform === undefined ? rows : transform(rows)

const partsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> =>
  Array.from({ length: Math.ceil(rows.length / rowsPerPart) }, (_, i) =>
    rows.slice(i * rowsPerPart, (i + 1) * rowsPerPart)
  )
