/** `muster config check FILE`: says what is wrong with a configuration, with line and field. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { loadConfig } from "../../core/config/LoadConfig.ts"
import { counted } from "../Counted.ts"
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

export const config = Command.make("config").pipe(
  Command.withDescription("Work with configuration files"),
  Command.withSubcommands([check])
)
