/** Settings of who may do what, of what is kept, and of what the console tells about itself. See ConfigSchema. */
import { Result, Schema } from "effect"
import { parseDatabaseUrl } from "../storage/DatabaseUrl.ts"
import { boolean, choice, duration, integer, list, optional, secret, size, text, withDefault } from "./Setting.ts"

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const mib = 1024 * 1024
const gib = 1024 * mib

const isDatabaseUrl = (url: string): boolean => Result.isSuccess(parseDatabaseUrl(url))

/** As HTTP takes them: a token, and printable text without commas. */
const isHeader = (item: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}=[\x21-\x7e][\x20-\x7e]*$/.test(item)

/** Where users, tokens, the activity log and the last known state of the fleet are kept. */
export const DatabaseSection = Schema.Struct({
  url: withDefault(
    secret("sqlite:FILE, sqlite::memory: or postgres://user:password@host:port/database", isDatabaseUrl),
    "sqlite:muster.db",
    "sqlite:FILE, relative to where the console is started, sqlite::memory: (lost at the end), or postgres://..."
  ),
  connections_max: withDefault(
    integer({ min: 1, max: 200 }),
    10,
    "Connections at the same time. SQLite always has one."
  ),
  acquire_timeout: withDefault(
    duration({ minMs: 10, maxMs: minuteMs }),
    "5s",
    "Longest wait for a connection to be free."
  ),
  statement_timeout: withDefault(duration({ minMs: 10, maxMs: hourMs }), "10s", "Longest time for one statement."),
  transaction_timeout: withDefault(
    duration({ minMs: 10, maxMs: hourMs }),
    "15s",
    "A transaction that takes longer is rolled back."
  ),
  retries_max: withDefault(
    integer({ min: 0, max: 20 }),
    4,
    "How often what failed for the moment is tried again, after pauses that double."
  ),
  retry_delay: withDefault(duration({ minMs: 1, maxMs: minuteMs }), "100ms", "The first of these pauses."),
  retry_delay_max: withDefault(duration({ minMs: 1, maxMs: minuteMs }), "2s", "The longest of them."),
  breaker_failures: withDefault(
    integer({ min: 1, max: 1000 }),
    5,
    "A database that could not be reached so often in a row is left alone for a while."
  ),
  breaker_open: withDefault(duration({ minMs: 10, maxMs: hourMs }), "2s", "How long; then one attempt goes through."),
  health_interval: withDefault(duration({ minMs: 100, maxMs: hourMs }), "5s", "Pause between two looks at its health.")
})

/** Who is let in, and how. */
export const AuthSection = Schema.Struct({
  anonymous_role: withDefault(
    choice(["none", "viewer", "operator", "admin"]),
    "none",
    "Rights of requests without any credential; none asks everybody to log in."
  ),
  sources: withDefault(
    list(
      "some of header, cookie and ticket, each once, with commas between them",
      (item) => item === "header" || item === "cookie" || item === "ticket",
      { itemsMin: 1 }
    ),
    "header,cookie,ticket",
    "Where a token is looked for, in this order; the first that is there counts. A ticket opens a WebSocket only."
  ),
  access_token_ttl: withDefault(
    duration({ minMs: 10 * secondMs, maxMs: dayMs }),
    "15m",
    "How long a token lets in before it has to be refreshed."
  ),
  session_ttl: withDefault(
    duration({ minMs: minuteMs, maxMs: 365 * dayMs }),
    "12h",
    "How long a session lasts after its last refresh."
  ),
  key_rotation: withDefault(
    duration({ minMs: minuteMs, maxMs: 365 * dayMs }),
    "7d",
    "Age at which the key that signs tokens is replaced; tokens of the one before are taken until they expire."
  ),
  sessions_per_user_max: withDefault(
    integer({ min: 1, max: 1000 }),
    20,
    "Sessions of one user; one more ends the oldest."
  ),
  tokens_max: withDefault(integer({ min: 0, max: 10_000 }), 500, "API tokens of all users together."),
  users_max: withDefault(integer({ min: 1, max: 100_000 }), 1000, "Users."),
  password_characters_min: withDefault(integer({ min: 8, max: 128 }), 12, "Characters of a password, at least."),
  login_failures_per_account: withDefault(
    integer({ min: 1, max: 1000 }),
    5,
    "Failed logins of one account after which more have to wait."
  ),
  login_failures_per_address: withDefault(
    integer({ min: 1, max: 100_000 }),
    20,
    "The same for all that come from one address."
  ),
  login_window: withDefault(duration({ minMs: secondMs, maxMs: dayMs }), "5m", "How long a failed login counts."),
  logins_at_once: withDefault(
    integer({ min: 1, max: 64 }),
    2,
    "Passwords that are checked at the same time: each takes a processor and 32 MiB for a moment."
  ),
  cookie_secure: withDefault(
    choice(["auto", "always", "never"]),
    "auto",
    "Whether browsers send cookies over https only; auto goes by the request, or what a proxy says of it."
  ),
  public_health: withDefault(
    boolean,
    true,
    "Whether /health and /health/ready answer without a login, by the states alone; /health/live always does."
  ),
  public_metrics: withDefault(boolean, false, "Whether /metrics answers without a login.")
})

