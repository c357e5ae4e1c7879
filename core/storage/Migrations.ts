/**
 * The tables of the console, one set of migrations for SQLite and PostgreSQL: SQL that both take, but for the one kind
 * of key that each spells its own way. A migration that has been released is never changed; what comes later is a new
 * one.
 *
 * Whole numbers are BIGINT: INTEGER of PostgreSQL ends in 2038. Truth is 0 or 1. Lists are JSON in TEXT. Times are
 * milliseconds since the epoch, in columns that end in `_ms`.
 */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** By the number and name that they are recorded under. */
export const migrations = {
  "0001_accounts": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE users (
      id TEXT PRIMARY KEY,
      username TEXT NOT NULL UNIQUE,
      password_hash TEXT NOT NULL,
      role TEXT NOT NULL,
      limits TEXT NOT NULL,
      disabled BIGINT NOT NULL,
      created_ms BIGINT NOT NULL,
      last_login_ms BIGINT
    )`
    yield* sql`CREATE TABLE sessions (
      id TEXT PRIMARY KEY,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      family_digest TEXT NOT NULL UNIQUE,
      refresh_digest TEXT NOT NULL,
      previous_digest TEXT,
      salt TEXT NOT NULL,
      csrf_token TEXT NOT NULL,
      rotated_ms BIGINT NOT NULL,
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT NOT NULL,
      address TEXT,
      user_agent TEXT
    )`
    yield* sql`CREATE INDEX sessions_user_id ON sessions (user_id)`
    yield* sql`CREATE TABLE api_tokens (
      id TEXT PRIMARY KEY,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      digest TEXT NOT NULL UNIQUE,
      role TEXT NOT NULL,
      limits TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT,
      last_used_ms BIGINT
    )`
    yield* sql`CREATE INDEX api_tokens_user_id ON api_tokens (user_id)`
    yield* sql`CREATE TABLE signing_keys (
      id TEXT PRIMARY KEY,
      secret TEXT NOT NULL,
      created_ms BIGINT NOT NULL
    )`
    // One row, which every change of the tables above changes too: of two that go by the same version, one is refused.
    yield* sql`CREATE TABLE accounts_version (
      id BIGINT PRIMARY KEY,
      version BIGINT NOT NULL,
      change_id TEXT NOT NULL
    )`
    yield* sql`INSERT INTO accounts_version (id, version, change_id) VALUES (1, 0, '')`
  }),
  "0002_activity": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    // SQLite never gives a key a second time only when it says AUTOINCREMENT, which keeps pages of the log stable.
    const key = sql.onDialectOrElse({
      pg: () => sql.literal("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
      orElse: () => sql.literal("INTEGER PRIMARY KEY AUTOINCREMENT")
    })
    yield* sql`CREATE TABLE activity (
      id ${key},
      uid TEXT NOT NULL UNIQUE,
      at_ms BIGINT NOT NULL,
      actor TEXT NOT NULL,
      address TEXT,
      action TEXT NOT NULL,
      node TEXT,
      process TEXT,
      outcome TEXT NOT NULL,
      code TEXT,
      detail TEXT,
      request_id TEXT,
      search TEXT NOT NULL
    )`
    yield* sql`CREATE INDEX activity_at_ms ON activity (at_ms)`
    yield* sql`CREATE INDEX activity_actor ON activity (actor, id)`
    yield* sql`CREATE INDEX activity_node ON activity (node, id)`
  }),
  "0003_fleet": Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE fleet_nodes (
      name TEXT PRIMARY KEY,
      seen_ms BIGINT NOT NULL,
      processes TEXT NOT NULL
    )`
  })
} as const
