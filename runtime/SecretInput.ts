/** A secret from whoever runs the command: never from its arguments, which everybody on the machine can read. */
import { Effect, Redacted } from "effect"
import { Prompt } from "effect/cli"
import { ExitStatus } from "./ExitStatus.ts"

/** More than any password has. */
const bytesMax = 8_192

const interrupted = new ExitStatus({ status: 130, message: "" })

/** From the variable if it is set, else typed without an echo, else the first line of stdin. */
export const read = (question: string, variable: string) =>
  Effect.suspend(() => {
    const given = process.env[variable]
    if (given !== undefined && given !== "") return Effect.succeed(Redacted.make(given))
    if (process.stdin.isTTY) {
      return Effect.mapError(Prompt.run(Prompt.Hidden({ message: question })), () => interrupted)
    }
    return Effect.flatMap(firstLine, (line) =>
      line === ""
        ? Effect.fail(
            new ExitStatus({ status: 2, message: `${question}: expected it on a terminal, on stdin or in ${variable}` })
          )
        : Effect.succeed(Redacted.make(line))
    )
  })

const firstLine = Effect.callback<string, ExitStatus>((resume) => {
  let text = ""
  const { stdin } = process
  const end = () => {
    stop()
    resume(Effect.succeed((text.split("\n")[0] ?? "").replace(/\r$/, "")))
  }
  const take = (piece: string) => {
    text += piece
    if (text.includes("\n")) end()
    else if (text.length > bytesMax) {
      stop()
      resume(Effect.fail(new ExitStatus({ status: 2, message: "the first line of stdin is too long for a password" })))
    }
  }
  const stop = () => {
    stdin.off("data", take).off("end", end).off("error", end)
    stdin.pause()
  }
  stdin.setEncoding("utf8").on("data", take).on("end", end).on("error", end)
  return Effect.sync(stop)
})
