/** Lines that a logger of the console writes while an effect runs. */
import { Effect, Logger, type LogLevel, References } from "effect"
import { make } from "../../../core/log/ConsoleLog.ts"

export interface LoggedOptions {
  readonly form?: "json" | "pretty"
  readonly level?: () => LogLevel.LogLevel
  readonly traces?: boolean
}

/** What was written, as it came. */
export const written = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { form = "json", level = () => "Trace", traces = false }: LoggedOptions = {}
): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.suspend(() => {
    const chunks: Array<string> = []
    const logger = make({ form, level, traces, write: (text) => chunks.push(text) })
    return effect.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "All"),
      Effect.as(chunks)
    )
  })
