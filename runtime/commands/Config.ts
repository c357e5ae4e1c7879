/** `muster config`: checks a configuration, shows what counts and why, and says what can be configured. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { inspectDefaults } from "../../core/config/ConfigFile.ts"
import { configExample, tomlOf } from "../../core/config/ConfigExample.ts"
import { configJsonSchema } from "../../core/config/ConfigJsonSchema.ts"
import type { EffectiveSetting, SettingSource } from "../../core/config/EffectiveSettings.ts"
import { inspectFile, loadConfig } from "../../core/config/LoadConfig.ts"
import { counted } from "../Counted.ts"
import { printable } from "../Printable.ts"
import { wrongConfiguration } from "./Serve.ts"

const check = Command.make("check", { file: Argument.File("file") }, ({ file }) =>
  loadConfig({ file, environment: process.env }).pipe(
    Effect.mapError(wrongConfiguration),
    Effect.flatMap((config) =>
      Console.log(
        `${file}: valid, ${counted(config.nodes.length, "node")} and ${counted(config.programs.length, "program")}`
      )
    )
  )
).pipe(Command.withDescription("Check a configuration file"))

const sourceText = (source: SettingSource): string => {
  switch (source.from) {
    case "default":
      return "default"
    case "file":
      return `${source.file}:${source.line}`
    case "environment":
      return source.variable
  }
}

const lineOf = ({ name, source, value }: EffectiveSetting): string =>
  printable(`${name} = ${typeof value === "object" ? JSON.stringify(value) : tomlOf(value)}  # ${sourceText(source)}`)

const show = Command.make(
  "show",
  {
    file: Argument.File("file").pipe(Argument.optional),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("One JSON object"))
  },
  ({ file, json }) =>
    Option.match(file, {
      onNone: () => Effect.fromResult(inspectDefaults(process.env)),
      onSome: (path) => inspectFile({ file: path, environment: process.env })
    }).pipe(
      Effect.mapError(wrongConfiguration),
      Effect.flatMap(({ settings }) =>
        Console.log(json ? JSON.stringify({ settings }, null, 2) : settings.map(lineOf).join("\n"))
      )
    )
).pipe(Command.withDescription("Show every setting with the value that counts and where that comes from; no secrets"))

const schema = Command.make("schema", {}, () => Console.log(JSON.stringify(configJsonSchema, null, 2))).pipe(
  Command.withDescription("Print a JSON Schema of the configuration file")
)

const example = Command.make("example", {}, () => Console.log(configExample().trimEnd())).pipe(
  Command.withDescription("Print a configuration file with every setting, described")
)

export const config = Command.make("config").pipe(
  Command.withDescription("Work with configuration files"),
  Command.withSubcommands([check, show, schema, example])
)
