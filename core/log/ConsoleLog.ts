/**
 * The logger of the console. Where lines go is a function of its surroundings; which entries become lines is asked for
 * each, so that a reload of the configuration changes it for everything that runs.
 */
import { Effect, Logger, LogLevel } from "effect"
import { formatJson } from "./JsonLog.ts"
import { formatPretty } from "./PrettyLog.ts"

export interface ConsoleLogOptions {
  readonly form: "json" | "pretty"
  /** Colours of the pretty form. */
  readonly colours?: boolean
  /** Whether lines tell the ids of their span; see LogEntry. */
  readonly traces?: boolean
  /** The least severe entries that are logged now. Synchronous. */
  readonly level: () => LogLevel.LogLevel
  /** Takes what is to be written, its last line end included. Must not throw. */
  readonly write: (lines: string) => void
}

/**
 * The logger; it decides about levels itself, so the minimum level of the fibers (`References.MinimumLogLevel`) has to
 * let everything through.
 */
export const make = ({ colours = false, form, level, traces = false, write }: ConsoleLogOptions) =>
  levelled(
    Logger.make<unknown, void>((logged) => {
      const text = form === "json" ? formatJson(logged, { traces }) : formatPretty(logged, { traces, colours })
      write(`${text}\n`)
    }),
    level
  )

/** A logger that is told only what is as severe as the level of that moment. */
export const levelled = (
  logger: Logger.Logger<unknown, void>,
  level: () => LogLevel.LogLevel
): Logger.Logger<unknown, void> =>
  Logger.make((logged) => {
    if (LogLevel.isGreaterThanOrEqualTo(logged.logLevel, level())) logger.log(logged)
  })

/**
 * What belongs to an operation of the console: its log lines say so, and so does its span. Errors that are logged in it
 * carry what was attempted (R7.4), beside the request id that the middleware adds.
 */
export const inOperation =
  (operation: string, attributes: Readonly<Record<string, string | number>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    effect.pipe(
      Effect.annotateLogs({ operation, ...attributes }),
      Effect.withSpan(operation, { attributes }, { captureStackTrace: false })
    )
