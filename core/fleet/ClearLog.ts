/**
 * Clearing the logs of a process, judged by their length before and after.
 *
 * supervisord clears only what a running process writes to, and answers `true` for a stopped one all the same: then
 * this has failed. A program that writes so fast that its log is as long as before at the next look cannot be told from
 * one whose log was not cleared; that ends as a timeout.
 */
import { Effect } from "effect"
import { monotonicMs } from "../MonotonicMs.ts"
import { LogChannel } from "../domain/Log.ts"
import type { NodeError } from "../domain/NodeError.ts"
import type { ProcessInfo } from "../domain/Process.ts"
import { isStopped } from "../domain/ProcessState.ts"
import { isPassing, pause, requested } from "./Observation.ts"
import type { OperationContext, Step } from "./Observation.ts"

/** Clears the logs of both channels. Goes on until the operation is cut off when it sees no end before. */
export const clearLog = Effect.fnUntraced(function* (
  context: OperationContext,
  before: ProcessInfo
): Effect.fn.Return<Step, NodeError> {
  const { driver, id } = context
  const sizes = yield* logSizes(context)
  const written = sizes.filter(({ bytes }) => bytes > 0)
  if (written.length === 0) {
    return { outcome: "unchanged", detail: sizes.length === 0 ? "has no log" : "its log was empty", process: before }
  }
  const isAnswered = yield* requested(driver.clearLog(id))
  let process = before
  for (;;) {
    const look = yield* Effect.result(Effect.all({ now: logSizes(context), process: driver.process(id) }))
    if (look._tag === "Success") {
      process = look.success.process
      const { now } = look.success
      const isShorter = written.every(({ bytes, channel }) => (bytesOf(now, channel) ?? 0) < bytes)
      if (isShorter) return { outcome: "done", detail: "its log was cleared", process }
      if (isAnswered && isStopped(process.state) && isStopped(before.state)) return notCleared(process)
    } else if (!isPassing(look.failure)) return yield* look.failure
    yield* pause(context, yield* monotonicMs)
  }
})

const notCleared = (process: ProcessInfo): Step => ({
  outcome: "failed",
  detail: `the node accepted it and cleared nothing, because it is ${process.state}; start it, or clear it on the node`,
  process
})

interface LogSize {
  readonly channel: LogChannel
  readonly bytes: number
}

const bytesOf = (sizes: ReadonlyArray<LogSize>, channel: LogChannel): number | undefined =>
  sizes.find((size) => size.channel === channel)?.bytes

/** The channels that have a log, with its length. A single byte is read: some nodes take 0 for everything. */
const logSizes = ({ driver, id }: OperationContext): Effect.Effect<ReadonlyArray<LogSize>, NodeError> =>
  Effect.map(
    Effect.forEach(LogChannel.literals, (channel) =>
      driver.readLog(id, channel, { from: "end", lengthBytesMax: 1 }).pipe(
        Effect.map(({ size }): ReadonlyArray<LogSize> => [{ channel, bytes: size }]),
        Effect.catch((error) => (hasNoLog(error) ? Effect.succeed<ReadonlyArray<LogSize>>([]) : Effect.fail(error)))
      )
    ),
    (sizes) => sizes.flat()
  )

const hasNoLog = ({ reason }: NodeError): boolean => reason._tag === "Fault" && reason.name === "NO_FILE"
