/** The `muster` command. Runs when it is imported; `bin/muster.js` does that. */
import { NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Option, Runtime } from "effect"
import { Command } from "effect/cli"
import { check } from "./commands/Check.ts"
import { config } from "./commands/Config.ts"
import { explore } from "./commands/Explore.ts"
import { mutants } from "./commands/Mutants.ts"
import { replay } from "./commands/Replay.ts"
import { scenarios } from "./commands/Scenarios.ts"
import { serve } from "./commands/Serve.ts"
import { ExitStatus } from "./ExitStatus.ts"
import * as UsagePresenter from "./UsagePresenter.ts"
import { version } from "./Version.ts"

const muster = Command.make("muster").pipe(
  Command.withDescription("A fleet console for supervisord, and the simulator that proves it"),
  Command.withSubcommands([serve, check, replay, explore, mutants, scenarios, config])
)

/** Each line says which program wrote it: stderr is often shared with others. */
const signed = (message: string): string => message.replace(/^/gm, "muster: ")

const program = Command.run(muster, { version }).pipe(
  Effect.tapError((error) =>
    error instanceof ExitStatus && error.message !== "" ? Console.error(signed(error.message)) : Effect.void
  ),
  Effect.provide([NodeServices.layer, UsagePresenter.layer])
)

/** Wrong usage is 2: the presenter has told what is wrong by then. */
const statusOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return error instanceof ExitStatus ? error.status : Cause.hasDies(exit.cause) ? 1 : 2
}

/** Effect's own runMain interrupts the program on a signal; here `serve` listens to signals itself, to end in order. */
const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(code)))
})

// Whoever reads the output may go away first. That is no reason to end, least of all for a console in service.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
  })
}

runMain(program, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => {
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
    onExit(statusOf(exit))
  }
})
