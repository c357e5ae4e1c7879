/**
 * The settings of Muster: names as in the file, kinds, ranges, defaults and what they are for.
 *
 * One struct is one table of the file, keys in snake_case. The scalar sections can be set by environment variables
 * too: `Overrides.ts` reads the names from here. The program sees a `Config`, with keys in camelCase.
 */
import { Duration, pipe, Schema, SchemaTransformation, Struct } from "effect"
import { ProgramConfig, programLimits } from "../local/ProgramConfig.ts"
import {
  choice,
  duration,
  integer,
  type Jitter,
  jitter,
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

/** The console's own HTTP server. */
export const ServerSection = Schema.Struct({
  host: withDefault(host, "127.0.0.1", "Address to listen on. Others than this machine reach it only if it is theirs."),
  port: withDefault(integer({ min: 0, max: 65_535 }), 8080, "Port to listen on; 0 takes any free one."),
  shutdown_deadline: withDefault(
    duration({ minMs: 100, maxMs: 10 * minuteMs }),
    "10s",
    "A graceful shutdown that takes longer is cut short."
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
  )
})

const operationTimeout = duration({ minMs: 100, maxMs: hourMs })

/** Start, stop and restart of processes. The timeouts are upper bounds: a program's own timing may end it sooner. */
export const OperationsSection = Schema.Struct({
  start_timeout: withDefault(operationTimeout, "30s", "Longest wait until a started process is seen RUNNING."),
  stop_timeout: withDefault(operationTimeout, "30s", "Longest wait until a stopped process is seen STOPPED."),
  restart_timeout: withDefault(operationTimeout, "30s", "Longest wait for both halves of a restart together."),
  observe_interval: withDefault(
    duration({ minMs: 10, maxMs: minuteMs }),
    "250ms",
    "Pause between two looks at a process whose change is awaited."
  )
})

/** The WebSocket hub. */
export const HubSection = Schema.Struct({
  clients_max: withDefault(integer({ min: 1, max: 100_000 }), 10_000, "Clients at the same time; more are refused."),
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
  )
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
  )
})

const { outputBytesMax: _, ...programFields } = ProgramConfig.from.fields

/** One program for the local process manager: one `[[programs]]` table. */
export const ProgramTable = Schema.Struct({
  ...programFields,
  output_bytes_max: withDefault(
    size({ minBytes: programLimits.outputBytesMin, maxBytes: programLimits.outputBytesMax }),
    "64KiB",
    "Output kept in memory, of stdout and of stderr each."
  )
}).pipe(
  Schema.decodeTo(
    Schema.toType(ProgramConfig),
    SchemaTransformation.transform({
      decode: ({ output_bytes_max, ...program }) => ({
        ...program,
        group: program.group ?? program.name,
        outputBytesMax: output_bytes_max
      }),
      encode: ({ outputBytesMax, ...program }) => ({ ...program, output_bytes_max: outputBytesMax })
    })
  )
)

/** The sections whose settings are single values: environment variables can set them. */
export const scalarSections = {
  server: ServerSection,
  poll: PollSection,
  operations: OperationsSection,
  hub: HubSection,
  log: LogSection,
  local: LocalSection
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
  server: pipe(tables.server, Struct.renameKeys({ shutdown_deadline: "shutdownDeadline" })),
  poll: {
    ...pipe(tables.poll, Struct.renameKeys({ reply_bytes_max: "replyBytesMax" })),
    jitter: jitterLength(tables.poll.jitter, tables.poll.interval)
  },
  operations: pipe(
    tables.operations,
    Struct.renameKeys({
      start_timeout: "startTimeout",
      stop_timeout: "stopTimeout",
      restart_timeout: "restartTimeout",
      observe_interval: "observeInterval"
    })
  ),
  hub: pipe(
    tables.hub,
    Struct.renameKeys({
      clients_max: "clientsMax",
      outbox_frames_max: "outboxFramesMax",
      slow_client_policy: "slowClientPolicy",
      heartbeat_interval: "heartbeatInterval",
      heartbeat_timeout: "heartbeatTimeout",
      frame_bytes_max: "frameBytesMax",
      invalid_frames_max: "invalidFramesMax"
    })
  ),
  log: tables.log,
  local: tables.local,
  nodes: tables.nodes,
  programs: tables.programs
})

/** Everything that can be configured, valid and complete. */
export type Config = ReturnType<typeof toConfig>
/** One node of the configuration. `url` has been checked; `username` and `password` are both there or both absent. */
export type NodeConfig = Config["nodes"][number]
