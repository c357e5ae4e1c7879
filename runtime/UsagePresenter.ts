/**
 * What the command prints about its own usage. Help that was asked for is an answer and goes to stdout. Wrong usage
 * goes to stderr alone, as a line for each mistake and where to read on, so that a pipe never takes help for results.
 */
import { Console, Effect } from "effect"
import { CliOutput } from "effect/cli"

export const layer = CliOutput.layerPresenter({
  present: (event) => {
    switch (event._tag) {
      case "InvalidInvocation": {
        const lines = event.errors.map((error) => `muster: ${error.message}`)
        return Console.error([...lines, `try: ${event.commandPath.join(" ")} --help`].join("\n"))
      }
      case "Help":
        return event.reason === "Requested"
          ? CliOutput.defaultPresenter.present(event)
          : Effect.flatMap(CliOutput.Formatter, (formatter) => Console.error(formatter.formatHelpDoc(event.helpDoc)))
      case "Version":
        return CliOutput.defaultPresenter.present(event)
    }
  }
})
