/**
 * The accounts in the database: reads them whole, and writes changes, each batch in one transaction.
 *
 * One row counts the changes. A transaction first moves it on from the version that it was decided on, so that it is
 * refused when another console was there before; by the id in that row it is known later whether a commit that was not
 * acknowledged was done. When a token was last used is written beside that: it is no right.
 */
import { Effect, Redacted, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { Limits, Role } from "../domain/Access.ts"
import type { Database } from "../storage/Database.ts"
import { DatabaseError } from "../storage/DatabaseError.ts"
import {
  type AccountsState,
  type ApiToken,
  type Change,
  fromRows,
  type Session,
  type SigningKey,
  type User,
  type UserPatch
} from "./AccountsState.ts"

/** Others have changed the accounts since the state that was decided on. Nothing was written. */
export class StaleAccounts extends Schema.TaggedError<StaleAccounts>()("StaleAccounts", {}) {}

type DatabaseService = Database["Service"]

/** Ids in one statement. */
const idsMax = 500

/** How often it is read again when it changes meanwhile. */
const readsMax = 5

// Rows ------------------------------------------------------------------------------------------------------------------

/** PostgreSQL gives integers of 8 bytes as bigints. */
const Whole = Schema.Union([Schema.Int, Schema.BigInt])
const LimitsText = Schema.fromJsonString(Limits)

const HeadRow = Schema.Struct({ version: Whole, change_id: Schema.String })
const UserRow = Schema.Struct({
  id: Schema.String,
  username: Schema.String,
  password_hash: Schema.String,
  role: Role,
  limits: LimitsText,
  disabled: Whole,
  created_ms: Whole,
  last_login_ms: Schema.NullOr(Whole)
})
const SessionRow = Schema.Struct({
  id: Schema.String,
  user_id: Schema.String,
  family_digest: Schema.String,
  refresh_digest: Schema.String,
  previous_digest: Schema.NullOr(Schema.String),
  salt: Schema.String,
  csrf_token: Schema.String,
  rotated_ms: Whole,
  created_ms: Whole,
  expires_ms: Whole,
  address: Schema.NullOr(Schema.String),
  user_agent: Schema.NullOr(Schema.String)
})
const TokenRow = Schema.Struct({
  id: Schema.String,
  user_id: Schema.String,
  name: Schema.String,
  digest: Schema.String,
  role: Role,
  limits: LimitsText,
  created_ms: Whole,
  expires_ms: Schema.NullOr(Whole),
  last_used_ms: Schema.NullOr(Whole)
})
const KeyRow = Schema.Struct({ id: Schema.String, secret: Schema.String, created_ms: Whole })

const numberOr = (value: number | bigint | null): number | undefined => (value === null ? undefined : Number(value))

const user = (row: typeof UserRow.Type): User => ({
  id: row.id,
  username: row.username,
  passwordHash: row.password_hash,
  role: row.role,
  limits: row.limits,
  disabled: Number(row.disabled) !== 0,
  createdMs: Number(row.created_ms),
  lastLoginMs: numberOr(row.last_login_ms)
})

const session = (row: typeof SessionRow.Type): Session => ({
  id: row.id,
  userId: row.user_id,
  familyDigest: row.family_digest,
  refreshDigest: row.refresh_digest,
  previousDigest: row.previous_digest ?? undefined,
  salt: row.salt,
  csrfToken: row.csrf_token,
  rotatedMs: Number(row.rotated_ms),
  createdMs: Number(row.created_ms),
  expiresMs: Number(row.expires_ms),
  address: row.address ?? undefined,
  userAgent: row.user_agent ?? undefined
})

const token = (row: typeof TokenRow.Type): ApiToken => ({
  id: row.id,
  userId: row.user_id,
  name: row.name,
  digest: row.digest,
  role: row.role,
  limits: row.limits,
  createdMs: Number(row.created_ms),
  expiresMs: numberOr(row.expires_ms),
  lastUsedMs: numberOr(row.last_used_ms)
})

const key = (row: typeof KeyRow.Type): SigningKey => ({
  id: row.id,
  secret: Redacted.make(row.secret),
  createdMs: Number(row.created_ms)
})

// Reading ---------------------------------------------------------------------------------------------------------------

const readOperation = "Accounts.read"

/** Made once: a schema compiles what it decodes with. */
const tables = {
  accounts_version: Schema.Array(HeadRow),
  users: Schema.Array(UserRow),
  sessions: Schema.Array(SessionRow),
  api_tokens: Schema.Array(TokenRow),
  signing_keys: Schema.Array(KeyRow)
} as const

/** What is wrong with a row is not said: it may be a secret. */
const decoded = <A>(table: string, rows: Schema.Codec<A, unknown>, found: ReadonlyArray<unknown>) =>
  Effect.mapError(
    Schema.decodeUnknownEffect(rows)(found),
    () =>
      new DatabaseError({ operation: readOperation, reason: "Failed", detail: `a row of ${table} is not understood` })
  )

const selectHead = (sql: SqlClient.SqlClient) => sql`SELECT version, change_id FROM accounts_version`

const headOf = Effect.fnUntraced(function* (found: ReadonlyArray<unknown>) {
  const [head] = yield* decoded("accounts_version", tables.accounts_version, found)
  const detail = "accounts_version has no row"
  if (head === undefined) return yield* new DatabaseError({ operation: readOperation, reason: "Failed", detail })
  return { version: Number(head.version), changeId: head.change_id }
})

/** Version and last change of what is committed. */
export const readHead = (
  database: DatabaseService
): Effect.Effect<Pick<AccountsState, "version" | "changeId">, DatabaseError> =>
  Effect.flatMap(database.run(readOperation, selectHead), headOf)

/** All of one version, although it takes several statements: no change is committed without moving the version on. */
export const read = (database: DatabaseService): Effect.Effect<AccountsState, DatabaseError> =>
  Effect.gen(function* () {
    for (let reads = 0; reads < readsMax; reads++) {
      const rows = yield* database.run(readOperation, (sql) =>
        Effect.all({
          before: selectHead(sql),
          users: sql`SELECT * FROM users`,
          sessions: sql`SELECT * FROM sessions`,
          tokens: sql`SELECT * FROM api_tokens`,
          keys: sql`SELECT * FROM signing_keys`,
          after: selectHead(sql)
        })
      )
      const { changeId, version } = yield* headOf(rows.before)
      if ((yield* headOf(rows.after)).version !== version) continue
      return fromRows({
        version,
        changeId,
        users: (yield* decoded("users", tables.users, rows.users)).map(user),
        sessions: (yield* decoded("sessions", tables.sessions, rows.sessions)).map(session),
        tokens: (yield* decoded("api_tokens", tables.api_tokens, rows.tokens)).map(token),
        keys: (yield* decoded("signing_keys", tables.signing_keys, rows.keys)).map(key)
      })
    }
    const detail = `the accounts changed at each of ${readsMax} reads`
    return yield* new DatabaseError({ operation: readOperation, reason: "Unavailable", detail })
  }).pipe(Effect.withSpan(readOperation))

// Writing ---------------------------------------------------------------------------------------------------------------

/** Writes all of the changes or none; they were decided on the state of this version. */
export const commit = (
  database: DatabaseService,
  operation: string,
  {
    changeId,
    changes,
    version
  }: {
    readonly version: number
    readonly changeId: string
    readonly changes: ReadonlyArray<Change>
  }
): Effect.Effect<void, DatabaseError | StaleAccounts> =>
  database.transaction(operation, (sql) =>
    Effect.gen(function* () {
      const moved = yield* sql`UPDATE accounts_version SET version = ${version + 1}, change_id = ${changeId}
        WHERE id = 1 AND version = ${version} RETURNING version`
      if (moved.length === 0) return yield* new StaleAccounts()
      yield* Effect.forEach(changes, (change) => write(sql, change), { discard: true })
    })
  )

/** Writes when tokens were last used. */
export const commitUses = (
  database: DatabaseService,
  atMs: ReadonlyMap<string, number>
): Effect.Effect<void, DatabaseError> =>
  database.transaction("Accounts.used", (sql) => write(sql, { _tag: "TokensUsed", atMs }))

type Written = Effect.Effect<unknown, SqlError.SqlError>

const write = (sql: SqlClient.SqlClient, change: Change): Written => {
  switch (change._tag) {
    case "UserAdded":
      return sql`INSERT INTO users ${sql.insert(userRow(change.user))}`
    case "UserChanged": {
      const row = patchRow(change.to)
      return Object.keys(row).length === 0
        ? Effect.void
        : sql`UPDATE users SET ${sql.update(row)} WHERE id = ${change.id}`
    }
    case "UserRemoved":
      // Its sessions and tokens would go by themselves only where foreign keys are enforced.
      return Effect.all([
        sql`DELETE FROM sessions WHERE user_id = ${change.id}`,
        sql`DELETE FROM api_tokens WHERE user_id = ${change.id}`,
        sql`DELETE FROM users WHERE id = ${change.id}`
      ])
    case "SessionAdded":
      return sql`INSERT INTO sessions ${sql.insert(sessionRow(change.session))}`
    case "SessionRotated": {
      const { expiresMs, previousDigest, refreshDigest, rotatedMs, salt } = change.to
      return sql`UPDATE sessions SET refresh_digest = ${refreshDigest}, previous_digest = ${previousDigest ?? null},
        salt = ${salt}, rotated_ms = ${rotatedMs}, expires_ms = ${expiresMs} WHERE id = ${change.id}`
    }
    case "SessionsEnded":
      return inParts(change.ids, (ids) => sql`DELETE FROM sessions WHERE id IN ${sql.in(ids)}`)
    case "TokenAdded":
      return sql`INSERT INTO api_tokens ${sql.insert(tokenRow(change.token))}`
    case "TokenRemoved":
      return sql`DELETE FROM api_tokens WHERE id = ${change.id}`
    case "TokensUsed":
      return Effect.forEach(
        change.atMs,
        ([id, atMs]) => sql`UPDATE api_tokens SET last_used_ms = ${atMs}
          WHERE id = ${id} AND (last_used_ms IS NULL OR last_used_ms < ${atMs})`,
        { discard: true }
      )
    case "KeyAdded": {
      const { createdMs, id, secret } = change.key
      return sql`INSERT INTO signing_keys ${sql.insert({ id, secret: Redacted.value(secret), created_ms: createdMs })}`
    }
    case "KeysRemoved":
      return inParts(change.ids, (ids) => sql`DELETE FROM signing_keys WHERE id IN ${sql.in(ids)}`)
  }
}

const inParts = (ids: ReadonlyArray<string>, remove: (ids: ReadonlyArray<string>) => Written): Written =>
  Effect.forEach(
    Array.from({ length: Math.ceil(ids.length / idsMax) }, (_, i) => ids.slice(i * idsMax, (i + 1) * idsMax)),
    remove,
    { discard: true }
  )

const userRow = ({ createdMs, disabled, id, lastLoginMs, limits, passwordHash, role, username }: User) => ({
  id,
  username,
  password_hash: passwordHash,
  role,
  limits: JSON.stringify(limits),
  disabled: disabled ? 1 : 0,
  created_ms: createdMs,
  last_login_ms: lastLoginMs ?? null
})

const patchRow = ({ disabled, lastLoginMs, limits, passwordHash, role }: UserPatch) => ({
  ...(passwordHash === undefined ? {} : { password_hash: passwordHash }),
  ...(role === undefined ? {} : { role }),
  ...(limits === undefined ? {} : { limits: JSON.stringify(limits) }),
  ...(disabled === undefined ? {} : { disabled: disabled ? 1 : 0 }),
  ...(lastLoginMs === undefined ? {} : { last_login_ms: lastLoginMs })
})

const sessionRow = (from: Session) => ({
  id: from.id,
  user_id: from.userId,
  family_digest: from.familyDigest,
  refresh_digest: from.refreshDigest,
  previous_digest: from.previousDigest ?? null,
  salt: from.salt,
  csrf_token: from.csrfToken,
  rotated_ms: from.rotatedMs,
  created_ms: from.createdMs,
  expires_ms: from.expiresMs,
  address: from.address ?? null,
  user_agent: from.userAgent ?? null
})

const tokenRow = ({ createdMs, digest, expiresMs, id, lastUsedMs, limits, name, role, userId }: ApiToken) => ({
  id,
  user_id: userId,
  name,
  digest,
  role,
  limits: JSON.stringify(limits),
  created_ms: createdMs,
  expires_ms: expiresMs ?? null,
  last_used_ms: lastUsedMs ?? null
})
