/**
 * The database that a URL names, as Effect's `SqlClient`: SQLite on a file or in memory, or PostgreSQL.
 *
 * A file and the folders above it that are missing are made for their owner alone: they hold password hashes and the
 * keys that sign tokens. What is there already keeps its mode. A PostgreSQL is reached when it is used for the first
 * time; whether it is there does not matter here.
 */
import { closeSync, mkdirSync, openSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Layer, Redacted, Result, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { parseDatabaseUrl } from "../core/storage/DatabaseUrl.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import * as Postgres from "./Postgres.ts"

export interface NodeDatabaseOptions {
  readonly url: Redacted.Redacted
  /** Of a PostgreSQL; a SQLite has one. Default 10. */
  readonly connectionsMax?: number
  /** How long a statement or transaction waits for a connection to be free. Default 5,000. */
  readonly acquireTimeoutMs?: number
  /** Default 10,000. */
  readonly statementTimeoutMs?: number
  /** Default 15,000. */
  readonly transactionTimeoutMs?: number
  /** Refuses a file that somebody else has opened so, in this process or another. Default false. */
  readonly alone?: boolean
}

/** The URL, or the file that it names, cannot be used. The message names the file, and never a password. */
export class DatabaseUnusable extends Schema.TaggedError<DatabaseUnusable>()("DatabaseUnusable", {
  detail: Schema.String
}) {
  override get message(): string {
    return `database.url: ${this.detail}`
  }
}

const ownerOnly = { folder: 0o700, file: 0o600 } as const

/** A transaction that does nothing is ended by its console first, and by the server so much later. */
const idleSlackMs = 5_000

export const layer = (options: NodeDatabaseOptions): Layer.Layer<SqlClient.SqlClient, DatabaseUnusable> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = parseDatabaseUrl(Redacted.value(options.url))
      if (Result.isFailure(url)) return unusable(`expected ${url.failure}`)
      if (url.success._tag === "Postgres") return postgres(options)
      const { acquireTimeoutMs = 5_000 } = options
      if (url.success._tag === "Memory") return opened(":memory:", acquireTimeoutMs)
      const filename = resolve(url.success.path)
      yield* makeFile(filename)
      if (options.alone === true) yield* claim(filename)
      return opened(filename, acquireTimeoutMs)
    })
  )

/**
 * Holds a lock of SQLite's on an empty file beside it, which the system takes back however the process ends. What reads
 * or writes the database itself does not meet it.
 */
const claim = (filename: string) =>
  Effect.acquireRelease(
    Effect.andThen(
      makeFile(filename + claimEnding),
      Effect.try({
        try: () => {
          const lock = new DatabaseSync(filename + claimEnding)
          try {
            lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
          } catch (cause) {
            lock.close()
            throw cause
          }
          return lock
        },
        catch: (cause) =>
          new DatabaseUnusable({
            detail: / locked/.test(messageOf(cause))
              ? `another console uses ${filename}; several need a PostgreSQL`
              : `cannot lock ${filename + claimEnding}: ${messageOf(cause)}`
          })
      })
    ),
    (lock) => Effect.sync(() => lock.close())
  )

const claimEnding = "-console"

// What waits for the lock of another process holds the connection: not longer than others wait for that.
const opened = (filename: string, acquireTimeoutMs: number) =>
  NodeSqlite.layer({ filename, acquireTimeoutMs, busyTimeoutMs: acquireTimeoutMs }).pipe(
    Layer.catchTag("SqlError", ({ message }) => unusable(`cannot open ${filename}: ${message}`))
  )

const postgres = ({
  acquireTimeoutMs = 5_000,
  connectionsMax = 10,
  statementTimeoutMs = 10_000,
  transactionTimeoutMs = 15_000,
  url
}: NodeDatabaseOptions) =>
  Postgres.layer({
    url,
    connectionsMax,
    acquireTimeoutMs,
    statementTimeoutMs,
    lockTimeoutMs: Math.min(acquireTimeoutMs, statementTimeoutMs),
    idleInTransactionTimeoutMs: transactionTimeoutMs + idleSlackMs
  }).pipe(Layer.catchTag("SqlError", ({ message }) => unusable(message)))

const unusable = (detail: string): Layer.Layer<SqlClient.SqlClient, DatabaseUnusable> =>
  Layer.effect(SqlClient.SqlClient, Effect.fail(new DatabaseUnusable({ detail })))

/** Makes it empty before SQLite does, which would make it readable for all. SQLite gives its other files that mode. */
export const makeFile = (filename: string): Effect.Effect<void, DatabaseUnusable> =>
  Effect.try({
    try: () => {
      mkdirSync(dirname(filename), { recursive: true, mode: ownerOnly.folder })
      closeSync(openSync(filename, "a", ownerOnly.file))
    },
    catch: (cause) => new DatabaseUnusable({ detail: `cannot make or write ${filename}: ${messageOf(cause)}` })
  })

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
