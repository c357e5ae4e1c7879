/** How patient the console is with its database. All times are milliseconds. */
import { Duration } from "effect"
import type { Config } from "../config/ConfigSchema.ts"

export interface DatabaseOptions {
  /** One call of `run` with all its retries; at the server, one statement. */
  readonly statementTimeoutMs: number
  /** One call of `transaction` with all its retries, from the first BEGIN to the last statement. */
  readonly transactionTimeoutMs: number
  /** Tries after the first. */
  readonly retriesMax: number
  /** The first pause before a retry; each later one is up to twice as long. */
  readonly retryDelayMs: number
  readonly retryDelayMaxMs: number
  /** Failures in a row of a database that cannot be reached after which it is left alone. */
  readonly breakerFailures: number
  readonly breakerOpenMs: number
  /** Pause between two looks at its health, and the longest between two attempts to reach it for the first time. */
  readonly healthIntervalMs: number
}

const ms = Duration.toMillis

/** As the section `[database]` says. */
export const databaseOptions = ({ database }: Pick<Config, "database">): DatabaseOptions => ({
  statementTimeoutMs: ms(database.statementTimeout),
  transactionTimeoutMs: ms(database.transactionTimeout),
  retriesMax: database.retriesMax,
  retryDelayMs: ms(database.retryDelay),
  retryDelayMaxMs: ms(database.retryDelayMax),
  breakerFailures: database.breakerFailures,
  breakerOpenMs: ms(database.breakerOpen),
  healthIntervalMs: ms(database.healthInterval)
})
