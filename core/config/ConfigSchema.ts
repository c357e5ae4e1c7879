/**
 * The settings of Muster: names as in the file, kinds, ranges, defaults and what they are for.
 *
 * One struct is one table of the file, keys in snake_case. The scalar sections can be set by environment variables
 * too: `Overrides.ts` reads the names from here. The program sees a `Config`, with keys in camelCase.
 */
import { Duration, pipe, Schema, SchemaTransformation, Struct } from "effect"
import * as Keys from "./ConfigKeys.ts"
import { ActivitySection, AuthSection, DatabaseSection, LimitsSection, TelemetrySection } from "./AccessSections.ts"
import { logFileDefaults, ProgramConfig, programLimits } from "../local/ProgramConfig.ts"
import {
  choice,
  duration,
  integer,
  type Jitter,
  jitter,
  list,
  nodeUrl,
  optional,
  required,
  secret,
  size,
  text,
  withDefault
} from "./Setting.ts"

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const kib = 1024
const mib = 1024 * kib

/** A name that fits in a URL path, a metric label and a log line. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

const name = text('a name of 1 to 63 letters, digits, ".", "_" and "-" that begins with a letter or a digit', (value) =>
  namePattern.test(value)
)

const host = text(
  'a host name or an IP address without port, such as "127.0.0.1", "::" or "localhost"',
  (value) =>
    value.length <= 253 &&
    (/^[A-Za-z0-9._-]+$/.test(value)
      ? URL.canParse(`http://${value}/`)
      : /^[0-9A-Fa-f:.]+$/.test(value) && URL.canParse(`http://[${value}]/`))
)

/** Scheme, host and port, with nothing behind them, as a browser writes it. */
const isOrigin = (value: string): boolean =>
  /^https?:\/\/[^/?#@\s]+$/.test(value) && URL.canParse(value) && new URL(value).origin === value

/** An address by its number, of version 4 or 6. */
const isAddress = (value: string): boolean =>
  value.includes(":")
    ? /^[0-9A-Fa-f:.]+$/.test(value) && URL.canParse(`http://[${value}]/`)
    : /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(value)

/** The console's own HTTP server. */
export const ServerSection = Schema.Struct({
  host: withDefault(host, "127.0.0.1", "Address to listen on. Others than this machine reach it only if it is theirs."),
  port: withDefault(integer({ min: 0, max: 65_535 }), 8080, "Port to listen on; 0 takes any free one."),
  shutdown_deadline: withDefault(
    duration({ minMs: 100, maxMs: 10 * minuteMs }),
    "10s",
    "A graceful shutdown that takes longer is cut short."
  ),
  cors_origins: withDefault(
    list("origins such as https://console.example.com, each once, with commas between them", isOrigin),
    "",
    "Other origins whose pages may use the API, exactly as browsers send them; * is none. Others are refused."
  ),
  trusted_proxies: withDefault(
    list("IP addresses, each once, with commas between them", isAddress),
    "",
    "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
  )
})

/** How the nodes are watched. */
export const PollSection = Schema.Struct({
  interval: withDefault(duration({ minMs: 50, maxMs: hourMs }), "2s", "Pause between two polls of a node."),
  jitter: withDefault(
    jitter({ maxMs: hourMs }),
    "10%",
    "Each pause is longer or shorter by up to this much, so that nodes are not asked all at once."
  ),
  concurrency: withDefault(integer({ min: 1, max: 1024 }), 16, "Nodes that are polled at the same time, at most."),
  deadline: withDefault(
    duration({ minMs: 10, maxMs: 5 * minuteMs }),
    "5s",
    "A call to a node that has no whole reply by then has failed."
  ),
  reply_bytes_max: withDefault(
    size({ minBytes: kib, maxBytes: 1024 * mib }),
    "8MiB",
    "A reply larger than this is refused, and the rest of it not read."
  ),
  calls_max: withDefault(integer({ min: 1, max: 64 }), 4, "Calls to one node at the same time, polls and commands."),
  calls_waiting_max: withDefault(
    integer({ min: 0, max: 10_000 }),
    64,
    "Calls that wait for their turn at one node; more are refused."
  ),
  breaker_failures: withDefault(
    integer({ min: 1, max: 1000 }),
    5,
    "A node that failed so often in a row is left alone for a while."
  ),
  breaker_open: withDefault(
    duration({ minMs: 10, maxMs: hourMs }),
    "5s",
    "How long it is left alone; then one call goes through to see."
  ),
  breaker_open_max: withDefault(
    duration({ minMs: 10, maxMs: hourMs }),
    "30s",
    "That time doubles with each try that fails, up to this."
  ),
  stale_after: withDefault(
    duration({ minMs: 100, maxMs: 24 * hourMs }),
    "15s",
    "A node that was not heard of for so long is shown as stale even while it counts as up."
  )
})

const operationTimeout = duration({ minMs: 100, maxMs: hourMs })
const longTimeout = duration({ minMs: 100, maxMs: 24 * hourMs })

/** Operations on processes. The timeouts are upper bounds: a program's own timing may end it sooner. */
export const OperationsSection = Schema.Struct({
  start_timeout: withDefault(operationTimeout, "30s", "Longest wait until a started process is seen RUNNING."),
  stop_timeout: withDefault(operationTimeout, "30s", "Longest wait until a stopped process is seen STOPPED."),
  restart_timeout: withDefault(operationTimeout, "30s", "Longest wait for both halves of a restart together."),
  signal_timeout: withDefault(operationTimeout, "10s", "Longest wait until a signal was taken and the process seen."),
  stdin_timeout: withDefault(operationTimeout, "10s", "Longest wait until text for a program was taken."),
  clear_log_timeout: withDefault(operationTimeout, "10s", "Longest wait until a log is seen to be empty."),
  read_log_timeout: withDefault(operationTimeout, "15s", "Longest wait for a stretch of a log."),
  update_timeout: withDefault(longTimeout, "5m", "Longest wait until a node has taken over its new configuration."),
  batch_timeout: withDefault(longTimeout, "10m", "Longest time for a batch of operations that states none of its own."),
  batch_concurrency: withDefault(
    integer({ min: 1, max: 256 }),
    8,
    "Operations of a batch at the same time, unless it states another number."
  ),
  batches_max: withDefault(integer({ min: 1, max: 256 }), 8, "Batches under way at the same time."),
  batches_waiting_max: withDefault(integer({ min: 0, max: 1000 }), 32, "Batches that wait; more are refused."),
  batches_kept: withDefault(integer({ min: 1, max: 10_000 }), 100, "Batches that are over and can still be looked at."),
  observe_interval: withDefault(
    duration({ minMs: 10, maxMs: minuteMs }),
    "250ms",
    "Pause between two looks at a process whose change is awaited."
  )
})

/** The internal spine: events on their way to the hub, the log and whoever else listens. */
export const BusSection = Schema.Struct({
  queue_high: withDefault(integer({ min: 1, max: 100_000 }), 100, "Urgent events that wait for one listener, at most."),
  queue_normal: withDefault(integer({ min: 1, max: 100_000 }), 500, "Changes of the fleet that wait, at most."),
  queue_low: withDefault(integer({ min: 1, max: 100_000 }), 1000, "Pieces of followed logs that wait, at most."),
  workers: withDefault(
    integer({ min: 0, max: 256 }),
    0,
    "Fibers that work through them; 0 is 2.5 for each processor, from 4 to 32."
  ),
  overflow: withDefault(
    choice(["dropOldest", "dropNewest", "dropLow", "wait"]),
    "dropLow",
    "When a queue is full: drop its oldest or newest event, drop low priority only, or make whoever publishes wait."
  ),
  handler_timeout: withDefault(
    duration({ minMs: 10, maxMs: hourMs }),
    "30s",
    "A listener that takes longer for one event is interrupted."
  )
})

/** The WebSocket hub. */
export const HubSection = Schema.Struct({
  clients_max: withDefault(integer({ min: 1, max: 100_000 }), 10_000, "Clients at the same time; more are refused."),
  clients_per_address_max: withDefault(
    integer({ min: 1, max: 100_000 }),
    2_000,
    "Clients at the same time from one address."
  ),
  clients_per_user_max: withDefault(integer({ min: 1, max: 100_000 }), 100, "Clients at the same time of one user."),
  events_kept: withDefault(
    integer({ min: 0, max: 1_000_000 }),
    10_000,
    "Events that a client may have missed and still get when it comes back."
  ),
  outbox_frames_max: withDefault(integer({ min: 1, max: 65_536 }), 256, "Frames that wait for one client, at most."),
  slow_client_policy: withDefault(
    choice(["disconnect", "dropOldest"]),
    "disconnect",
    "What happens when the outbox of a client is full: it is disconnected, or loses its oldest frame and is told."
  ),
  heartbeat_interval: withDefault(
    duration({ minMs: 100, maxMs: hourMs }),
    "30s",
    "Silence of a client after which it is pinged."
  ),
  heartbeat_timeout: withDefault(
    duration({ minMs: 100, maxMs: hourMs }),
    "10s",
    "A client that has not answered a ping by then is disconnected."
  ),
  frame_bytes_max: withDefault(
    size({ minBytes: 128, maxBytes: 16 * mib }),
    "64KiB",
    "A frame from a client that is larger closes its connection."
  ),
  invalid_frames_max: withDefault(
    integer({ min: 1, max: 1000 }),
    3,
    "Frames from a client that are not understood before its connection is closed."
  ),
  frames_per_second_max: withDefault(
    integer({ min: 1, max: 100_000 }),
    50,
    "Frames from a client in a second, on average over ten; one that sends more is disconnected."
  ),
  logs_per_client_max: withDefault(integer({ min: 0, max: 1000 }), 16, "Logs that one client may follow at a time.")
})

/** What the console says about itself. */
export const LogSection = Schema.Struct({
  level: withDefault(
    choice(["Trace", "Debug", "Info", "Warn", "Error", "Fatal", "None"], (level) => level.toLowerCase()),
    "info",
    "The least severe messages that are logged."
  ),
  format: withDefault(
    choice(["json", "pretty", "auto"]),
    "auto",
    "One JSON object a line, or text for people; auto is pretty on a terminal and json elsewhere."
  )
})

/** The process manager on the console's own machine. */
export const LocalSection = Schema.Struct({
  name: withDefault(name, "local", "Name of the node whose processes are the `[[programs]]`.")
})

const pem = text("a file, or certificates as PEM", (value) => value !== "" && !value.includes("\0"))

/** One node to watch: one `[[nodes]]` table. */
export const NodeTable = Schema.Struct({
  name: required(name, "Name of the node, unique."),
  environment: optional(
    text("text of 1 to 63 printable characters", (value) => /^[^\p{C}\p{Zl}\p{Zp}]{1,63}$/u.test(value)),
    "What the node belongs to, such as production; nodes are grouped by it."
  ),
  url: required(nodeUrl, "Where supervisord answers: http://, https:// or unix:///path."),
  username: optional(
    text('a user name without ":" and control characters', (value) => /^[^:\p{Cc}]{1,255}$/u.test(value)),
    "User name of supervisord's own server. With `password`, or not at all."
  ),
  password: optional(
    secret("a password that is not empty"),
    "Password of supervisord's own server; better ${NAME} than the text itself."
  ),
  identifier: optional(
    text("text of 1 to 255 characters", (value) => /^[^\p{Cc}]{1,255}$/u.test(value)),
    "The identifier= that its supervisord must give; another one is not taken for this node."
  ),
  connections: withDefault(
    choice(["auto", "fresh", "keep-alive"]),
    "auto",
    "A connection for each call, or one that is kept; auto measures which of them answers sooner."
  ),
  tls_ca: optional(pem, "Certificates that an https:// node must be signed by, instead of the system's: file or PEM."),
  tls_certificate: optional(pem, "The console's own certificate for an https:// node: file or PEM. With `tls_key`."),
  tls_key: optional(secret("a file, or a key as PEM"), "Its key: file or PEM, better ${NAME} than the text itself."),
  tls_server_name: optional(host, "The name that the node's certificate must be for, instead of the URL's host.")
})

/** Keys of a program table by the names that the manager has for them. */
const programKeys = {
  output_bytes_max: "outputBytesMax",
  redirect_stderr: "redirectStderr",
  stdout_logfile: "stdoutLogfile",
  stdout_logfile_maxbytes: "stdoutLogfileMaxBytes",
  stdout_logfile_backups: "stdoutLogfileBackups",
  stderr_logfile: "stderrLogfile",
  stderr_logfile_maxbytes: "stderrLogfileMaxBytes",
  stderr_logfile_backups: "stderrLogfileBackups"
} as const

/** Of a program: what has another name in a file, where words are separated by underscores. */
const {
  outputBytesMax: _output,
  redirectStderr: redirectField,
  stdoutLogfile: stdoutField,
  stdoutLogfileMaxBytes: _stdoutMax,
  stdoutLogfileBackups: stdoutBackupsField,
  stderrLogfile: stderrField,
  stderrLogfileMaxBytes: _stderrMax,
  stderrLogfileBackups: stderrBackupsField,
  ...programFields
} = ProgramConfig.from.fields

const logFileSize = withDefault(
  size({ minBytes: 0, maxBytes: programLimits.logFileBytesMax }),
  logFileDefaults.bytesMax,
  "A log file that is larger is rotated; 0 is never."
)

/** One program for the local process manager: one `[[programs]]` table. */
export const ProgramTable = Schema.Struct({
  ...programFields,
  redirect_stderr: redirectField,
  stdout_logfile: stdoutField,
  stdout_logfile_maxbytes: logFileSize,
  stdout_logfile_backups: stdoutBackupsField,
  stderr_logfile: stderrField,
  stderr_logfile_maxbytes: logFileSize,
  stderr_logfile_backups: stderrBackupsField,
  output_bytes_max: withDefault(
    size({ minBytes: programLimits.outputBytesMin, maxBytes: programLimits.outputBytesMax }),
    "64KiB",
    "Output kept in memory, of stdout and of stderr each."
  )
}).pipe(
  Schema.decodeTo(
    Schema.toType(ProgramConfig),
    SchemaTransformation.transform({
      decode: (program) => ({
        ...Struct.renameKeys(program, programKeys),
        group: program.group ?? program.name
      }),
      encode: ({
        outputBytesMax,
        redirectStderr,
        stderrLogfile,
        stderrLogfileBackups,
        stderrLogfileMaxBytes,
        stdoutLogfile,
        stdoutLogfileBackups,
        stdoutLogfileMaxBytes,
        ...program
      }) => ({
        ...program,
        redirect_stderr: redirectStderr,
        ...(stdoutLogfile === undefined ? {} : { stdout_logfile: stdoutLogfile }),
        stdout_logfile_maxbytes: stdoutLogfileMaxBytes,
        stdout_logfile_backups: stdoutLogfileBackups,
        ...(stderrLogfile === undefined ? {} : { stderr_logfile: stderrLogfile }),
        stderr_logfile_maxbytes: stderrLogfileMaxBytes,
        stderr_logfile_backups: stderrLogfileBackups,
        output_bytes_max: outputBytesMax
      })
    })
  )
)

/** The sections whose settings are single values: environment variables can set them. */
export const scalarSections = {
  server: ServerSection,
  poll: PollSection,
  operations: OperationsSection,
  bus: BusSection,
  hub: HubSection,
  log: LogSection,
  local: LocalSection,
  database: DatabaseSection,
  auth: AuthSection,
  activity: ActivitySection,
  limits: LimitsSection,
  telemetry: TelemetrySection
} as const

/** A whole file, with every section there. */
export const ConfigTables = Schema.Struct({
  ...scalarSections,
  nodes: Schema.Array(NodeTable).annotate({ expected: "tables headed [[nodes]]" }),
  programs: Schema.Array(ProgramTable).annotate({ expected: "tables headed [[programs]]" })
})

/** How far a pause may be off, for pauses of this length. */
export const jitterLength = (share: Jitter, interval: Duration.Duration): Duration.Duration =>
  share._tag === "Length" ? share.length : Duration.millis(Math.round(Duration.toMillis(interval) * share.ratio))

/** The configuration as the program uses it: keys in camelCase, `poll.jitter` as a duration, sizes in bytes. */
export const toConfig = (tables: typeof ConfigTables.Type) => ({
  server: pipe(tables.server, Struct.renameKeys(Keys.serverKeys)),
  poll: {
    ...pipe(tables.poll, Struct.renameKeys(Keys.pollKeys)),
    jitter: jitterLength(tables.poll.jitter, tables.poll.interval)
  },
  operations: pipe(tables.operations, Struct.renameKeys(Keys.operationsKeys)),
  bus: pipe(tables.bus, Struct.renameKeys(Keys.busKeys)),
  hub: pipe(tables.hub, Struct.renameKeys(Keys.hubKeys)),
  log: tables.log,
  local: tables.local,
  database: pipe(tables.database, Struct.renameKeys(Keys.databaseKeys)),
  auth: pipe(tables.auth, Struct.renameKeys(Keys.authKeys)),
  activity: pipe(tables.activity, Struct.renameKeys(Keys.activityKeys)),
  limits: pipe(tables.limits, Struct.renameKeys(Keys.limitsKeys)),
  telemetry: pipe(tables.telemetry, Struct.renameKeys(Keys.telemetryKeys)),
  nodes: tables.nodes.map(Struct.renameKeys(Keys.nodeKeys)),
  programs: tables.programs
})

/** Everything that can be configured, valid and complete. */
export type Config = ReturnType<typeof toConfig>
/** One node of the configuration. `url` has been checked; `username` and `password` are both there or both absent. */
export type NodeConfig = Config["nodes"][number]
