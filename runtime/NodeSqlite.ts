/**
 * Effect's `SqlClient` over Node's own SQLite, on a file or in memory.
 *
 * A commit that is acknowledged is on disk (WAL, synchronous=FULL), foreign keys hold. One connection, which statements
 * and transactions take in turn; a transaction begins as BEGIN IMMEDIATE. While another process holds the lock of the
 * file, a statement waits up to `busyTimeoutMs` without blocking this one. Whole numbers are stored as INTEGER; one
 * that is read beyond 2^53 is a bigint (all are with `SqlClient.SafeIntegers`). Bytes are `Uint8Array`s.
 *
 * Errors: `ConnectionError` when the file cannot be opened or the connection is not free within `acquireTimeoutMs`;
 * `SqlSyntaxError` for what does not compile; `UniqueViolation` also for a duplicate primary key; otherwise what Effect
 * makes of SQLite's codes: `ConstraintError`, `LockTimeoutError`, `UnknownError` (disk full, read-only).
 */
import { Effect, Layer, Predicate, Result, Schedule, type Scope, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite"

export interface NodeSqliteOptions {
  /** Path of the file, made when it is missing; `:memory:` for none. */
  readonly filename: string
  /** Opens an existing file for reading only. Default false. */
  readonly readOnly?: boolean
  /** Nobody else may have the file open, from here until the scope closes; else it fails. Default false. */
  readonly exclusive?: boolean
  /** How long a statement or transaction waits for the one before it. Default 5,000. */
  readonly acquireTimeoutMs?: number
  /** How long it waits for the lock of another process. Default 5,000. */
  readonly busyTimeoutMs?: number
}

/** Prepared statements that are kept; the one used longest ago goes first. */
const statementsMax = 100

/** How often a locked file is tried again. */
const busyRetryMs = 10

/** Rows that a stream reads before it lets others go on. */
const rowsPerChunk = 100

type Row = Readonly<Record<string, SQLOutputValue>>
type Transform = Parameters<SqlConnection.Connection["execute"]>[2]

export const layer = (options: NodeSqliteOptions): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

const make = Effect.fnUntraced(function* (options: NodeSqliteOptions) {
  const { acquireTimeoutMs = 5_000, busyTimeoutMs = 5_000, exclusive = false, filename, readOnly = false } = options
  const connection = yield* Effect.acquireRelease(
    Effect.try({
      try: () => new NodeSqliteConnection(filename, { readOnly, exclusive, busyTimeoutMs }),
      catch: (cause) => failed(cause, "connect")
    }),
    (opened) => Effect.sync(() => opened.db.close())
  )
  const semaphore = yield* Semaphore.make(1)
  const busy = Effect.suspend(() => {
    const message = `the connection to ${filename} was not free within ${acquireTimeoutMs} ms`
    const reason = new SqlError.ConnectionError({ cause: new Error(message), message, operation: "acquire" })
    return Effect.fail(new SqlError.SqlError({ reason }))
  })
  const acquirer: Effect.Effect<NodeSqliteConnection, SqlError.SqlError, Scope.Scope> = Effect.timeoutOrElse(
    // Interruptible for the timeout: the permit belongs to the scope as soon as it is taken.
    Effect.interruptible(semaphore.takeScoped(1)),
    { duration: acquireTimeoutMs, orElse: () => busy }
  ).pipe(Effect.andThen(connection.clean))
  return yield* SqlClient.make({
    acquirer,
    compiler: Statement.makeCompilerSqlite(),
    driver: "node:sqlite",
    spanAttributes: [["db.system.name", "sqlite"]],
    beginTransaction: readOnly ? "BEGIN" : "BEGIN IMMEDIATE",
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    isTransaction: () => connection.db.isTransaction,
    onCommitFailure: () => Effect.asVoid(connection.clean)
  })
})

class NodeSqliteConnection implements SqlConnection.Connection {
  readonly db: DatabaseSync
  private readonly busyTimeoutMs: number
  private readonly statements = new Map<string, StatementSync>()

  /** Throws when the file cannot be opened. */
  constructor(
    filename: string,
    options: { readonly readOnly: boolean; readonly exclusive: boolean; readonly busyTimeoutMs: number }
  ) {
    this.db = new DatabaseSync(filename, { readOnly: options.readOnly, readBigInts: true })
    this.busyTimeoutMs = options.busyTimeoutMs
    try {
      if (options.exclusive) this.db.exec("PRAGMA locking_mode = EXCLUSIVE")
      // Only while the journal is switched over does SQLite wait by itself, and keep everybody waiting.
      if (!options.readOnly)
        this.db.exec("PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0")
      this.db.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
    } catch (cause) {
      this.db.close()
      throw cause
    }
  }

  /** Rolls back what a failed COMMIT, or one who reserved the connection, has left open. */
  readonly clean: Effect.Effect<this, SqlError.SqlError> = Effect.try({
    try: () => {
      if (this.db.isTransaction) this.db.exec("ROLLBACK")
      return this
    },
    catch: (cause) => failed(cause, "rollback")
  })

  execute(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError> {
    return Effect.map(this.all(sql, params, false), (rows) => transformed(rows, transform))
  }

  executeUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError> {
    return this.execute(sql, params, transform)
  }

  /** The rows; of a statement that gives none, how many it changed and the last rowid that it gave. */
  executeRaw(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<Row> | Row, SqlError.SqlError> {
    return this.whenFree(sql, params, (statement, values, isBigInt): ReadonlyArray<Row> | Row => {
      if (statement.columns().length > 0) return statement.all(...values).map((row) => decodeRow(row, isBigInt))
      const { changes, lastInsertRowid } = statement.run(...values)
      return decodeRow({ changes, lastInsertRowid }, isBigInt)
    })
  }

  executeValues(
    sql: string,
    params: ReadonlyArray<unknown>
  ): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> {
    return Effect.map(this.all(sql, params, true), (rows) => rows.map((row) => Object.values(row)))
  }

  executeValuesUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>
  ): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> {
    return this.executeValues(sql, params)
  }

  /** Reads as the stream is pulled, on a statement of its own: others may use the cached one in the meantime. */
  executeStream(
    sql: string,
    params: ReadonlyArray<unknown>,
    transform: Transform
  ): Stream.Stream<Row, SqlError.SqlError> {
    const open = Effect.gen({ self: this }, function* () {
      const isBigInt = yield* SqlClient.SafeIntegers
      const values = yield* Effect.fromResult(encode(params))
      const iterator = yield* Effect.acquireRelease(
        this.attempt(() => compile(this.db, sql).iterate(...values)),
        (opened) => Effect.sync(() => opened.return?.())
      )
      const read = () => {
        const rows: Array<Row> = []
        while (rows.length < rowsPerChunk) {
          const next = iterator.next()
          if (next.done === true) break
          rows.push(decodeRow(next.value, isBigInt))
        }
        return transformed(rows, transform)
      }
      const chunks = Stream.unfold(undefined, () =>
        Effect.map(this.attempt(read), (rows) => (rows.length === 0 ? undefined : ([rows, undefined] as const)))
      )
      return Stream.flatMap(chunks, Stream.fromArray)
    })
    return Stream.unwrap(open)
  }

  private all(
    sql: string,
    params: ReadonlyArray<unknown>,
    isArrays: boolean
  ): Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError> {
    return this.whenFree(sql, params, (statement, values, isBigInt) => {
      statement.setReturnArrays(isArrays)
      return statement.all(...values).map((row) => decodeRow(row, isBigInt))
    })
  }

  private whenFree<A>(
    sql: string,
    params: ReadonlyArray<unknown>,
    use: (statement: StatementSync, values: ReadonlyArray<SQLInputValue>, isBigInt: boolean) => A
  ): Effect.Effect<A, SqlError.SqlError> {
    return Effect.gen({ self: this }, function* () {
      const isBigInt = yield* SqlClient.SafeIntegers
      const values = yield* Effect.fromResult(encode(params))
      return yield* this.attempt(() => use(this.prepared(sql), values, isBigInt))
    })
  }

  /** A statement that finds the file locked by another process has done nothing: it is tried again. */
  private attempt<A>(body: () => A): Effect.Effect<A, SqlError.SqlError> {
    return Effect.try({ try: body, catch: (cause) => failed(cause, "execute") }).pipe(
      Effect.retry({
        while: isBusy,
        schedule: Schedule.spaced(busyRetryMs),
        times: Math.ceil(this.busyTimeoutMs / busyRetryMs)
      })
    )
  }

  private prepared(sql: string): StatementSync {
    const known = this.statements.get(sql)
    const statement = known ?? compile(this.db, sql)
    // In the order of their last use.
    this.statements.delete(sql)
    this.statements.set(sql, statement)
    const [oldest] = this.statements.keys()
    if (this.statements.size > statementsMax && oldest !== undefined) this.statements.delete(oldest)
    return statement
  }
}

/** Thrown by `compile`, to tell a statement that is wrong from one that failed. */
class Uncompiled extends Error {}

/** SQLite compiles the first statement of a text and says nothing of the others; they must not be lost silently. */
const compile = (db: DatabaseSync, sql: string): StatementSync => {
  const statement = ((): StatementSync => {
    try {
      return db.prepare(sql)
    } catch (cause) {
      throw errnoOf(cause) === sqliteError ? new Uncompiled(messageOf(cause), { cause }) : cause
    }
  })()
  const rest = sql.slice(statement.sourceSQL.length).replace(/--[^\n]*|\/\*[^]*?(?:\*\/|$)/g, " ")
  if (rest.trim() !== "") throw new Uncompiled("one statement at a time, and this is more than one")
  return statement
}

const transformed = (rows: ReadonlyArray<Row>, transform: Transform): ReadonlyArray<Row> =>
  transform === undefined ? rows : transform(rows)

const decodeRow = (row: Record<string, SQLOutputValue>, isBigInt: boolean): Row => {
  const decoded: Record<string, SQLOutputValue> = {}
  for (const [name, value] of Object.entries(row)) {
    decoded[name] =
      typeof value === "bigint" && !isBigInt && Number.isSafeInteger(Number(value)) ? Number(value) : value
  }
  return decoded
}

/** Whole numbers as INTEGER, others as REAL; booleans as 1 and 0; dates as their ISO text. */
const encode = (params: ReadonlyArray<unknown>): Result.Result<ReadonlyArray<SQLInputValue>, SqlError.SqlError> =>
  Result.all(params.map(encodeValue))

const encodeValue = (value: unknown): Result.Result<SQLInputValue, SqlError.SqlError> => {
  if (value === null || typeof value === "string") return Result.succeed(value)
  if (typeof value === "boolean") return Result.succeed(value ? 1n : 0n)
  if (typeof value === "number") {
    return Result.succeed(Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value)
  }
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return Result.succeed(value)
  if (Predicate.isDate(value)) return Result.succeed(value.toISOString())
  if (ArrayBuffer.isView(value)) {
    return Result.succeed(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  const message = `a parameter of type ${typeof value} cannot be stored`
  const reason = new SqlError.UnknownError({ cause: new TypeError(message), message, operation: "execute" })
  return Result.fail(new SqlError.SqlError({ reason }))
}

// Failures --------------------------------------------------------------------------------------------------------------

const sqliteError = 1
const sqliteBusy = 5
/** Duplicates of a primary key and of a rowid, which the classifier of Effect does not count as unique violations. */
const sqliteDuplicates: ReadonlySet<number | undefined> = new Set([1555, 2579])

const failed = (cause: unknown, operation: string): SqlError.SqlError => {
  const errno = errnoOf(cause)
  const message = messageOf(cause)
  const fields = { cause, message, operation }
  if (cause instanceof Uncompiled) return new SqlError.SqlError({ reason: new SqlError.SqlSyntaxError(fields) })
  if (sqliteDuplicates.has(errno)) {
    const constraint = message.replace(/^UNIQUE constraint failed: */, "")
    return new SqlError.SqlError({ reason: new SqlError.UniqueViolation({ ...fields, constraint }) })
  }
  // node:sqlite calls it errcode, the classifier reads errno.
  const known = Object.assign(new Error(message, { cause }), { errno })
  return new SqlError.SqlError({ reason: SqlError.classifySqliteError(known, { message, operation }) })
}

const isBusy = (error: SqlError.SqlError): boolean =>
  error.reason._tag === "LockTimeoutError" &&
  Predicate.hasProperty(error.reason.cause, "errno") &&
  error.reason.cause.errno === sqliteBusy

const errnoOf = (cause: unknown): number | undefined =>
  Predicate.hasProperty(cause, "errcode") && typeof cause.errcode === "number" ? cause.errcode : undefined

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
