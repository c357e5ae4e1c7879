/**
 * A database as a console leaves it after its first start: the tables of all migrations, the first administrator and a
 * key that signs. Worlds begin with it, so that a run is about its scenario and not about making tables; a test
 * compares it with what the console itself makes.
 */
import { epochMs } from "../sim/KernelContext.ts"

/** Of the first administrator. */
export const adminPassword = "the first password of all"

/** Hash of that password with the lowest parameters, as `SimSecrets` makes it. */
export const adminHash = "$scrypt$ln=1,r=1,p=1$Kf5Hf18PwAxecvNmJBijLA$fakYrARIv1tfCJSUD+y9um4AGNuE2NvQSbB49vMENf0"

/** For a simulated database to begin with. Constant: its image is made once. */
export const preparedDatabase: ReadonlyArray<string> = [
  `CREATE TABLE schema_versions (
    version BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    applied_ms BIGINT NOT NULL
  )`,
  `CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    limits TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_login_ms BIGINT
  )`,
  `CREATE TABLE sessions (
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
  )`,
  "CREATE INDEX sessions_user_id ON sessions (user_id)",
  `CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    limits TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    last_used_ms BIGINT
  )`,
  "CREATE INDEX api_tokens_user_id ON api_tokens (user_id)",
  "CREATE TABLE signing_keys (id TEXT PRIMARY KEY, secret TEXT NOT NULL, created_ms BIGINT NOT NULL)",
  "CREATE TABLE accounts_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, change_id TEXT NOT NULL)",
  `CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
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
  )`,
  "CREATE INDEX activity_at_ms ON activity (at_ms)",
  "CREATE INDEX activity_actor ON activity (actor, id)",
  "CREATE INDEX activity_node ON activity (node, id)",
  "CREATE TABLE fleet_nodes (name TEXT PRIMARY KEY, seen_ms BIGINT NOT NULL, processes TEXT NOT NULL)",
  `INSERT INTO schema_versions (version, name, applied_ms)
    VALUES (1, 'accounts', ${epochMs}), (2, 'activity', ${epochMs}), (3, 'fleet', ${epochMs})`,
  `INSERT INTO users (id, username, password_hash, role, limits, disabled, created_ms)
    VALUES ('3x0J9B4PeXdzQ5CbDnaUow', 'admin', '${adminHash}', 'admin', '{}', 0, ${epochMs})`,
  `INSERT INTO signing_keys (id, secret, created_ms)
    VALUES ('YghGet71AWIPXTO_fLKqBA', '0NEN4NUj97uDgItzLjqP0Kymd0MFtWKsloRB6WCQtqQ', ${epochMs})`,
  "INSERT INTO accounts_version (id, version, change_id) VALUES (1, 1, '0ntbdQzScAi0FcWoZQN3rg')"
]