/** The activity log. */
export const ActivitySection = Schema.Struct({
  retention: withDefault(
    duration({ minMs: hourMs, maxMs: 3650 * dayMs }),
    "90d",
    "Entries that are older are removed."
  ),
  entries_max: withDefault(
    integer({ min: 100, max: 100_000_000 }),
    1_000_000,
    "Entries that are kept; the oldest go first."
  ),
  waiting_max: withDefault(
    integer({ min: 10, max: 1_000_000 }),
    10_000,
    "Entries that wait in memory while the database is away; more are lost, and counted."
  )
})

/** What the console may use of its machine. */
export const LimitsSection = Schema.Struct({
  requests_max: withDefault(
    integer({ min: 1, max: 100_000 }),
    1_000,
    "Requests under way at the same time, without those of the health; more are refused."
  ),
  operations_max: withDefault(
    integer({ min: 1, max: 100_000 }),
    500,
    "Operations on processes under way at the same time, those of batches included."
  ),
  memory_warning: withDefault(
    size({ minBytes: 0, maxBytes: 1024 * gib }),
    "1GiB",
    "Memory of the console from which it gives up what it can do without; 0 is never."
  ),
  memory_critical: withDefault(
    size({ minBytes: 0, maxBytes: 1024 * gib }),
    "2GiB",
    "Memory from which it also refuses what is new and large; 0 is never."
  ),
  memory_interval: withDefault(duration({ minMs: 100, maxMs: hourMs }), "5s", "Pause between two looks at it.")
})

/** OpenTelemetry. */
export const TelemetrySection = Schema.Struct({
  otlp_url: optional(
    text(
      "an http:// or https:// URL without a user and a password, such as http://127.0.0.1:4318",
      (value) => /^https?:\/\/[^\s@?#]+$/.test(value) && URL.canParse(value)
    ),
    "Collector that traces, metrics and logs are sent to by OTLP over HTTP; /v1/traces and so on are added."
  ),
  otlp_headers: optional(
    secret("Name=value with commas between them", (headers) =>
      headers.split(",").every((item) => isHeader(item.trim()))
    ),
    "Headers that it asks for, such as an API key; better ${NAME} than the text itself."
  ),
  otlp_interval: withDefault(duration({ minMs: 100, maxMs: hourMs }), "10s", "Pause between two deliveries."),
  service_name: withDefault(
    text("text of 1 to 63 printable characters", (value) => /^[^\p{C}\p{Zl}\p{Zp}]{1,63}$/u.test(value)),
    "muster",
    "What the console is called there."
  )
})
