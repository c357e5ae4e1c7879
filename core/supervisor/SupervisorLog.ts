/** Reading logs of a supervisord: see `LogReader` for what becomes of the bytes. */
import { Effect } from "effect"
import { type LogChannel, type LogChunk, logBytesMax } from "../domain/Log.ts"
import { NodeError, TimedOut } from "../domain/NodeError.ts"
import { formatId, type ProcessId } from "../domain/Process.ts"
import type { LogRange } from "../fleet/NodeDriver.ts"
import * as LogReader from "./LogReader.ts"
import * as LogSource from "./LogSource.ts"
import type { SupervisorCall } from "./SupervisorCall.ts"

/** Calls for one chunk, at most; finding out the size of a log beyond 2 GiB comes on top. */
const callsMax = 32

/** A byte of a log takes up to five in the reply (`&amp;`), and the rest of the reply its part. */
const replyShare = { perByte: 5, restBytes: 1_024 } as const

export interface SupervisorLogOptions {
  readonly call: SupervisorCall
  readonly methods: LogSource.KnownMethods
  /** For the whole chunk. */
  readonly deadlineMs: number
  /** A reply may not be larger; a chunk that could be is cut. */
  readonly replyBytesMax: number
}

/** Makes the function that reads a chunk. */
export const make = ({ call, deadlineMs, methods, replyBytesMax }: SupervisorLogOptions) => {
  const bytesMax = Math.max(
    1,
    Math.min(logBytesMax, Math.floor((replyBytesMax - replyShare.restBytes) / replyShare.perByte))
  )
  return Effect.fn("SupervisorLog.read")((id: ProcessId, channel: LogChannel, range: LogRange) => {
    const source = LogSource.make({ call, name: formatId(id), channel, callsMax, methods })
    const clamped = { from: range.from, lengthBytesMax: Math.min(range.lengthBytesMax, bytesMax) }
    return Effect.timeoutOrElse(LogReader.read(source, clamped), {
      duration: deadlineMs,
      orElse: (): Effect.Effect<LogChunk, NodeError> =>
        Effect.fail(new NodeError({ operation: "supervisor.readLog", reason: new TimedOut({ afterMs: deadlineMs }) }))
    })
  })
}
