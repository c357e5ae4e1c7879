/** The `muster` command. Runs when it is imported; `bin/muster.js` does that. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, Option, Runtime } from "effect"
import { Command } from "effect/cli"
import { commandFor } from "./Commands.ts"
import { ExitStatus } from "./ExitStatus.ts"
import * as UsagePresenter from "./UsagePresenter.ts"
import { version } from "./Version.ts"

/** Each line says which program wrote it: stderr is often shared with others. */
const signed = (message: string): string => message.replace(/^/gm, "muster: ")

const program = Command.run(await commandFor(process.argv.slice(2)), { version }).pipe(
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

/** Why output could not be written, other than that nobody reads it any more. */
let unwritten: Error | undefined

// Whoever reads the output may go away first, and a disk may be full. That is no reason to end, least of all for a
// console in service, whose programs would be left behind.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") unwritten ??= error
  })
}

/** A console has served well whatever became of its log; of any other command the output is what was asked for. */
const isServing = process.argv[2] === "serve"

runMain(program, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => {
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
    const status = statusOf(exit)
    // A stream tells of its failure in the next turn.
    setImmediate(() => {
      if (unwritten === undefined || isServing) return onExit(status)
      process.stderr.write(`${signed(`cannot write: ${unwritten.message}`)}\n`)
      return onExit(Math.max(1, status))
    })
  }
})
