/**
 * `muster tail NODE GROUP:NAME`: the newest part of a log; with `-f`, what is written to it then. Notes about the
 * following go to stderr. Exit status 2 when there is no such process.
 */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { logBytesMax } from "../../core/domain/Log.ts"
import type { LogId } from "../../core/domain/Log.ts"
import type { ExitStatus } from "../ExitStatus.ts"
import * as Interruption from "../Interruption.ts"
import * as Output from "../Output.ts"
import { printable, printableLog } from "../Printable.ts"
import { newest } from "./FollowedText.ts"
import type { Amount } from "./FollowedText.ts"
import { follow } from "./LogStream.ts"
import * as Remote from "./Remote.ts"
import { wrongUsage } from "./Usage.ts"

const linesDefault = 10
const linesMax = 100_000

/** Bytes that are read for lines at first; when they are too few, as many as can be had at once are. */
const bytesForLines = 65_536

const flags = {
  node: Argument.String("node"),
  process: Argument.String("process").pipe(Argument.withDescription("group:name, or name when both are the same")),
  follow: Flag.Boolean("follow").pipe(
    Flag.withAlias("f"),
    Flag.withDefault(false),
    Flag.withDescription("Go on with what is written, until Ctrl-C")
  ),
  stderr: Flag.Boolean("stderr").pipe(Flag.withDefault(false), Flag.withDescription("Its stderr instead of stdout")),
  lines: Flag.Int("lines").pipe(
    Flag.withAlias("n"),
    Flag.optional,
    Flag.withDescription(`Show the newest lines; default ${linesDefault}`)
  ),
  bytes: Flag.Int("bytes").pipe(Flag.optional, Flag.withDescription("Show the newest bytes instead of lines")),
  ...Remote.flags
}

export const tail = Command.make(
  "tail",
  flags,
  ({ bytes, follow: following, json, lines, node, process, stderr, url }) =>
    Effect.gen(function* () {
      const amount = yield* amountOf(lines, bytes)
      const [, group, name] = /^(?:([^/:]+):)?([^/:]+)$/.exec(process) ?? []
      if (name === undefined) return yield* wrongUsage(`${printable(process)} is no process, expected group:name`)
      const log: LogId = { node, group: group ?? name, name, channel: stderr ? "stderr" : "stdout" }
      yield* Remote.withRemote(url, (remote) =>
        Effect.gen(function* () {
          const chunk = yield* readNewest(remote, log, amount)
          if (!following) {
            return yield* Output.write(
              json ? `${JSON.stringify(chunk, undefined, 2)}\n` : shown(newest(chunk.text, amount))
            )
          }
          const interruption = yield* Interruption.listen
          return yield* Effect.raceFirst(
            follow(remote.url, log, { token: remote.token, read: chunk.text, amount, json, shown }),
            Effect.andThen(interruption.asked, interruption.end)
          )
        }).pipe(Effect.catchTag("OutputClosed", () => Effect.void))
      )
    })
).pipe(Command.withDescription("Show the newest part of a process's log, and follow it"))

/** Off a terminal a log is what it is: somebody wants to search it. */
const shown = (text: string): string => (process.stdout.isTTY ? printableLog(text) : text)

const amountOf = (lines: Option.Option<number>, bytes: Option.Option<number>): Effect.Effect<Amount, ExitStatus> => {
  if (Option.isSome(lines) && Option.isSome(bytes)) return wrongUsage("give --lines or --bytes, not both")
  if (Option.isSome(bytes)) {
    return bytes.value >= 1 && bytes.value <= logBytesMax
      ? Effect.succeed({ unit: "bytes", count: bytes.value })
      : wrongUsage(`--bytes is ${bytes.value}, expected a number from 1 to ${logBytesMax}`)
  }
  const count = Option.getOrElse(lines, () => linesDefault)
  return count >= 0 && count <= linesMax
    ? Effect.succeed({ unit: "lines", count })
    : wrongUsage(`--lines is ${count}, expected a number from 0 to ${linesMax}`)
}

const readNewest = ({ ask, client }: Remote.Remote, { channel, ...params }: LogId, { count, unit }: Amount) =>
  Effect.gen(function* () {
    const read = (length: number) => ask(client.processes.readLog({ params, query: { channel, length } }))
    if (unit === "bytes") return yield* read(count)
    const chunk = yield* read(bytesForLines)
    const isEnough = chunk.offset === 0 || chunk.text.split("\n").length > count + 1
    if (isEnough) return chunk
    const more = yield* read(logBytesMax)
    if (more.offset > 0 && more.text.split("\n").length <= count + 1) {
      yield* Console.error(`muster: the last ${logBytesMax} bytes hold fewer than ${count} lines`)
    }
    return more
  })
