/** The configuration that scenarios run a console with: quick, so that what takes its time is over soon. */

type Value = string | number | boolean | ReadonlyArray<string>
type Table = Readonly<Record<string, Value>>

export interface SettingsFile {
  /** Added to the sections below, or instead of what they say. */
  readonly sections?: Readonly<Record<string, Table>>
  readonly nodes?: ReadonlyArray<Table>
  readonly programs?: ReadonlyArray<Table>
}

/** Times that what is seen from outside is held to, milliseconds. */
export const timesMs = {
  poll: 200,
  /** Of one call to a node. */
  deadline: 800,
  breakerOpen: 500,
  breakerOpenMax: 1_000,
  /** Of an operation of any kind. */
  operation: 4_000,
  shutdown: 8_000,
  /** Of a statement, and as long again for a connection. */
  statement: 800,
  transaction: 1_200,
  databaseHealth: 250,
  /** A machine that has much else to do may be late by so much. */
  slack: 2_500
} as const

const ms = (duration: number): string => `${duration}ms`

const operations = ["start", "stop", "restart", "signal", "stdin", "clear_log", "read_log", "update", "batch"] as const

const base: Readonly<Record<string, Table>> = {
  server: { shutdown_deadline: ms(timesMs.shutdown) },
  log: { format: "json", level: "debug" },
  poll: {
    interval: ms(timesMs.poll),
    jitter: "20ms",
    deadline: ms(timesMs.deadline),
    breaker_failures: 3,
    breaker_open: ms(timesMs.breakerOpen),
    breaker_open_max: ms(timesMs.breakerOpenMax),
    stale_after: "3s"
  },
  operations: {
    ...Object.fromEntries(operations.map((kind) => [`${kind}_timeout`, ms(timesMs.operation)])),
    observe_interval: "50ms"
  },
  auth: {
    access_token_ttl: "11h",
    login_failures_per_account: 1_000,
    login_failures_per_address: 100_000
  },
  database: {
    acquire_timeout: ms(timesMs.statement),
    statement_timeout: ms(timesMs.statement),
    transaction_timeout: ms(timesMs.transaction),
    health_interval: ms(timesMs.databaseHealth),
    retries_max: 2,
    retry_delay: "20ms",
    retry_delay_max: "100ms",
    breaker_failures: 3,
    breaker_open: "200ms"
  }
}

/** A value of JSON of these kinds is one of TOML. */
const table = (head: string, values: Table): string =>
  [head, ...Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`), ""].join("\n")

/** The text of a `muster.toml`. */
export const textOf = ({ nodes = [], programs = [], sections = {} }: SettingsFile): string => {
  const names = new Set([...Object.keys(base), ...Object.keys(sections)])
  return [
    ...Array.from(names, (name) => table(`[${name}]`, { ...base[name], ...sections[name] })),
    ...nodes.map((node) => table("[[nodes]]", node)),
    ...programs.map((program) => table("[[programs]]", program))
  ].join("\n")
}
