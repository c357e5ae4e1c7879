/** The configuration of commands that work on the database itself, beside a console or without one. */
import { Effect, type FileSystem, Option } from "effect"
import { Flag } from "effect/cli"
import { defaults } from "../../core/config/ConfigFile.ts"
import type { Config } from "../../core/config/ConfigSchema.ts"
import { loadConfig } from "../../core/config/LoadConfig.ts"
import { ExitStatus } from "../ExitStatus.ts"
import { printable } from "../Printable.ts"

/** The same as of `serve`, and the same environment. */
export const configFlag = Flag.File("config").pipe(
  Flag.withDescription("Configuration of the console; without one, defaults and environment as of muster serve"),
  Flag.optional
)

export const configOf = (file: Option.Option<string>): Effect.Effect<Config, ExitStatus, FileSystem.FileSystem> =>
  Option.match(file, {
    onSome: (path) => loadConfig({ file: path, environment: process.env }),
    onNone: () => Effect.fromResult(defaults(process.env))
  }).pipe(Effect.mapError(({ message }) => new ExitStatus({ status: 2, message })))

/** 2 when it was not to be done like this, 1 when it did not work. */
export const ended = ({ message, reason }: { readonly message: string; readonly reason: string }): ExitStatus =>
  new ExitStatus({ status: reason === "Refused" ? 2 : 1, message: printable(message) })
